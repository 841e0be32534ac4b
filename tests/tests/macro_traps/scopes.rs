//! Measurements without the attribute: a block, a closure, any future, work that was timed
//! elsewhere.

use std::panic::catch_unwind;
use std::time::Duration;

use perf_sdk::{FutureExt as _, Outcome, measure, profiled, record};

use crate::{Yield, assert_recorded, block_on};

#[profiled]
fn phases(stop: bool) -> u32 {
    {
        perf_sdk::scope!("first phase");
        if stop {
            return 0;
        }
    }
    perf_sdk::scope!("second phase",);
    perf_sdk::scope!(concat!("third", " phase"));
    1
}

#[test]
fn scope_measures_the_rest_of_a_block() {
    assert_eq!(phases(false) + phases(true), 1);
    assert!(
        catch_unwind(|| -> u8 {
            perf_sdk::scope!("panicking phase");
            panic!("on purpose")
        })
        .is_err()
    );
    assert_recorded!("first phase", [2, 0, 0, 0]);
    assert_recorded!("second phase", [1, 0, 0, 0]);
    assert_recorded!("third phase", [1, 0, 0, 0]);
    assert_recorded!("panicking phase", [0, 0, 1, 0]);
}

/// The figures of a name that is unique in this program: `measure`, `profiled` and `record` have no
/// module.
fn outcomes(name: &str) -> [u64; 4] {
    let functions = perf_sdk::snapshot().functions;
    let calls = functions.iter().find(|function| function.name == name).unwrap_or_else(|| panic!("no {name}")).calls;
    [calls.ok, calls.error, calls.panic, calls.cancelled]
}

#[test]
fn measure_measures_a_closure() {
    let mut text = String::from("a");
    let length = measure("measured closure", || {
        text.push('b');
        text.len()
    });
    assert_eq!(length, 2);
    assert!(catch_unwind(|| measure("measured panic", || panic!("on purpose"))).is_err());
    assert_eq!(outcomes("measured closure"), [1, 0, 0, 0]);
    assert_eq!(outcomes("measured panic"), [0, 0, 1, 0]);
}

#[test]
fn any_future_can_be_measured() {
    assert_eq!(block_on(async { 1 }.profiled("measured future")), 1);
    let value = async {
        Yield::default().await;
        perf_sdk::scope!("inside a future");
        2
    };
    assert_eq!(block_on(value.profiled("measured future")), 2);
    assert_eq!(outcomes("measured future"), [2, 0, 0, 0]);
    assert_recorded!("inside a future", [1, 0, 0, 0]);
}

#[test]
fn record_takes_work_that_was_timed_elsewhere() {
    record("timed elsewhere", Duration::from_millis(3), Outcome::Ok);
    record("timed elsewhere", Duration::from_millis(3), Outcome::Error);
    record("timed elsewhere", Duration::from_millis(3), Outcome::Panic);
    record("timed elsewhere", Duration::from_millis(3), Outcome::Cancelled);
    assert_eq!(outcomes("timed elsewhere"), [1, 1, 1, 1]);
}
