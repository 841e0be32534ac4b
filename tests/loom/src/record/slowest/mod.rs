//! The slowest calls of a window.

#[path = "../../../../../perf-sdk/src/record/slowest/bank.rs"]
mod bank;

pub(crate) mod models;
