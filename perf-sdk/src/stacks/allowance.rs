//! How much CPU time may be spent on reading debug information.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Of a core, one part in this many.
const PART: u64 = 4_000;
/// CPU time that may be spent at once at the beginning, in nanoseconds: what the first profiles of
/// a program take.
const AT_ONCE: u64 = 1_000_000_000;
/// How long that beginning is, from the first reading on, in nanoseconds.
const BEGINNING: u64 = 60_000_000_000;
/// The longest wait for the next reading, in nanoseconds, however much was spent.
const LONGEST_WAIT: u64 = 1_200_000_000_000;

/// A reading is followed by a wait that makes it a four-thousandth of a core, or by the longest
/// one. At the beginning there is none.
// PERF: each profile has some addresses that are new. Most of what a reading takes is the same for
// one of them and for a hundred, so it is put off until there are more.
#[derive(Debug)]
pub(super) struct Allowance {
    /// When the latest wait ends, in nanoseconds.
    settled: AtomicU64,
    /// When the first reading was, in nanoseconds. 0 before it.
    began: AtomicU64,
    /// What was spent at once.
    spent: AtomicU64,
}

impl Allowance {
    pub(super) const fn new() -> Self {
        Self { settled: AtomicU64::new(0), began: AtomicU64::new(0), spent: AtomicU64::new(0) }
    }

    pub(super) fn is_open(&self, now: u64) -> bool {
        self.settled.load(Relaxed) <= now
    }

    /// Spends nanoseconds of CPU time. Threads that do so at the same time may lose one's part.
    pub(super) fn spend(&self, now: u64, ns: u64) {
        let began = match self.began.compare_exchange(0, now.max(1), Relaxed, Relaxed) {
            Ok(_) => now,
            Err(began) => began,
        };
        let spent = self.spent.load(Relaxed);
        if now.saturating_sub(began) < BEGINNING && spent < AT_ONCE {
            self.spent.store(spent.saturating_add(ns), Relaxed);
            return;
        }
        let wait = ns.saturating_mul(PART).min(LONGEST_WAIT);
        self.settled.store(now.saturating_add(wait), Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    /// The number of readings in ten hours, with a profile every ten seconds.
    fn readings(each: u64) -> u64 {
        let allowance = Allowance::new();
        let mut readings = 0;
        for now in (0..3_600).map(|n| n * 10 * SECOND) {
            if allowance.is_open(now) {
                allowance.spend(now, each);
                readings += 1;
            }
        }
        readings
    }

    #[test]
    fn readings_are_a_four_thousandth_of_a_core_or_twenty_minutes_apart() {
        // At the beginning two of half a second, and then one in twenty minutes.
        assert_eq!(readings(SECOND / 2), 2 + 36_000 / 1_200);
        // Of ten milliseconds those of the first minute, and then one in forty seconds.
        assert_eq!(readings(SECOND / 100), 7 + (36_000_u64 - 70).div_ceil(40));
    }

    #[test]
    fn the_beginning_ends() {
        let allowance = Allowance::new();
        for now in [7, 8, 9] {
            assert!(allowance.is_open(now));
            allowance.spend(now, SECOND / 10);
        }
        let later = 8 + BEGINNING;
        assert!(allowance.is_open(later));
        allowance.spend(later, SECOND / 100);
        assert!(!allowance.is_open(later + 40 * SECOND - 1) && allowance.is_open(later + 40 * SECOND));
    }

    #[test]
    fn the_wait_is_bounded() {
        let allowance = Allowance::new();
        allowance.spend(7, u64::MAX);
        assert!(allowance.is_open(8));
        allowance.spend(8, u64::MAX);
        assert!(!allowance.is_open(8 + LONGEST_WAIT - 1) && allowance.is_open(8 + LONGEST_WAIT));
        allowance.spend(u64::MAX, u64::MAX);
        assert!(allowance.is_open(u64::MAX));
    }
}
