//! What operations of instruments cost: some are timed where they happen, in whatever state the
//! program leaves the caches. Reading the clock for this stands for the operation's own reading
//! when it began, which is not timed.

use std::cell::Cell;

use super::account::Part;
use super::own::charge;
use crate::clock;

/// One operation in this many is timed, on average.
const MEAN_GAP: u32 = 128;
/// A longer one was interrupted.
const MOST_NS: u64 = 5_000;

/// Which operation of this thread is timed next.
struct Next {
    /// The number of operations before it.
    left: Cell<u32>,
    /// The number of operations for which it stands. 0 before the first one is drawn.
    gap: Cell<u32>,
    seed: Cell<u32>,
}

thread_local! {
    // Without a destructor, so it is readable at any time.
    static NEXT: Next = const { Next { left: Cell::new(0), gap: Cell::new(0), seed: Cell::new(0) } };
}

/// An operation of an instrument, until it is dropped.
#[must_use = "it lasts until it is dropped"]
pub(crate) struct Operation {
    /// The number of operations for which it stands. 0 if it is not timed.
    stands_for: u32,
    start: u64,
}

/// The profiler's part of an operation of an instrument begins.
///
/// **Cost.** A count and a branch, and two clock reads of one in 128.
#[inline]
pub(crate) fn operation() -> Operation {
    NEXT.with(|next| {
        let left = next.left.get();
        if left > 0 {
            next.left.set(left - 1);
            return Operation { stands_for: 0, start: 0 };
        }
        next.timed()
    })
}

impl Next {
    #[cold]
    #[inline(never)]
    fn timed(&self) -> Operation {
        let stands_for = self.gap.get();
        // Requests do the same operations in the same order, so the distance must vary.
        let gap = 1 + self.random() % (2 * MEAN_GAP - 1);
        self.gap.set(gap);
        self.left.set(gap - 1);
        Operation { stands_for, start: clock::wall().ticks() }
    }

    /// Xorshift.
    fn random(&self) -> u32 {
        let mut x = self.seed.get();
        if x == 0 {
            // Threads differ by the time of their first operation.
            x = clock::wall().ticks() as u32 | 1;
        }
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        self.seed.set(x);
        x
    }
}

impl Operation {
    #[cold]
    #[inline(never)]
    fn end(&self) {
        let wall = clock::wall();
        let ticks = wall.ticks().wrapping_sub(self.start);
        charge(Part::Operations, wall.ns(ticks).min(MOST_NS) * u64::from(self.stands_for));
    }
}

impl Drop for Operation {
    #[inline]
    fn drop(&mut self) {
        if self.stands_for > 0 {
            self.end();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_that_are_timed_stand_for_all() {
        std::thread::spawn(|| {
            const ALL: u32 = if cfg!(miri) { 4_000 } else { 100_000 };
            let timed: Vec<u32> = (0..ALL)
                .filter_map(|_| {
                    let mut one = operation();
                    // What it charges is the process's.
                    let stands_for = std::mem::take(&mut one.stands_for);
                    (stands_for > 0).then_some(stands_for)
                })
                .collect();
            let (number, stand_for) = (timed.len() as u32, timed.iter().sum::<u32>());
            assert!(stand_for < ALL && ALL - stand_for < 2 * MEAN_GAP, "{stand_for}");
            assert!((ALL / MEAN_GAP / 2..2 * ALL / MEAN_GAP).contains(&number), "{number}");
            assert!(timed.iter().any(|gap| gap % 2 == 0) && timed.iter().any(|gap| gap % 2 == 1));
        })
        .join()
        .unwrap();
    }
}
