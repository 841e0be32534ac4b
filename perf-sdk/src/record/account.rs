//! The profiler's own CPU time, by purpose.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The purposes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::record) enum Part {
    /// Counting calls, which no sampling rate can reduce.
    Counting,
    /// Measuring some of the calls.
    Measuring,
    /// The profiler's own threads: the sampler, the server, the budget, and others.
    Threads,
    /// Requests to the profiler that threads of the program served.
    Requests,
    /// Signal handlers that sample stacks.
    Signals,
    /// Samples of the live heap.
    Heap,
}

const NAMES: [&str; 6] = ["counting", "measuring", "threads", "requests", "signals", "heap"];
static SPENT_NS: [AtomicU64; NAMES.len()] = [const { AtomicU64::new(0) }; NAMES.len()];

pub(in crate::record) fn add(part: Part, ns: u64) {
    SPENT_NS[part as usize].fetch_add(ns, Relaxed);
}

/// Nanoseconds by part, up to the latest evaluation of the budget. All 0 without a budget.
pub(crate) fn account() -> impl Iterator<Item = (&'static str, u64)> {
    NAMES.into_iter().zip(SPENT_NS.iter().map(|spent| spent.load(Relaxed)))
}

/// Called in a forked child.
pub(in crate::record) fn after_fork() {
    SPENT_NS.iter().for_each(|spent| spent.store(0, Relaxed));
}
