//! The effect of each option.

use std::future::{Future, ready};
use std::pin::Pin;

use perf_sdk::profiled;

use crate::{assert_recorded, block_on, find};

#[profiled(name = "a name of its own")]
fn named() {}

const NAME: &str = "from a constant";

#[profiled(name = NAME)]
fn named_by_constant() {}

macro_rules! named {
    ($function:ident, $name:literal) => {
        #[profiled(name = $name)]
        fn $function() {}
    };
}

named!(named_by_fragment, "from a fragment");

#[profiled(name = concat!("from", " ", "a macro"))]
fn named_by_macro() {}

#[test]
fn name() {
    named();
    named_by_constant();
    named_by_fragment();
    named_by_macro();
    for name in ["a name of its own", "from a constant", "from a fragment", "from a macro"] {
        assert_recorded!(name, [1, 0, 0, 0]);
    }
    assert!(find(module_path!(), "named").is_none());
}

#[profiled(skip)]
fn skipped() {}

#[test]
fn skip() {
    skipped();
    assert!(find(module_path!(), "skipped").is_none());
}

#[profiled(sample = always)]
fn always() {}

#[profiled(sample = never)]
fn never(fail: bool) -> Result<(), ()> {
    if fail { Err(()) } else { Ok(()) }
}

#[test]
fn sample() {
    for call in 0..1000 {
        always();
        let _ = never(call % 4 == 0);
    }
    assert_eq!(find(module_path!(), "always").unwrap().wall.count(), 1000);
    assert_recorded!("never", [750, 250, 0, 0]);
    assert_eq!(find(module_path!(), "never").unwrap().wall.count(), 0);
}

#[profiled(cpu = false)]
fn without_cpu() {}

#[profiled(alloc = false)]
fn without_alloc() {}

#[test]
fn cpu_and_alloc() {
    without_cpu();
    without_alloc();
    assert!(find(module_path!(), "without_cpu").unwrap().cpu.is_none());
    let found = find(module_path!(), "without_alloc").unwrap();
    assert!(found.cpu.is_some() && found.bytes.is_none());
}

type Parsed = Result<u32, std::num::ParseIntError>;

#[profiled]
fn alias(text: &str) -> Parsed {
    text.parse()
}

#[profiled(result = true)]
fn alias_of_result(text: &str) -> Parsed {
    let number: u32 = text.parse()?;
    Ok(number)
}

#[profiled(result = false)]
fn expected_errors(text: &str) -> Result<u32, std::num::ParseIntError> {
    text.parse()
}

#[profiled(result = true)]
async fn async_alias_of_result(text: &str) -> Parsed {
    let number: u32 = text.parse()?;
    Ok(number)
}

#[test]
fn result() {
    for text in ["1", "x"] {
        let _ = alias(text);
        let _ = alias_of_result(text);
        let _ = expected_errors(text);
        let _ = block_on(async_alias_of_result(text));
    }
    assert_recorded!("alias", [2, 0, 0, 0]);
    assert_recorded!("alias_of_result", [1, 1, 0, 0]);
    assert_recorded!("expected_errors", [2, 0, 0, 0]);
    assert_recorded!("async_alias_of_result", [1, 1, 0, 0]);
}

type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

#[profiled(future = true)]
fn alias_of_future(text: &str) -> BoxFuture<'_, Result<u32, String>> {
    Box::pin(async move { text.parse().map_err(|_| text.to_owned()) })
}

#[profiled(future = true, error = display)]
fn alias_made_elsewhere(text: &str) -> BoxFuture<'_, Result<u32, String>> {
    alias_of_future(text)
}

#[profiled(future = true, result = false)]
fn alias_that_may_fail(text: &str) -> BoxFuture<'_, Result<u32, String>> {
    alias_of_future(text)
}

trait Service {
    type Future: Future<Output = u32>;
    fn call(&self) -> Self::Future;
}

struct One;

impl Service for One {
    type Future = BoxFuture<'static, u32>;

    #[profiled(future = true)]
    fn call(&self) -> Self::Future {
        Box::pin(ready(1))
    }
}

/// The bound `Future` under another name.
trait Number: Future<Output = u32> {}
impl<F: Future<Output = u32>> Number for F {}

#[profiled(future = true)]
fn bound_with_another_name() -> impl Number {
    ready(1)
}

#[profiled(future = false)]
fn only_the_making() -> impl Future<Output = Result<u32, ()>> {
    ready(Err(()))
}

