//! `#[profiled]` in a `#![no_std]` crate: generated code cannot use `::std`.
#![no_std]
#![forbid(unsafe_code)]
#![allow(unreachable_pub)] // visibilities are part of what is tested

use core::future::Future;
use core::pin::{Pin, pin};
use core::task::{Context, Poll, Waker};

use perf_sdk::profiled;

#[profiled]
fn plain(value: u32) -> u32 {
    value + 1
}

#[profiled(error = display)]
fn fails(value: u32) -> Result<u32, core::num::ParseIntError> {
    if value > 1 { "x".parse() } else { Ok(value) }
}

#[profiled]
async fn later(value: u32) -> Result<u32, u32> {
    Err(value)
}

struct Ready;

impl Future for Ready {
    type Output = u32;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<u32> {
        Poll::Ready(3)
    }
}

#[profiled]
fn opaque() -> impl Future<Output = u32> {
    Ready
}

#[profiled]
mod inner {
    pub struct Type;

    impl Type {
        pub fn method(&self) -> Option<u32> {
            Some(1)
        }
    }
}

fn poll<F: Future>(future: F) -> Poll<F::Output> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn every_form_of_the_attribute_without_std() {
    perf_sdk::scope!("no_std scope");
    assert_eq!(plain(1), 2);
    assert!(fails(2).is_err() && fails(1) == Ok(1));
    assert_eq!(poll(later(4)), Poll::Ready(Err(4)));
    assert_eq!(poll(opaque()), Poll::Ready(3));
    assert_eq!(inner::Type.method(), Some(1));
    let functions = perf_sdk::snapshot().functions;
    let ended = |name: &str| {
        let function = functions.iter().find(|function| function.name == name).unwrap();
        (function.calls.ok, function.calls.error)
    };
    assert_eq!(ended("plain"), (1, 0));
    assert_eq!(ended("fails"), (1, 1));
    assert_eq!(ended("later"), (0, 1));
    assert_eq!(ended("opaque"), (1, 0));
    assert_eq!(ended("Type::method"), (1, 0));
}
