//! What calls cost, and how much of that they read as their own time. Pure.

/// Calls with less between them are as cheap as can be, and those with more as dear.
const DENSE_NS: f64 = 20.0;
const SPARSE_NS: f64 = 1_000.0;

/// Nanoseconds a call.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cost {
    /// Of one that is measured, where all are.
    pub(crate) measured: f64,
    /// Of one that is measured where others are not: it is rehearsed.
    pub(crate) sampled: f64,
    /// Of one that is counted only.
    pub(crate) passed: f64,
    /// Of one of a function that rests: see `rest`.
    pub(crate) rested: f64,
    /// Of a poll of a future that is measured.
    pub(crate) polled: f64,
    /// Of a poll of one that is counted only.
    pub(crate) poll_passed: f64,
}

impl Cost {
    /// What all calls of a site with these figures cost beyond counting them: once as they are,
    /// once if each were measured.
    pub(in crate::record) fn beyond_counting(&self, calls: &Tallied) -> (f64, f64) {
        let share = if calls.calls > 0.0 { (calls.measured / calls.calls).min(1.0) } else { 0.0 };
        let (spent, full) = if calls.polls > 0.0 {
            let full = calls.polls * (self.polled - self.poll_passed).max(0.0);
            (full * share, full)
        } else {
            let each = if calls.rate > 1 { self.sampled } else { self.measured };
            let beyond = |each: f64| (each - self.passed).max(0.0);
            (calls.measured * beyond(each), calls.calls * beyond(self.sampled))
        };
        (spent + calls.asked_ns, full + if share > 0.0 { calls.asked_ns / share } else { 0.0 })
    }

    /// Where there are so many nanoseconds from one call to the next, all threads' CPU time taken
    /// together: calls that come one upon the other find everything in the nearest caches, and
    /// others pay as calibrated among other work.
    ///
    /// `warm`: what calls were found to cost at the least.
    pub(in crate::record) fn dense(self, gap_ns: f64, warm: Self) -> Self {
        let warm = warm.passed.min(self.passed);
        let coldness = ((gap_ns / DENSE_NS).ln() / (SPARSE_NS / DENSE_NS).ln()).clamp(0.0, 1.0);
        Self { passed: warm + (self.passed - warm) * coldness, ..self }
    }

    /// What counting them costs.
    pub(in crate::record) fn counting(&self, calls: &Tallied) -> f64 {
        if calls.polls > 0.0 { calls.polls * self.poll_passed } else { calls.calls * self.passed }
    }

    /// Nanoseconds that so many calls cost of a function of which one in `rate` is measured.
    pub(crate) fn of(&self, measured: u64, passed: u64, rate: u32) -> f64 {
        let each = if rate > 1 { self.sampled } else { self.measured };
        measured as f64 * each + passed as f64 * self.passed
    }
}

/// What happened at a site between two looks.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::record) struct Tallied {
    pub(in crate::record) calls: f64,
    pub(in crate::record) measured: f64,
    /// 0 for what is no future.
    pub(in crate::record) polls: f64,
    /// What asking the kernel for CPU time took.
    pub(in crate::record) asked_ns: f64,
    /// One in so many is measured.
    pub(in crate::record) rate: u32,
}

/// What an empty call reads, in ticks: from the reading at its start to the one at its end the
/// recorder itself works.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::record) struct OwnPart {
    /// Of a call that stands for itself.
    pub(in crate::record) usual: u64,
    /// Of one that stands for several: it is read again after the next one was drawn.
    pub(in crate::record) drawn: u64,
    /// Between two readings of the clock with nothing in between.
    pub(in crate::record) pair: u64,
}
