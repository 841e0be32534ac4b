//! Sums over all samples.

use super::handler_times;

/// Sums since sampling began.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Totals {
    /// Wall ticks since sampling began.
    pub(crate) at: u64,
    /// CPU time of the process.
    pub(crate) process_ns: u64,
    pub(crate) samples: u64,
    /// The CPU time for which the samples stand.
    pub(crate) sampled_ns: u64,
    /// Samples that were lost because they were not read in time.
    pub(crate) dropped: u64,
    pub(crate) dropped_ns: u64,
    /// Samples whose outer frames are missing.
    pub(crate) cut: u64,
    /// Samples without a walk, because the stack is unknown.
    pub(crate) leaf_only: u64,
    /// Samples that were stored without their stack, because there was no room.
    pub(crate) folded: u64,
    /// Time in signal handlers, including the delivery of signals.
    pub(crate) handler_ns: u64,
    /// The number of samples in each sixteenth of the kernel's tick.
    pub(crate) phases: [u64; 16],
    /// A histogram of handler durations, by [`handler_times::bound_ns`].
    pub(crate) times: [u64; handler_times::BUCKETS],
    /// Threads that are sampled, and those that cannot be.
    pub(crate) threads: u64,
    pub(crate) refused: u64,
}

/// Wall time that is not attributed to a stack.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct WallTotals {
    /// The time at which the threads were evaluated, in the mean, in nanoseconds of the wall clock.
    pub(crate) evaluated_ns: u64,
    /// Time of threads that were asked and have not answered yet.
    pub(crate) pending_ns: u64,
    /// Time of threads that could not be asked, since the request began.
    pub(crate) unasked_ns: u64,
    /// Time of threads that ended before they answered, since the request began.
    pub(crate) lost_ns: u64,
    /// The number of threads that are evaluated.
    pub(crate) threads: u64,
}

impl Default for Totals {
    fn default() -> Self {
        Self {
            at: 0,
            process_ns: 0,
            samples: 0,
            sampled_ns: 0,
            dropped: 0,
            dropped_ns: 0,
            cut: 0,
            leaf_only: 0,
            folded: 0,
            handler_ns: 0,
            phases: [0; 16],
            times: [0; handler_times::BUCKETS],
            threads: 0,
            refused: 0,
        }
    }
}

impl Totals {
    /// The median of handler durations, in nanoseconds.
    pub(crate) fn handler_median_ns(&self) -> u64 {
        let half = self.times.iter().sum::<u64>().div_ceil(2);
        let mut sum = 0;
        let at = self.times.iter().position(|count| {
            sum += count;
            sum >= half
        });
        at.map_or(0, handler_times::bound_ns)
    }

    pub(super) fn since(self, before: &Self) -> Self {
        let (mut phases, mut times) = (self.phases, self.times);
        phases.iter_mut().zip(before.phases).for_each(|(now, before)| *now = now.saturating_sub(before));
        times.iter_mut().zip(before.times).for_each(|(now, before)| *now = now.saturating_sub(before));
        Self {
            at: self.at.saturating_sub(before.at),
            process_ns: self.process_ns.saturating_sub(before.process_ns),
            samples: self.samples.saturating_sub(before.samples),
            sampled_ns: self.sampled_ns.saturating_sub(before.sampled_ns),
            dropped: self.dropped.saturating_sub(before.dropped),
            dropped_ns: self.dropped_ns.saturating_sub(before.dropped_ns),
            cut: self.cut.saturating_sub(before.cut),
            leaf_only: self.leaf_only.saturating_sub(before.leaf_only),
            folded: self.folded.saturating_sub(before.folded),
            handler_ns: self.handler_ns.saturating_sub(before.handler_ns),
            phases,
            times,
            ..self
        }
    }
}