#[test]
fn future() {
    assert_eq!(block_on(alias_made_elsewhere("1")), Ok(1));
    assert_eq!(block_on(alias_made_elsewhere("x")), Err(String::from("x")));
    assert_eq!(block_on(alias_that_may_fail("x")), Err(String::from("x")));
    assert_eq!(block_on(One.call()), 1);
    assert_eq!(block_on(bound_with_another_name()), 1);
    assert_eq!(block_on(only_the_making()), Err(()));
    assert_recorded!("alias_of_future", [1, 2, 0, 0]);
    assert_recorded!("alias_made_elsewhere", [1, 1, 0, 0]);
    assert_eq!(find(module_path!(), "alias_made_elsewhere").unwrap().last_error.as_deref(), Some("x"));
    assert_recorded!("alias_that_may_fail", [1, 0, 0, 0]);
    assert_recorded!("<One as Service>::call", [1, 0, 0, 0]);
    assert!(find(module_path!(), "<One as Service>::call").unwrap().future.is_some());
    assert_recorded!("bound_with_another_name", [1, 0, 0, 0]);
    assert!(find(module_path!(), "bound_with_another_name").unwrap().future.is_some());
    assert_recorded!("only_the_making", [1, 0, 0, 0]);
    assert!(find(module_path!(), "only_the_making").unwrap().future.is_none());
}

#[profiled(error = display)]
fn explains(text: &str) -> Result<u32, std::num::ParseIntError> {
    text.parse()
}

#[profiled(error = display)]
async fn explains_later(text: &str) -> Result<&str, Box<dyn std::error::Error + Send + Sync>> {
    if text.is_empty() { Err("nothing given")? } else { Ok(text) }
}

#[profiled(error = display)]
fn explains_boxed(length: usize) -> Pin<Box<dyn Future<Output = Result<(), String>>>> {
    Box::pin(async move { Err("é".repeat(length)) })
}

struct Silent;

#[profiled(error = display)]
fn has_nothing_to_say() -> Result<u32, Silent> {
    Err(Silent)
}

#[profiled(error = display)]
fn may_have_nothing_to_say<E>(error: E) -> Result<u32, E> {
    Err(error)
}

#[test]
fn error_display() {
    let last = |name| find(module_path!(), name).unwrap().last_error;
    assert_eq!(explains("1"), Ok(1));
    assert_eq!(last("explains"), None);
    assert!(explains("x").is_err());
    assert!(explains("").is_err());
    assert_eq!(last("explains").as_deref(), Some("cannot parse integer from empty string"));
    assert_recorded!("explains", [1, 2, 0, 0]);
    assert!(block_on(explains_later("")).is_err());
    assert_eq!(last("explains_later").as_deref(), Some("nothing given"));
    assert!(block_on(explains_boxed(200)).is_err());
    let kept = last("explains_boxed").unwrap();
    assert!(kept.len() <= 256 && kept.chars().all(|c| c == 'é'), "{kept}");
    assert!(has_nothing_to_say().is_err());
    assert!(may_have_nothing_to_say(Silent).is_err());
    assert_eq!((last("has_nothing_to_say"), last("may_have_nothing_to_say")), (None, None));
    assert_recorded!("has_nothing_to_say", [0, 1, 0, 0]);
    assert_recorded!("may_have_nothing_to_say", [0, 1, 0, 0]);
}

#[profiled(hot = count)]
fn counted_whatever_that_takes() {}

struct Lexer;

#[profiled(hot = rest, sample = never)]
impl Lexer {
    fn peek() {}

    #[profiled(hot = count)]
    fn next() {}
}

#[test]
fn hot() {
    counted_whatever_that_takes();
    Lexer::peek();
    Lexer::next();
    for name in ["counted_whatever_that_takes", "Lexer::peek", "Lexer::next"] {
        assert_recorded!(name, [1, 0, 0, 0]);
    }
}

#[profiled]
fn an_iterator() -> impl Iterator<Item = u32> {
    0..3
}

#[profiled]
fn a_boxed_iterator() -> Box<dyn Iterator<Item = u32> + Send> {
    Box::new(0..3)
}

#[profiled(cpu = false, future = false)]
fn an_unmeasured_future() -> impl Future<Output = u32> {
    std::future::ready(1)
}

#[profiled]
fn a_measured_future() -> impl Future<Output = u32> {
    std::future::ready(1)
}

#[profiled]
fn a_number() -> Box<u32> {
    Box::new(1)
}

#[test]
fn functions_that_return_iterators_or_unmeasured_futures_are_lazy() {
    assert_eq!(an_iterator().chain(a_boxed_iterator()).count(), 6);
    assert_eq!(crate::block_on(an_unmeasured_future()) + crate::block_on(a_measured_future()) + *a_number(), 3);
    let is_lazy = |name: &str| crate::find(module_path!(), name).unwrap().is_lazy;
    assert!(["an_iterator", "a_boxed_iterator", "an_unmeasured_future"].into_iter().all(is_lazy));
    assert!(!["a_measured_future", "a_number"].into_iter().any(is_lazy));
}
