//! What the profiler says of itself.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Counts of what could not be recorded, by reason. Reasons are lower-case words such as `depth`, `reentered`, `clock`.
pub type Dropped = BTreeMap<String, u64>;

/// The profiler's own figures.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Profiler {
    /// Annotated places that ran at least once.
    pub sites: u64,
    /// Threads that recorded something and live.
    pub threads: u64,
    /// Memory held by the recorder, bytes.
    pub memory_bytes: u64,
    /// The thread CPU clock in use: `perf-time`, `perf-seq`, `rseq` or `syscall`.
    pub cpu_clock: String,
    /// Estimated time that recording itself cost, nanoseconds.
    pub overhead_ns: u64,
    /// What could not be recorded.
    pub dropped: Dropped,
}
