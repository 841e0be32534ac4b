//! `#[profiled]` on every kind of function, in every known hostile context: it compiles, the
//! function returns the same as before, and the call is recorded with the right name and outcome.
#![allow(unreachable_pub)] // visibilities are part of what is tested

mod containers;
mod futures;
mod hygiene;
mod kinds;
mod lints;
mod naming;
mod options;
mod renamed;
mod results;
mod scopes;

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use perf_sdk::snapshot::Function;

/// The figures of `name` in `module`, if it was called.
fn find(module: &str, name: &str) -> Option<Function> {
    perf_sdk::snapshot().functions.into_iter().find(|function| function.module == module && function.name == name)
}

/// How often `name` in `module` ended with ok, error, panic, and cancelled.
fn outcomes(module: &str, name: &str) -> [u64; 4] {
    let function = find(module, name);
    assert!(function.is_some(), "no call of {name} was recorded in {module}, only of {:?}", names(module));
    let function = function.unwrap();
    let calls = function.calls;
    [calls.ok, calls.error, calls.panic, calls.cancelled]
}

fn names(module: &str) -> Vec<String> {
    let functions = perf_sdk::snapshot().functions.into_iter();
    functions.filter(|function| function.module == module).map(|function| function.name).collect()
}

/// Asserts how often a function of this module ended with ok, error, panic, and cancelled.
macro_rules! assert_recorded {
    ($name:expr, $outcomes:expr) => {
        assert_eq!(crate::outcomes(module_path!(), $name), $outcomes, "{}", $name)
    };
}
use assert_recorded;

fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return value;
        }
    }
}

/// Pending once.
#[derive(Default)]
struct Yield(bool);

impl Future for Yield {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.0, true) { Poll::Ready(()) } else { Poll::Pending }
    }
}
