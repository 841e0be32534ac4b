//! What the profiler took so far, by what for.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What CPU time was spent for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::record) enum Part {
    /// Counting calls, which no rate can save.
    Counting,
    /// Measuring some of them.
    Measuring,
    /// Threads of the profiler: the sampler, the server, the budget, and others.
    Threads,
    /// Requests that threads of the program answered for it.
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

/// Nanoseconds by part, up to the latest look of the budget; all 0 without one.
pub(crate) fn account() -> impl Iterator<Item = (&'static str, u64)> {
    NAMES.into_iter().zip(SPENT_NS.iter().map(|spent| spent.load(Relaxed)))
}

/// In a forked child.
pub(in crate::record) fn after_fork() {
    SPENT_NS.iter().for_each(|spent| spent.store(0, Relaxed));
}
