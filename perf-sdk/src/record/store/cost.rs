//! The cost of calls, and the instrumentation overhead in their readings. Pure.

/// With less time than the first between two calls, they cost the minimum; with more than the
/// second, the maximum.
const DENSE_NS: f64 = 20.0;
const SPARSE_NS: f64 = 1_000.0;

/// Nanoseconds for each call.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cost {
    /// A measured call, if all are measured.
    pub(crate) measured: f64,
    /// A measured call, if others are not: it is preceded by a warm-up call.
    pub(crate) sampled: f64,
    /// A count-only call.
    pub(crate) passed: f64,
    /// A call of a resting function: see `rest`.
    pub(crate) rested: f64,
    /// A poll of a future that is measured.
    pub(crate) polled: f64,
    /// A poll of a future that is count-only.
    pub(crate) poll_passed: f64,
}

impl Cost {
    /// The cost of all calls of a site with these figures, beyond counting them: with the actual
    /// number of measured calls, and if each were measured.
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

    /// The cost if there are this many nanoseconds of CPU time of all threads between two calls.
    /// Calls in quick succession find everything in the nearest caches. Others cost as calibrated
    /// among other work.
    ///
    /// `warm`: the minimum cost of calls.
    pub(in crate::record) fn dense(self, gap_ns: f64, warm: Self) -> Self {
        let warm = warm.passed.min(self.passed);
        let coldness = ((gap_ns / DENSE_NS).ln() / (SPARSE_NS / DENSE_NS).ln()).clamp(0.0, 1.0);
        Self { passed: warm + (self.passed - warm) * coldness, ..self }
    }

    /// The cost of counting them.
    pub(in crate::record) fn counting(&self, calls: &Tallied) -> f64 {
        if calls.polls > 0.0 { calls.polls * self.poll_passed } else { calls.calls * self.passed }
    }

    /// The cost in nanoseconds of the calls of a function of which one in `rate` is measured.
    pub(crate) fn of(&self, measured: u64, passed: u64, rate: u32) -> f64 {
        let each = if rate > 1 { self.sampled } else { self.measured };
        measured as f64 * each + passed as f64 * self.passed
    }
}

/// The activity of a site between two evaluations.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::record) struct Tallied {
    pub(in crate::record) calls: f64,
    pub(in crate::record) measured: f64,
    /// 0 if it is not a future.
    pub(in crate::record) polls: f64,
    /// The time spent asking the kernel for CPU time.
    pub(in crate::record) asked_ns: f64,
    /// One call in this many is measured.
    pub(in crate::record) rate: u32,
}

/// The duration, in ticks, that an empty call records: the recorder's own work between the reading
/// at its start and the one at its end.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::record) struct OwnPart {
    /// For a call with weight 1.
    pub(in crate::record) usual: u64,
    /// For a call with a higher weight, whose start is read again after the next one was drawn.
    pub(in crate::record) drawn: u64,
    /// Ticks between two consecutive readings of the clock.
    pub(in crate::record) pair: u64,
}
