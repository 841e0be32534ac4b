//! The live heap.

pub(crate) mod models;
#[path = "../../../../../perf-sdk/src/memory/live/table.rs"]
mod table;
