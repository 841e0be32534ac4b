//! How often something happened beneath one running call: a table of fixed size that all threads
//! use without a lock.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

use crate::base::prefetch::prefetch;

const SETS: usize = 1 << 10;
const WAYS: usize = 8;
/// The low bits of an entry are its count, the others belong to its key.
const COUNT: u64 = 0xffff;

/// Entries with the same low bits of the key. It fills two cache lines.
#[derive(Debug)]
#[repr(align(128))]
struct Set {
    entries: [AtomicU64; WAYS],
    /// The entry that is replaced next.
    hand: AtomicU32,
}

/// Counts by key. The latest 8,192 keys are counted, of which each 8 at least are of one set; older
/// ones begin anew, so that a count may be too low and is never too high.
#[derive(Debug)]
pub(super) struct Parents([Set; SETS]);

impl Parents {
    pub(super) const fn new() -> Self {
        Self([const { Set { entries: [const { AtomicU64::new(0) }; WAYS], hand: AtomicU32::new(0) } }; SETS])
    }

    /// Prefetches what [`count`](Self::count) of this key reads.
    #[inline]
    pub(super) fn expect(&self, key: u64) {
        prefetch(self.set(key));
    }

    #[inline]
    fn set(&self, key: u64) -> &Set {
        // The bits that choose the set need not be stored.
        &self.0[(key & COUNT) as usize % SETS]
    }

    /// Counts one, and returns the number with it.
    #[inline]
    pub(super) fn count(&self, key: u64) -> u64 {
        let set = self.set(key);
        let stored = key & !COUNT;
        for entry in &set.entries {
            let mut now = entry.load(Relaxed);
            while now & !COUNT == stored && now & COUNT != 0 {
                let next = now + u64::from(now & COUNT < COUNT);
                match entry.compare_exchange_weak(now, next, Relaxed, Relaxed) {
                    Ok(_) => return next & COUNT,
                    Err(other) => now = other,
                }
            }
        }
        let oldest = set.hand.fetch_add(1, Relaxed) as usize % WAYS;
        set.entries[oldest].store(stored | 1, Relaxed);
        1
    }

    pub(super) fn reset(&self) {
        self.0.iter().flat_map(|set| &set.entries).filter(|entry| entry.load(Relaxed) != 0).for_each(|entry| {
            entry.store(0, Relaxed);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: u64) -> u64 {
        let product = u128::from(n + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        (product >> 64) as u64 ^ (product as u64).rotate_left(32)
    }

    #[test]
    fn each_key_is_counted_for_itself() {
        let parents = Box::new(Parents::new());
        for round in 1..=5 {
            for n in 0..500 {
                assert_eq!(parents.count(key(n)), round);
            }
        }
        parents.reset();
        assert_eq!(parents.count(key(0)), 1);
        for _ in 0..100_000 {
            parents.count(key(1));
        }
        assert_eq!(parents.count(key(1)), COUNT, "it ends at its limit");
    }

    #[test]
    fn a_count_is_never_too_high() {
        let parents = Box::new(Parents::new());
        let rounds = if cfg!(miri) { 20 } else { 2_000 };
        std::thread::scope(|threads| {
            for thread in 0..4_u64 {
                let parents = &parents;
                threads.spawn(move || {
                    for round in 0..rounds {
                        for expected in 1..=4 {
                            assert!(parents.count(key(thread << 32 | round)) <= expected);
                        }
                    }
                });
            }
        });
    }
}
