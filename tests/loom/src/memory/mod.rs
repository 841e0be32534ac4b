//! Memory, as far as threads meet in its figures.

pub(crate) mod live;

#[path = "../../../../perf-sdk/src/memory/tallies.rs"]
mod tallies;

pub(crate) use tallies::Tallies;
