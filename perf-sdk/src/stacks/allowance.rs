//! How much CPU time may be spent on reading debug information.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Of a core, one part in this many.
const PART: u64 = 1_000;
/// CPU time that may be spent at once, in nanoseconds: what the first profiles of a program take.
const AT_ONCE: u64 = 1_000_000_000;
/// The longest wait after it was used up, in nanoseconds, however much was spent.
const LONGEST_WAIT: u64 = 300_000_000_000;

/// An account to which a thousandth of a core is paid in. It is open unless more was spent than
/// there was.
#[derive(Debug)]
pub(super) struct Allowance {
    /// The time at which all that was spent will have been paid in, in nanoseconds.
    settled: AtomicU64,
}

impl Allowance {
    pub(super) const fn new() -> Self {
        Self { settled: AtomicU64::new(0) }
    }

    pub(super) fn is_open(&self, now: u64) -> bool {
        self.settled.load(Relaxed) <= now.saturating_add(PART * AT_ONCE)
    }

    /// Spends nanoseconds of CPU time. Threads that do so at the same time may lose one's part.
    pub(super) fn spend(&self, now: u64, ns: u64) {
        let settled = self.settled.load(Relaxed).max(now).saturating_add(ns.saturating_mul(PART));
        self.settled.store(settled.min(now.saturating_add(PART * AT_ONCE + LONGEST_WAIT)), Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn a_thousandth_of_a_core_is_spent_in_the_long_run() {
        let (allowance, mut spent) = (Allowance::new(), 0);
        // For ten hours a profile every ten seconds; each would take a quarter of a second.
        for now in (0..3_600).map(|n| n * 10 * SECOND) {
            if allowance.is_open(now) {
                allowance.spend(now, SECOND / 4);
                spent += SECOND / 4;
            }
        }
        let most = 36 * SECOND + AT_ONCE;
        assert!((most - SECOND / 2..=most + SECOND / 2).contains(&spent), "{spent}");
    }

    #[test]
    fn the_wait_is_bounded() {
        let allowance = Allowance::new();
        allowance.spend(7, u64::MAX);
        assert!(!allowance.is_open(7 + LONGEST_WAIT - 1) && allowance.is_open(7 + LONGEST_WAIT));
        assert!(Allowance::new().is_open(u64::MAX));
    }
}
