//! Functions that return a `Result`: the body runs in a closure, which must not be noticeable.

use std::cell::RefCell;
use std::error::Error;
use std::fmt;
use std::panic::catch_unwind;
use std::rc::Rc;

use perf_sdk::profiled;

use crate::assert_recorded;

#[profiled]
fn parse(text: &str) -> Result<u32, std::num::ParseIntError> {
    let number = text.parse::<u32>()?;
    assert_ne!(number, 13);
    if number == 0 {
        return Ok(1);
    }
    Ok(number)
}

#[test]
fn ok_error_and_panic_are_distinguished() {
    assert_eq!(parse("5"), Ok(5));
    assert_eq!(parse("0"), Ok(1));
    assert!(parse("x").is_err());
    assert!(catch_unwind(|| parse("13")).is_err());
    assert_recorded!("parse", [2, 1, 1, 0]);
}

struct Shelf {
    items: Vec<String>,
}

impl Shelf {
    #[profiled]
    fn get(&mut self, at: usize) -> Result<&mut String, usize> {
        let count = self.items.len();
        self.items.get_mut(at).ok_or(count)
    }

    #[profiled]
    fn first(&self) -> Result<&str, Box<dyn Error + '_>> {
        Ok(self.items.first().ok_or("empty")?)
    }

    #[allow(clippy::boxed_local)] // this is tested
    #[profiled]
    fn into_items(self: Box<Self>) -> Result<Vec<String>, ()> {
        Ok(self.items)
    }
}

#[test]
fn result_of_a_mutable_borrow_of_self() {
    let mut shelf = Shelf { items: vec![String::from("a")] };
    shelf.get(0).unwrap().push('b');
    assert_eq!(shelf.get(1), Err(1));
    assert_eq!(shelf.first().unwrap(), "ab");
    assert_eq!(Box::new(shelf).into_items(), Ok(vec![String::from("ab")]));
    assert_recorded!("Shelf::get", [1, 1, 0, 0]);
    assert_recorded!("Shelf::first", [1, 0, 0, 0]);
    assert_recorded!("Shelf::into_items", [1, 0, 0, 0]);
}

#[allow(clippy::needless_lifetimes)] // this is tested
#[profiled]
fn advance<'a>(mut cursor: &'a mut [u8], by: usize) -> Result<&'a mut u8, usize> {
    if by > cursor.len() {
        return Err(cursor.len());
    }
    cursor = &mut cursor[by..];
    match cursor {
        [] => Err(0),
        [first, ..] => Ok(first),
    }
}

#[test]
fn a_reassigned_parameter_that_is_returned() {
    let mut bytes = [1, 2, 3];
    *advance(&mut bytes, 2).unwrap() = 9;
    assert_eq!(advance(&mut bytes, 4), Err(3));
    assert_eq!(bytes, [1, 2, 9]);
    assert_recorded!("advance", [1, 1, 0, 0]);
}

#[derive(Debug)]
struct Odd;

impl fmt::Display for Odd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("odd")
    }
}

impl Error for Odd {}

#[profiled]
fn boxed(number: u32) -> Result<Box<dyn Fn() -> u32>, Box<dyn Error>> {
    if number == 0 {
        return Ok(Box::new(|| 0));
    }
    if number == 1 {
        return Err(Box::new(Odd));
    }
    number.checked_sub(10).ok_or(Odd)?;
    Ok(Box::new(move || number))
}

#[test]
fn box_dyn_coercions_at_return() {
    assert_eq!(boxed(0).unwrap()(), 0);
    assert_eq!(boxed(11).unwrap()(), 11);
    assert_eq!(boxed(1).err().unwrap().to_string(), "odd");
    assert!(boxed(5).is_err());
    assert_recorded!("boxed", [2, 2, 0, 0]);
}

macro_rules! bail {
    ($text:expr) => {
        return Err(From::from($text))
    };
}

#[profiled]
fn bails(really: bool) -> Result<u32, String> {
    if really {
        bail!("no");
    }
    Ok(1)
}

#[profiled]
fn bails_without_a_result(really: bool) -> Option<u32> {
    macro_rules! leave {
        () => {
            return None
        };
    }
    if really {
        leave!();
    }
    Some(1)
}

#[test]
fn returns_that_a_macro_hides() {
    assert_eq!(bails(true), Err(String::from("no")));
    assert_eq!(bails(false), Ok(1));
    assert_eq!(bails_without_a_result(true), None);
    assert_eq!(bails_without_a_result(false), Some(1));
    assert_recorded!("bails", [1, 1, 0, 0]);
    assert_recorded!("bails_without_a_result", [2, 0, 0, 0]);
}

#[profiled]
fn opaque(fail: bool) -> Result<impl Iterator<Item = u32>, Box<dyn Error>> {
    if fail {
        Err("no")?;
    }
    Ok(1..3)
}

#[test]
fn result_of_impl_trait() {
    assert_eq!(opaque(false).unwrap().sum::<u32>(), 3);
    assert!(opaque(true).is_err());
    assert_recorded!("opaque", [1, 1, 0, 0]);
}

mod odd_results {
    use perf_sdk::profiled;

    #[derive(Debug, PartialEq)]
    pub struct Result<T>(pub T);

