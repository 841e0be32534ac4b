//! Statistics of stack sampling.

#[cfg(feature = "enabled")]
use serde::{Deserialize, Serialize};

/// Statistics of the stack sampler, since it began or in a window.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "enabled", derive(Serialize, Deserialize))]
#[non_exhaustive]
pub struct StackSampling {
    /// The engine that signals threads: `cpu-timer`, `perf-clock` or `pprof`.
    pub engine: String,
    /// The number of samples.
    pub samples: u64,
    /// The CPU time that the samples stand for, nanoseconds.
    pub sampled_ns: u64,
    /// CPU time of the process in the same time, nanoseconds.
    pub process_ns: u64,
    /// The number of samples that were lost because they were not read in time.
    pub dropped: u64,
    /// The number of samples without their outermost frames.
    pub cut: u64,
    /// The number of samples of which only the innermost frame is known.
    pub leaf_only: u64,
    /// The number of samples that were kept without their stack, because there were too many
    /// different stacks.
    pub folded: u64,
    /// The time that signals and their handlers took, nanoseconds.
    pub handler_ns: u64,
    /// The number of threads that are sampled.
    pub threads: u64,
    /// The number of threads that cannot be sampled, because of limits of the system or because
    /// they block the signal.
    pub refused: u64,
}

impl StackSampling {
    /// The CPU time that the samples stand for, as a share of the process's. `None` if the process
    /// took no CPU time.
    #[must_use]
    pub fn coverage(&self) -> Option<f64> {
        (self.process_ns > 0).then(|| self.sampled_ns as f64 / self.process_ns as f64)
    }

    /// Combines each count with that of `other`.
    fn counts(&mut self, other: &Self, both: fn(u64, u64) -> u64) {
        let theirs = [
            other.samples,
            other.sampled_ns,
            other.process_ns,
            other.dropped,
            other.cut,
            other.leaf_only,
            other.folded,
            other.handler_ns,
        ];
        let ours = [
            &mut self.samples,
            &mut self.sampled_ns,
            &mut self.process_ns,
            &mut self.dropped,
            &mut self.cut,
            &mut self.leaf_only,
            &mut self.folded,
            &mut self.handler_ns,
        ];
        for (ours, theirs) in ours.into_iter().zip(theirs) {
            *ours = both(*ours, theirs);
        }
    }

    pub(super) fn since(&self, earlier: &Self) -> Self {
        let mut since = self.clone();
        since.counts(earlier, u64::saturating_sub);
        since
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.counts(other, u64::saturating_add);
        self.threads += other.threads;
        self.refused += other.refused;
    }
}
