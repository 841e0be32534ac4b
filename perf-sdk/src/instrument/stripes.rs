//! Counters that many threads write: each thread has a stripe, so that threads rarely write to the
//! same cache line.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::thread;

/// The maximum number of stripes.
const MOST: usize = 16;

/// Keeps stripes on cache lines of their own; two lines, because some processors fetch pairs.
#[derive(Debug)]
#[repr(align(128))]
struct Padded<T>(T);

/// One `T` for each stripe. Their number is a power of two.
#[derive(Debug)]
pub(crate) struct Stripes<T>(Box<[Padded<T>]>);

thread_local! {
    /// The thread's number; `usize::MAX`: none yet.
    static NUMBER: Cell<usize> = const { Cell::new(usize::MAX) };
}

#[inline]
fn number() -> usize {
    NUMBER.with(|number| {
        if number.get() == usize::MAX {
            static NEXT: AtomicUsize = AtomicUsize::new(0);
            number.set(NEXT.fetch_add(1, Relaxed) % MOST);
        }
        number.get()
    })
}

impl<T> Stripes<T> {
    /// As many stripes as there are processors, at most 16.
    pub(crate) fn new(make: impl Fn() -> T) -> Self {
        let processors = thread::available_parallelism().map_or(1, usize::from);
        let number = processors.next_power_of_two().min(MOST);
        Self((0..number).map(|_| Padded(make())).collect())
    }

    /// The stripe of this thread. Other threads may have the same one.
    #[inline]
    pub(crate) fn own(&self) -> &T {
        &self.0[number() & (self.0.len() - 1)].0
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter().map(|stripe| &stripe.0)
    }
}

/// `N` counters.
#[derive(Debug)]
pub(crate) struct Counts<const N: usize>(Stripes<[AtomicU64; N]>);

impl<const N: usize> Counts<N> {
    pub(crate) fn new() -> Self {
        Self(Stripes::new(|| [const { AtomicU64::new(0) }; N]))
    }

    /// Adds to the counter at this place; a place from `N` on has no counter.
    #[inline]
    pub(crate) fn add(&self, at: usize, n: u64) {
        if let Some(count) = self.0.own().get(at) {
            count.fetch_add(n, Relaxed);
        }
    }

    /// The sums over all threads.
    pub(crate) fn sums(&self) -> [u64; N] {
        let mut sums = [0_u64; N];
        for stripe in self.0.iter() {
            sums.iter_mut().zip(stripe).for_each(|(sum, count)| *sum = sum.wrapping_add(count.load(Relaxed)));
        }
        sums
    }

    pub(crate) fn reset(&self) {
        self.0.iter().flatten().for_each(|count| count.store(0, Relaxed));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_lost_when_threads_count_at_once() {
        let counts = Counts::<3>::new();
        let rounds = if cfg!(miri) { 20 } else { 20_000 };
        thread::scope(|scope| {
            for _ in 0..20 {
                scope.spawn(|| (0..rounds).for_each(|round| counts.add((round % 3) as usize, round)));
            }
        });
        let of = |at: u64| 20 * (0..rounds).filter(|round| round % 3 == at).sum::<u64>();
        assert_eq!(counts.sums(), [of(0), of(1), of(2)]);
        counts.reset();
        assert_eq!(counts.sums(), [0; 3]);
    }
}