    #[profiled]
    pub fn only_called_result() -> Result<u32> {
        Result(1)
    }

    pub trait Job {
        type Result;
        fn run(&self) -> Self::Result;
    }

    pub struct Add(pub u32);

    impl Job for Add {
        type Result = u32;

        #[profiled]
        fn run(&self) -> Self::Result {
            self.0 + 1
        }
    }

    #[profiled]
    pub fn generic<J: Job>(job: &J) -> J::Result {
        job.run()
    }
}

#[test]
fn a_type_that_is_only_called_result() {
    assert_eq!(odd_results::only_called_result(), odd_results::Result(1));
    assert_eq!(odd_results::generic(&odd_results::Add(1)), 2);
    for name in ["only_called_result", "<Add as Job>::run", "generic"] {
        assert_eq!(crate::outcomes(concat!(module_path!(), "::odd_results"), name), [1, 0, 0, 0]);
    }
}

#[profiled]
fn alias(fail: bool) -> std::io::Result<()> {
    if fail { Err(std::io::ErrorKind::NotFound.into()) } else { Ok(()) }
}

#[profiled]
fn formats(f: &mut dyn fmt::Write) -> fmt::Result {
    f.write_str("x")
}

#[test]
fn aliases_called_result() {
    assert!(alias(true).is_err());
    assert!(alias(false).is_ok());
    let mut text = String::new();
    formats(&mut text).unwrap();
    assert_eq!(text, "x");
    assert_recorded!("alias", [1, 1, 0, 0]);
    assert_recorded!("formats", [1, 0, 0, 0]);
}

#[profiled]
fn generic<T, E: From<u8>>(value: Option<T>) -> Result<T, E> {
    Ok(value.ok_or(7)?)
}

#[test]
fn a_generic_result() {
    assert_eq!(generic::<_, u16>(Some('a')), Ok('a'));
    assert_eq!(generic::<char, u16>(None), Err(7));
    assert_recorded!("generic", [1, 1, 0, 0]);
}

#[derive(Clone)]
struct Dropped(&'static str, Rc<RefCell<Vec<&'static str>>>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.1.borrow_mut().push(self.0);
    }
}

mod drops {
    use super::Dropped;

    pub fn plain(a: Dropped, (b, _c): (Dropped, Dropped), d: Dropped) -> Result<usize, ()> {
        let local = Dropped("local", a.1.clone());
        Ok(d.0.len() + b.0.len() + local.0.len())
    }

    #[perf_sdk::profiled]
    pub fn measured(a: Dropped, (b, _c): (Dropped, Dropped), d: Dropped) -> Result<usize, ()> {
        let local = Dropped("local", a.1.clone());
        Ok(d.0.len() + b.0.len() + local.0.len())
    }

    pub async fn plain_async(a: Dropped, (b, _c): (Dropped, Dropped), d: Dropped) -> usize {
        let local = Dropped("local", a.1.clone());
        d.0.len() + b.0.len() + local.0.len()
    }

    #[perf_sdk::profiled]
    pub async fn measured_async(a: Dropped, (b, _c): (Dropped, Dropped), d: Dropped) -> usize {
        let local = Dropped("local", a.1.clone());
        d.0.len() + b.0.len() + local.0.len()
    }
}

mod whole_drops {
    use super::Dropped;

    pub async fn plain(a: Dropped, _b: Dropped, c: Dropped) -> usize {
        let local = Dropped("local", a.1.clone());
        crate::Yield::default().await;
        c.0.len() + local.0.len()
    }

    #[perf_sdk::profiled]
    pub async fn measured(a: Dropped, _b: Dropped, c: Dropped) -> usize {
        let local = Dropped("local", a.1.clone());
        crate::Yield::default().await;
        c.0.len() + local.0.len()
    }
}

#[test]
fn parameters_of_async_fns_are_dropped_in_the_same_order() {
    let order = |call: fn(Dropped, Dropped, Dropped) -> usize| {
        let log = Rc::default();
        let new = |name| Dropped(name, Rc::clone(&log));
        assert_eq!(call(new("a"), new("b"), new("c")), 6);
        log.take()
    };
    let plain = order(|a, b, c| crate::block_on(whole_drops::plain(a, b, c)));
    assert_eq!(plain, ["local", "c", "b", "a"]);
    assert_eq!(order(|a, b, c| crate::block_on(whole_drops::measured(a, b, c))), plain);
}

#[test]
fn parameters_are_dropped_in_the_same_order() {
    let order = |call: fn(Dropped, (Dropped, Dropped), Dropped)| {
        let log = Rc::default();
        let new = |name| Dropped(name, Rc::clone(&log));
        call(new("a"), (new("b"), new("c")), new("d"));
        log.take()
    };
    let plain = order(|a, b, d| assert_eq!(drops::plain(a, b, d), Ok(7)));
    assert_eq!(order(|a, b, d| assert_eq!(drops::measured(a, b, d), Ok(7))), plain);
    let plain = order(|a, b, d| assert_eq!(crate::block_on(drops::plain_async(a, b, d)), 7));
    assert_eq!(order(|a, b, d| assert_eq!(crate::block_on(drops::measured_async(a, b, d)), 7)), plain);
}
