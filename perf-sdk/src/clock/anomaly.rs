//! What went wrong with the clocks, counted for the whole process.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Something that made a reading less than it should be.
#[derive(Clone, Copy, Debug)]
pub(super) enum Anomaly {
    /// A call ended before it began by the counter: its time is 0.
    Backwards,
    /// The counter jumped against the operating system's clock during a call longer than a second:
    /// its time is 0.
    Jump,
    /// Over at least 10 ms the CPU clock was more than 1 % off the kernel's: hypervisor steal,
    /// interrupts, or a broken engine.
    CpuMiss,
    /// An engine was given up for the whole process.
    CpuDemoted,
    /// A thread could not have the process's engine (limits) and uses a lesser one.
    CpuFallback,
    /// A thread was switched so often that no anchor held: that interval's CPU time is approximate.
    CpuUnsettled,
}

const NAMES: [&str; 6] = [
    "clock_backwards",
    "clock_jump",
    "cpu_clock_miss",
    "cpu_clock_demoted",
    "cpu_clock_fallback",
    "cpu_clock_unsettled",
];

static COUNTS: [AtomicU64; NAMES.len()] = [const { AtomicU64::new(0) }; NAMES.len()];

#[cold]
pub(super) fn count(anomaly: Anomaly) {
    COUNTS[anomaly as usize].fetch_add(1, Relaxed);
}

/// Reason and number of times, zeros included.
pub(crate) fn anomalies() -> impl Iterator<Item = (&'static str, u64)> {
    NAMES.into_iter().zip(COUNTS.iter().map(|count| count.load(Relaxed)))
}

/// A forked child starts from zero.
pub(super) fn reset() {
    for count in &COUNTS {
        count.store(0, Relaxed);
    }
}
