//! Process-wide counts of clock faults.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// A fault that makes a reading smaller than it should be.
#[derive(Clone, Copy, Debug)]
pub(super) enum Anomaly {
    /// A call ended before it began, by the counter. Its time is recorded as 0.
    Backwards,
    /// The counter jumped relative to the operating system's clock during a call longer than a
    /// second. The call's time is recorded as 0.
    Jump,
    /// Over at least 10 ms, the CPU clock differed by more than 1 % from the kernel's. Causes:
    /// hypervisor steal, interrupts, or a broken engine.
    CpuMiss,
    /// An engine was abandoned for the whole process.
    CpuDemoted,
    /// A thread could not use the process's engine, because of limits, and uses a fallback.
    CpuFallback,
    /// A thread was switched out so often that no anchor was valid. The CPU time of that interval
    /// is approximate.
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

/// The reason and the count of each fault, zeros included.
pub(crate) fn anomalies() -> impl Iterator<Item = (&'static str, u64)> {
    NAMES.into_iter().zip(COUNTS.iter().map(|count| count.load(Relaxed)))
}

/// A forked child starts from zero.
pub(super) fn reset() {
    for count in &COUNTS {
        count.store(0, Relaxed);
    }
}
