//! Sums of what was sampled.

use super::handler_times;

/// Sums since sampling began.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Totals {
    /// Wall ticks since sampling began.
    pub(crate) at: u64,
    /// CPU time of the process.
    pub(crate) process_ns: u64,
    pub(crate) samples: u64,
    /// What they stand for.
    pub(crate) sampled_ns: u64,
    /// Lost, since nobody read in time.
    pub(crate) dropped: u64,
    pub(crate) dropped_ns: u64,
    /// Whose outer end is missing.
    pub(crate) cut: u64,
    /// Without a walk: on a stack that is not known.
    pub(crate) leaf_only: u64,
    /// Kept without their stack, as there was no room.
    pub(crate) folded: u64,
    /// In signal handlers, and on the way there and back.
    pub(crate) handler_ns: u64,
    /// How many came in each sixteenth of the kernel's tick.
    pub(crate) phases: [u64; 16],
    /// How often a handler took how long, by [`handler_times::bound_ns`].
    pub(crate) times: [u64; handler_times::BUCKETS],
    /// Threads that are sampled, and those that cannot be.
    pub(crate) threads: u64,
    pub(crate) refused: u64,
}

/// Wall time that is at no stack.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct WallTotals {
    /// Of threads that were asked and have not said yet where they are.
    pub(crate) pending_ns: u64,
    /// Of threads that could not be asked, since somebody began to look.
    pub(crate) unasked_ns: u64,
    /// Of threads that ended before they answered, since then too.
    pub(crate) lost_ns: u64,
    /// That are looked at.
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
    /// What half of the handlers took less than, nanoseconds.
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
