//! Samples one by one, in a document of the flamegraph viewer.

#[cfg(feature = "enabled")]
use serde::Serialize;

/// The samples, oldest first, in columns.
#[cfg_attr(not(all(feature = "flight", feature = "stacks")), allow(dead_code, reason = "samples are not kept"))]
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "enabled", derive(Serialize))]
pub(super) struct Times {
    /// The begin of the window, in microseconds since the Unix epoch.
    pub(super) start_us: u64,
    /// Microseconds since the sample before; of the first one since the start.
    pub(super) after_us: Vec<u64>,
    /// Rows of the document.
    pub(super) row: Vec<u32>,
    /// The CPU time for which each stands, in nanoseconds.
    pub(super) ns: Vec<u64>,
}

/// The samples that fell in calls of one function that were slower than its p99.
#[cfg_attr(
    not(all(feature = "flight", feature = "serve", feature = "stacks")),
    allow(dead_code, reason = "of a route")
)]
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "enabled", derive(Serialize))]
pub(super) struct SlowSet {
    /// `module::function`.
    pub(super) function: String,
    /// Of all its calls since the start.
    pub(super) p99_ns: u64,
    /// The number of calls that are kept.
    pub(super) kept: u32,
    /// The number of these that took at least that long.
    pub(super) slower: u32,
    /// Places in the list of samples, ascending.
    pub(super) samples: Vec<u32>,
}
