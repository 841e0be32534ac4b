//! Quantiles of durations, and their confidence intervals.

use super::Function;

/// A quantile of the durations of a function's calls, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Quantile {
    /// The best estimate.
    pub ns: f64,
    /// The lower end of the 95 % confidence interval. Equal to `ns` if every call was measured.
    pub low: f64,
    /// The upper end of the 95 % confidence interval. Equal to `ns` if every call was measured.
    pub high: f64,
}

/// The half-width of a 95 % interval in standard errors.
const DEVIATES: f64 = 1.96;

impl Function {
    /// The duration that a share `q` of the finished calls did not exceed, within 1.1 % if every
    /// call was measured, else within the interval.
    ///
    /// The interval is that of order statistics: the ranks at a distance of 1.96 √(q (1 − q) ∕ n)
    /// on both sides of `q`, for n [effective samples](Self::effective_samples), with the cells of
    /// the histogram in which they are, which are up to 2.2 % wide. `None` if no call was measured,
    /// or too few for this quantile: with fewer than 1 ∕ (1 − q) calls, none is expected beyond it.
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
        let (q, n) = (q.clamp(0.0, 1.0), self.informative_samples() as f64);
        // The number of calls from which one is expected beyond the quantile, with a tolerance for
        // rounding.
        if n * (1.0 - q) < 1.0 - 1e-9 && q > 0.5 || n * q < 1.0 - 1e-9 && q <= 0.5 {
            return None;
        }
        let apart = DEVIATES * (q * (1.0 - q) / n).sqrt();
        let [low, high] = [q - apart, q + apart].map(|q| self.wall.quantile_bounds(q).unwrap_or([ns; 2]));
        Some(Quantile { ns, low: low[0], high: high[1] })
    }

    /// How many measured calls of equal weight would say as much as those that there are.
    pub(crate) fn informative_samples(&self) -> u64 {
        match self.effective_samples {
            // A file of an older version lacks this field.
            0 => self.samples,
            _ if self.samples >= self.calls.total() => self.samples,
            effective => effective,
        }
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
    fn a_quantile_of_all_calls_is_exact() {
        let median = function(1..=9, 1).quantile(0.5).unwrap();
        assert!(
            (median.ns - 5_000.0).abs() < 60.0 && median.low == median.ns && median.high == median.ns,
            "{median:?}"
        );
        assert_eq!(Function::default().quantile(0.5), None);
    }

    #[test]
    fn a_quantile_of_a_sample_has_an_interval() {
        let median = function(1..=100, 64).quantile(0.5).unwrap();
        // 50 ± 1.96 × √(100 ∕ 4).
        assert!((median.low - 41_000.0).abs() < 1_500.0 && (median.high - 60_000.0).abs() < 1_500.0, "{median:?}");
        // However many calls were measured, a value is known to a cell of the histogram.
        let mut many = function(1_000..=1_000, 64);
        many.wall.record(1_000_000, 64 * 9_999);
        (many.samples, many.effective_samples, many.calls.ok) = (10_000, 10_000, 640_000);
        let Quantile { low, high, .. } = many.quantile(0.5).unwrap();
        assert!(low < 1_000_000.0 && 1_000_000.0 <= high && high < low * 1.022, "{low} to {high}");
    }

    #[test]
    fn a_quantile_that_a_sample_is_too_small_for_is_absent() {
        let few = function(1..=99, 64);
        assert_eq!((few.quantile(0.99), few.quantile(0.001)), (None, None));
        assert!(function(1..=100, 64).quantile(0.99).is_some());
    }
}
