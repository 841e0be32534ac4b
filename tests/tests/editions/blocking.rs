use std::cell::RefCell;
use std::error::Error;

use perf_sdk::profiled;

use crate::recorded;

struct Shelf {
    items: Vec<u32>,
    name: String,
}

#[profiled]
impl Shelf {
    fn get(&mut self, at: usize) -> Result<&mut u32, &str> {
        self.name.push('!');
        self.items.get_mut(at).ok_or("none")
    }

    fn last<'a>(mut items: &'a mut [u32]) -> Result<&'a mut u32, ()> {
        while items.len() > 1 {
            items = &mut { items }[1..];
        }
        items.first_mut().ok_or(())
    }

    unsafe fn read(pointer: *const u32) -> Result<u32, ()> {
        Ok(*pointer)
    }

    fn bare(fail: bool) -> Result<Box<Fn() -> u32 + Send>, Box<Error>> {
        if fail {
            return Err("no".into());
        }
        Ok(Box::new(|| 1))
    }
}

#[test]
fn results() {
    let mut shelf = Shelf { items: vec![1, 2], name: String::new() };
    *shelf.get(1).unwrap() += 1;
    assert_eq!(shelf.get(5), Err("none"));
    *Shelf::last(&mut shelf.items).unwrap() += 1;
    assert_eq!(unsafe { Shelf::read(&shelf.items[1]) }, Ok(4));
    assert_eq!(Shelf::bare(false).unwrap()(), 1);
    assert!(Shelf::bare(true).is_err());
    assert_eq!(recorded("Shelf::get"), (1, 1));
    assert_eq!(recorded("Shelf::last"), (1, 0));
    assert_eq!(recorded("Shelf::read"), (1, 0));
    assert_eq!(recorded("Shelf::bare"), (1, 1));
}

thread_local!(static LOG: RefCell<Vec<&'static str>> = RefCell::new(Vec::new()));

struct Dropped(&'static str);

impl Dropped {
    fn len(&self) -> usize {
        self.0.len()
    }
}

impl Drop for Dropped {
    fn drop(&mut self) {
        LOG.with(|log| log.borrow_mut().push(self.0));
    }
}

macro_rules! tails {
    ($(#[$attribute:meta])*) => {
        $(#[$attribute])*
        pub fn plain() -> usize {
            let _local = Dropped("local");
            Dropped("temporary").len()
        }

        $(#[$attribute])*
        pub fn fallible() -> Result<usize, ()> {
            let _local = Dropped("local");
            Ok(Dropped("temporary").len())
        }

        $(#[$attribute])*
        pub fn items_first() -> usize {
            const LOCAL: &'static str = "local";
            let _local = Dropped(LOCAL);
            Dropped("temporary").len()
        }
    };
}

mod without {
    use super::Dropped;
    tails!();
}

mod with {
    use super::Dropped;
    tails!(#[perf_sdk::profiled]);
}

#[test]
fn temporaries_of_the_last_expression_are_dropped_as_in_the_edition() {
    fn order<T>(call: fn() -> T) -> Vec<&'static str> {
        call();
        LOG.with(|log| log.borrow_mut().drain(..).collect())
    }
    assert_eq!(order(without::plain), ["local", "temporary"]);
    assert_eq!(order(with::plain), order(without::plain));
    assert_eq!(order(with::fallible), order(without::fallible));
    assert_eq!(order(with::items_first), order(without::items_first));
    assert_eq!(recorded("plain"), (1, 0));
}
