//! Durations that many threads record.

use super::stripes::Stripes;
use crate::base::prefetch::prefetch;
use crate::clock;
use crate::histogram::{Histogram, Located, OwnedShard, Scale, SharedPage, SharedShard};
use crate::memory;

/// A histogram of durations. A page of 272 bytes for each factor of two that occurs, in each
/// stripe, is never freed.
#[derive(Debug)]
pub(crate) struct Durations(Stripes<OwnedShard>);

impl Durations {
    pub(crate) fn new() -> Self {
        Self(Stripes::new(OwnedShard::new))
    }

    /// It allocates when a duration of a new order of magnitude is recorded.
    #[inline]
    pub(crate) fn record(&self, ns: u64) {
        let page = || Some(memory::uncounted(|| &*Box::leak(Box::new(SharedPage::new()))));
        let (at, (stripe, is_owned)) = (Located::new(Scale::Seconds, ns), self.0.own());
        if is_owned {
            stripe.record_alone(at, page);
        } else {
            stripe.shared().record(at, 1, page);
        }
    }

    /// Prefetches what [`record`](Self::record) of this thread reads first.
    #[inline]
    pub(crate) fn expect(&self) {
        prefetch(self.0.own().0);
    }

    fn stripes(&self) -> impl Iterator<Item = &SharedShard> {
        self.0.iter().map(OwnedShard::shared)
    }

    /// The sum in nanoseconds.
    pub(crate) fn sum_ns(&self) -> u64 {
        self.stripes().map(SharedShard::sum).sum()
    }

    pub(crate) fn read(&self) -> Histogram {
        let mut all = Histogram::new(Scale::Seconds);
        self.stripes().for_each(|stripe| all.merge(&stripe.read(Scale::Seconds)));
        all
    }

    /// The number of durations.
    pub(crate) fn count(&self) -> u64 {
        self.stripes().map(SharedShard::count).sum()
    }

    pub(crate) fn reset(&self) {
        self.stripes().for_each(SharedShard::reset);
    }
}

/// The time since it was made, on the profiler's clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stopwatch(u64);

impl Stopwatch {
    #[inline]
    pub(crate) fn start() -> Self {
        Self(clock::wall().ticks())
    }

    /// Of a time that was read by [`start`](Self::start).
    pub(crate) fn of_ticks(ticks: u64) -> Self {
        Self(ticks)
    }

    pub(crate) fn ticks(self) -> u64 {
        self.0
    }

    /// In nanoseconds.
    #[inline]
    pub(crate) fn elapsed_ns(self) -> u64 {
        self.until_ns(Self::start())
    }

    /// From this time to a later one, in nanoseconds.
    #[inline]
    pub(crate) fn until_ns(self, end: Self) -> u64 {
        let wall = clock::wall();
        wall.ns(wall.believed(self.0, end.0).max(0) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_of_all_threads_are_one_histogram() {
        let durations = Durations::new();
        let mut expected = Histogram::new(Scale::Seconds);
        std::thread::scope(|scope| {
            for thread in 0..5 {
                scope.spawn({
                    let durations = &durations;
                    move || (0..50).for_each(|n| durations.record(n * n * thread))
                });
            }
        });
        (0..5).for_each(|thread| (0..50).for_each(|n| expected.record(n * n * thread, 1)));
        assert_eq!(durations.read(), expected);
        assert_eq!((durations.count(), durations.sum_ns()), (250, expected.sum()));
        durations.reset();
        assert_eq!((durations.count(), durations.sum_ns()), (0, 0));
    }
}
