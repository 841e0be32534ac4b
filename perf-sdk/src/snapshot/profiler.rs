//! What the profiler says of itself.

use std::collections::BTreeMap;

#[cfg(feature = "enabled")]
use serde::{Deserialize, Serialize};

use super::Delivery;

/// Counts of what could not be recorded, by reason. Reasons are lower-case words such as `depth`, `reentered`, `clock`.
pub type Dropped = BTreeMap<String, u64>;

/// Shares of the process's CPU time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "enabled", derive(Serialize, Deserialize))]
#[non_exhaustive]
pub struct Budget {
    /// What recording may take.
    pub allowed: f64,
    /// What it takes, with scrapes and the profiler's own threads. An estimate from calls that are timed where they happen.
    pub achieved: f64,
    /// Of that, what counting calls takes, which measuring fewer of them cannot save.
    pub floor: f64,
}

/// A function whose calls are so many that counting them alone is felt: leave its annotation out.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "enabled", derive(Serialize, Deserialize))]
#[non_exhaustive]
pub struct Counted {
    /// The function.
    pub name: String,
    /// Its module.
    pub module: String,
    /// What counting its calls takes, as a share of the process's CPU time.
    pub share: f64,
}

/// The profiler's own figures.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "enabled", derive(Serialize, Deserialize))]
#[non_exhaustive]
pub struct Profiler {
    /// Annotated places that ran at least once.
    pub sites: u64,
    /// Threads that recorded something and live.
    pub threads: u64,
    /// Memory held by the recorder, bytes.
    pub memory_bytes: u64,
    /// What it may hold, bytes.
    #[cfg_attr(feature = "enabled", serde(default))]
    pub memory_limit_bytes: u64,
    /// The thread CPU clock in use: `perf-time`, `rseq`, `perf-seq` or `syscall`.
    pub cpu_clock: String,
    /// Whether the live heap is sampled: `on`, or why not.
    #[cfg_attr(feature = "enabled", serde(default))]
    pub heap: String,
    /// Whether stacks are sampled: `on` and how, `off`, or why they cannot be.
    #[cfg_attr(feature = "enabled", serde(default))]
    pub stacks: String,
    /// Estimated time that recording itself cost, nanoseconds: with a budget by its account, else by what empty calls cost.
    pub overhead_ns: u64,
    /// What the budget allows and what recording takes, between the last two looks; absent without a budget.
    #[cfg_attr(feature = "enabled", serde(default))]
    pub budget: Option<Budget>,
    /// To whom most of the budget's floor is due, the dearest first; at most ten.
    #[cfg_attr(feature = "enabled", serde(default))]
    pub counted: Vec<Counted>,
    /// How it goes with profiles that are pushed or written; empty where none are.
    #[cfg_attr(feature = "enabled", serde(default))]
    pub deliveries: Vec<Delivery>,
    /// Connections of the endpoint that were closed to make room for others: they waited for a
    /// request, or did not read their answer.
    #[cfg_attr(feature = "enabled", serde(default))]
    pub evicted_connections: u64,
    /// What could not be recorded.
    pub dropped: Dropped,
}
