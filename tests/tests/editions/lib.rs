//! `#[profiled]` in crates of older editions. `macro_editions.rs` builds and tests this as one
//! crate for each edition.
#![allow(bare_trait_objects, unsafe_op_in_unsafe_fn)]

extern crate perf_sdk;

mod blocking;
#[cfg(feature = "futures")]
mod futures;

/// How often `name` ended with ok and with error.
fn recorded(name: &str) -> (u64, u64) {
    let functions = perf_sdk::snapshot().functions;
    let function = functions.iter().find(|function| function.name == name).expect("a recorded call");
    (function.calls.ok, function.calls.error)
}
