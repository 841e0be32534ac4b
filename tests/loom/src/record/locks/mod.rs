//! Waits for locks.

pub(crate) mod models;
#[path = "../../../../../perf-sdk/src/record/locks/table.rs"]
mod table;
