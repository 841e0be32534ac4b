//! Quantiles of durations, and how certain they are.

use super::Function;

/// A quantile of the durations of a function's calls, nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Quantile {
    /// The best estimate.
    pub ns: f64,
    /// With `high` the interval that holds the true one in 95 of 100 cases. Both are `ns` where
    /// every call was measured.
    pub low: f64,
    /// See `low`.
    pub high: f64,
}

/// Standard errors on each side of a 95 % interval.
const DEVIATES: f64 = 1.96;

impl Function {
    /// The value that a share `q` of the finished calls did not exceed, within 1.1 % and the
    /// interval.
    ///
    /// The interval is that of order statistics: the ranks that lie 1.96 √(q (1 − q) ∕ n) on both
    /// sides of `q`, for n [effective samples](Self::effective_samples). `None`: no call was
    /// measured, or too few for this quantile; fewer than 1 ∕ (1 − q) say nothing about what is
    /// beyond it.
    ///
    /// ```
    /// let snapshot = perf_sdk::snapshot();
    /// for function in &snapshot.functions {
    ///     if let Some(p99) = function.quantile(0.99) {
    ///         println!("{}: {:.0} ns ({:.0} to {:.0})", function.name, p99.ns, p99.low, p99.high);
    ///     }
    /// }
    /// ```
    #[must_use]
    pub fn quantile(&self, q: f64) -> Option<Quantile> {
        let ns = self.wall.quantile(q)?;
        if self.samples >= self.calls.total() {
            return Some(Quantile { ns, low: ns, high: ns });
        }
        // An older version's file does not say.
        let n = if self.effective_samples == 0 { self.samples } else { self.effective_samples };
        let (q, n) = (q.clamp(0.0, 1.0), n as f64);
        // As many as there must be for one to be expected beyond, to the last digit.
        if n * (1.0 - q) < 1.0 - 1e-9 && q > 0.5 || n * q < 1.0 - 1e-9 && q <= 0.5 {
            return None;
        }
        let apart = DEVIATES * (q * (1.0 - q) / n).sqrt();
        let [low, high] = [q - apart, q + apart].map(|q| self.wall.quantile(q).unwrap_or(ns));
        Some(Quantile { ns, low, high })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::Calls;

    fn function(values: std::ops::RangeInclusive<u64>, weight: u64) -> Function {
        let mut function = Function::default();
        for value in values {
            function.wall.record(value * 1_000, weight);
            function.samples += 1;
        }
        function.effective_samples = function.samples;
        function.calls = Calls { ok: function.samples * weight, ..Calls::default() };
        function
    }

    #[test]
    fn of_all_calls_it_is_known() {
        let median = function(1..=9, 1).quantile(0.5).unwrap();
        assert!(
            (median.ns - 5_000.0).abs() < 60.0 && median.low == median.ns && median.high == median.ns,
            "{median:?}"
        );
        assert_eq!(Function::default().quantile(0.5), None);
    }

    #[test]
    fn of_a_sample_it_lies_in_an_interval() {
        let median = function(1..=100, 64).quantile(0.5).unwrap();
        // 50 ± 1.96 × √(100 ∕ 4).
        assert!((median.low - 41_000.0).abs() < 1_500.0 && (median.high - 60_000.0).abs() < 1_500.0, "{median:?}");
    }

    #[test]
    fn what_a_sample_cannot_tell_is_not_told() {
        let few = function(1..=99, 64);
        assert_eq!((few.quantile(0.99), few.quantile(0.001)), (None, None));
        assert!(function(1..=100, 64).quantile(0.99).is_some());
    }
}
