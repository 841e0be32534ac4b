//! Intervals of changes: pure functions of two histograms, or of two counts.
//!
//! All changes are ratios, and intervals are made of their logarithms, in which halving is as far
//! as doubling. So an interval never reaches below 0, and says the same of A against B as of B
//! against A.
//!
//! | of | interval | source |
//! |---|---|---|
//! | means | ln(b ∕ a) ± t √(v_a² ∕ n_a + v_b² ∕ n_b), where v is the standard deviation over the mean, and t has the degrees of freedom of the formula of Satterthwaite | Welch, *The generalization of Student's problem when several different population variances are involved*, Biometrika 34 (1947); the logarithm by the delta method |
//! | quantiles | the ranks n q ± z √(n q (1 − q)) of both, which hold the quantiles of any distribution, and from these by MOVER the interval of the difference of their logarithms | Conover, *Practical Nonparametric Statistics*, section 3.2; Zou and Donner, *Construction of confidence limits about effect measures*, Statistics in Medicine 27 (2008) |
//! | counts of samples | ln((b + ½) ∕ (a + ½)) ± z √(1 ∕ (a + ½) + 1 ∕ (b + ½)), since the number of samples is Poisson distributed | Anscombe, *On estimating binomial response relations*, Biometrika 43 (1956) |

use serde::Serialize;
use statrs::distribution::{ContinuousCDF as _, Normal, StudentsT};

use crate::histogram::Histogram;

/// The confidence of an interval.
pub(super) const LEVEL: f64 = 0.95;
/// The half-width of such an interval in standard errors.
const DEVIATES: f64 = 1.959_963_984_540_054;
/// Fewer calls on one side say nothing about their mean.
pub(super) const LEAST_CALLS: u64 = 10;
/// Fewer samples of both sides together say nothing about memory.
const LEAST_SAMPLES: f64 = 10.0;

/// What an interval says about a change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Verdict {
    /// Beyond chance and the tolerance.
    More,
    Less,
    /// The whole interval is within the tolerance.
    Same,
    /// The interval reaches into the tolerance and out of it, or is one of many tests.
    #[default]
    Unclear,
}

/// How a figure changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(super) struct Change {
    pub(super) before: f64,
    pub(super) now: f64,
    /// Now over before, and its 95 % interval.
    pub(super) ratio: f64,
    pub(super) low: f64,
    pub(super) high: f64,
    /// How likely a change as large as this beyond the tolerance is if there is none.
    pub(super) chance: f64,
    pub(super) verdict: Verdict,
}

/// What is known of a logarithm of a ratio.
struct Estimate {
    log: f64,
    low: f64,
    high: f64,
    /// How likely it is to be this far beyond a distance, if that is the truth.
    chance: f64,
}

impl Change {
    fn of([before, now]: [f64; 2], estimate: &Estimate, tolerance: f64) -> Self {
        let edge = tolerance.ln_1p();
        let verdict = match estimate {
            Estimate { low, .. } if *low > edge => Verdict::More,
            Estimate { high, .. } if *high < -edge => Verdict::Less,
            Estimate { low, high, .. } if *low >= -edge && *high <= edge => Verdict::Same,
            _ => Verdict::Unclear,
        };
        let Estimate { log, low, high, chance } = *estimate;
        Self { before, now, ratio: log.exp(), low: low.exp(), high: high.exp(), chance, verdict }
    }
}

fn normal() -> Normal {
    Normal::standard()
}

/// Both sides of a distribution beyond a number of standard errors.
fn tails(errors: f64, below: impl Fn(f64) -> f64) -> f64 {
    if errors <= 0.0 { 1.0 } else { (2.0 * (1.0 - below(errors))).clamp(0.0, 1.0) }
}

/// The mean of values, from the sum, and the squared standard deviation over the mean, from the
/// cells.
fn spread(values: &Histogram, n: f64) -> Option<(f64, f64)> {
    let mean = values.mean().filter(|mean| *mean > 0.0)?;
    let count = values.count() as f64;
    let squares = |(low, high, times): (u64, u64, u64)| {
        let middle = (low as f64 + high as f64) / 2.0;
        (middle - mean) * (middle - mean) * times as f64
    };
    // One value in all calls has no spread, though its cell has a width.
    let is_one = values.cells().nth(1).is_none();
    let variance = if is_one { 0.0 } else { values.cells().map(squares).sum::<f64>() / count * n / (n - 1.0) };
    Some((mean, variance / (mean * mean)))
}

/// The change of a mean. `before` and `now` have so many calls of their own each. `None` with less
/// than ten.
pub(super) fn of_means(before: (&Histogram, u64), now: (&Histogram, u64), tolerance: f64) -> Option<Change> {
    if before.1 < LEAST_CALLS || now.1 < LEAST_CALLS {
        return None;
    }
    let sizes = [before.1 as f64, now.1 as f64];
    let (one, other) = (spread(before.0, sizes[0])?, spread(now.0, sizes[1])?);
    let parts = [one.1 / sizes[0], other.1 / sizes[1]];
    let log = (other.0 / one.0).ln();
    let error = (parts[0] + parts[1]).sqrt();
    let beyond = log.abs() - tolerance.ln_1p();
    let estimate = if error == 0.0 {
        Estimate { log, low: log, high: log, chance: if beyond > 0.0 { 0.0 } else { 1.0 } }
    } else {
        let squares: f64 = parts.iter().zip(sizes).map(|(part, n)| part * part / (n - 1.0)).sum();
        let freedom = (parts[0] + parts[1]) * (parts[0] + parts[1]) / squares;
        let student = StudentsT::new(0.0, 1.0, freedom.max(1.0)).ok()?;
        let apart = student.inverse_cdf(f64::midpoint(1.0, LEVEL)) * error;
        Estimate { log, low: log - apart, high: log + apart, chance: tails(beyond / error, |x| student.cdf(x)) }
    };
    Some(Change::of([one.0, other.0], &estimate, tolerance))
}

/// The calls that a quantile's interval needs, so that its end is one of them.
pub(super) fn least_calls(q: f64) -> u64 {
    (DEVIATES * DEVIATES * q / (1.0 - q)).ceil() as u64 + 1
}

/// A quantile, and between which values it is.
fn ranked(values: &Histogram, n: u64, q: f64) -> Option<[f64; 3]> {
    let apart = DEVIATES * (q * (1.0 - q) / n as f64).sqrt();
    if n < least_calls(q) || n < least_calls(1.0 - q) {
        return None;
    }
    // A time below a nanosecond is one.
    let at_least = |ns: f64| ns.max(1.0);
    let [low, high] = [q - apart, q + apart].map(|q| values.quantile_bounds(q));
    Some([at_least(values.quantile(q)?), at_least(low?[0]), at_least(high?[1])])
}

/// The change of a quantile. `None` if one side has less than [`least_calls`].
pub(super) fn of_quantiles(
    before: (&Histogram, u64),
    now: (&Histogram, u64),
    q: f64,
    tolerance: f64,
) -> Option<Change> {
    let ([a, a_low, a_high], [b, b_low, b_high]) = (ranked(before.0, before.1, q)?, ranked(now.0, now.1, q)?);
    let log = (b / a).ln();
    let below = (b / b_low).ln().hypot((a_high / a).ln());
    let above = (b_high / b).ln().hypot((a / a_low).ln());
    // Towards no change.
    let error = if log > 0.0 { below } else { above } / DEVIATES;
    let beyond = log.abs() - tolerance.ln_1p();
    let chance = if error > 0.0 { tails(beyond / error, |x| normal().cdf(x)) } else { f64::from(beyond <= 0.0) };
    let estimate = Estimate { log, low: log - below, high: log + above, chance };
    Some(Change::of([a, b], &estimate, tolerance))
}

/// The change of a figure of which each sample stands for so much. `None` with less than ten
/// samples together.
pub(super) fn of_samples([before, now]: [f64; 2], each: [f64; 2], tolerance: f64) -> Option<Change> {
    let [a, b] = [before / each[0], now / each[1]];
    if !(a + b).is_finite() || a + b < LEAST_SAMPLES {
        return None;
    }
    let log = ((b + 0.5) * each[1] / ((a + 0.5) * each[0])).ln();
    let error = (1.0 / (a + 0.5) + 1.0 / (b + 0.5)).sqrt();
    let chance = tails((log.abs() - tolerance.ln_1p()) / error, |x| normal().cdf(x));
    let apart = DEVIATES * error;
    let estimate = Estimate { log, low: log - apart, high: log + apart, chance };
    Some(Change::of([before, now], &estimate, tolerance))
}

/// Takes back verdicts that chance explains among so many tests, by Holm's method: Holm, *A simple
/// sequentially rejective multiple test procedure*, Scandinavian Journal of Statistics 6 (1979).
pub(super) fn correct(changes: &mut [&mut Change]) {
    changes.sort_by(|a, b| a.chance.total_cmp(&b.chance));
    let all = changes.len();
    let mut is_beyond = true;
    for (at, change) in changes.iter_mut().enumerate() {
        is_beyond &= change.chance * (all - at) as f64 <= 1.0 - LEVEL;
        if !is_beyond && matches!(change.verdict, Verdict::More | Verdict::Less) {
            change.verdict = Verdict::Unclear;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same numbers in each run.
    struct Random(u64);

    impl Random {
        fn next(&mut self) -> f64 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            (self.0 >> 11) as f64 / (1_u64 << 53) as f64
        }

        /// Log-normal, with a median of 1 ms.
        fn time(&mut self, scale: f64) -> u64 {
            let normal: f64 = (0..12).map(|_| self.next()).sum::<f64>() - 6.0;
            (1e6 * scale * (0.6 * normal).exp()) as u64
        }

        fn calls(&mut self, n: u64, scale: f64) -> Histogram {
            let mut times = Histogram::default();
            (0..n).for_each(|_| times.record(self.time(scale), 1));
            times
        }
    }

    const TRIALS: u32 = if cfg!(miri) { 3 } else { 600 };

    /// In how many of all trials the interval has the true ratio.
    fn coverage(n: u64, scale: f64, of: impl Fn((&Histogram, u64), (&Histogram, u64)) -> Option<Change>) -> f64 {
        let mut random = Random(0x9e37_79b9_7f4a_7c15);
        let covers = |_: &u32| {
            let (a, b) = (random.calls(n, 1.0), random.calls(n, scale));
            let change = of((&a, n), (&b, n)).expect("enough calls");
            (change.low..=change.high).contains(&scale)
        };
        f64::from((0..TRIALS).filter(covers).count() as u32) / f64::from(TRIALS)
    }

    #[cfg(not(miri))]
    #[test]
    fn intervals_have_the_true_ratio_in_95_of_100_cases() {
        for (n, scale) in [(30, 1.0), (200, 1.5), (2_000, 0.7)] {
            let means = coverage(n, scale, |a, b| of_means(a, b, 0.05));
            // 0.95 ± 3 standard errors of 600 trials; a cell adds to a quantile's interval.
            assert!((0.92..=0.985).contains(&means), "{n} calls, {scale}: {means}");
        }
        for (n, scale) in [(500, 1.0), (2_000, 1.5)] {
            let quantiles = coverage(n, scale, |a, b| of_quantiles(a, b, 0.99, 0.05));
            assert!((0.92..=1.0).contains(&quantiles), "{n} calls, {scale}: {quantiles}");
        }
    }

    #[cfg(not(miri))]
    #[test]
    fn equal_programs_are_told_apart_in_fewer_than_one_of_twenty_reports() {
        let mut random = Random(7);
        let (mut alarms, mut uncorrected) = (0, 0);
        for _ in 0..60 {
            let mut all: Vec<Change> = Vec::new();
            for _ in 0..40 {
                let (a, b) = (random.calls(400, 1.0), random.calls(400, 1.0));
                all.extend(of_means((&a, 400), (&b, 400), 0.0));
                all.extend(of_quantiles((&a, 400), (&b, 400), 0.99, 0.0));
            }
            let is_changed = |change: &Change| matches!(change.verdict, Verdict::More | Verdict::Less);
            uncorrected += usize::from(all.iter().any(is_changed));
            correct(&mut all.iter_mut().collect::<Vec<_>>());
            alarms += usize::from(all.iter().any(is_changed));
        }
        // 5 % of 60, and three standard errors.
        assert!(alarms <= 8 && uncorrected > 30, "{alarms} and {uncorrected} of 60 reports");
    }

    #[test]
    fn a_change_is_more_where_the_whole_interval_is_beyond_the_tolerance() {
        let mut random = Random(3);
        let calls = [1.0, 1.03, 1.5].map(|scale| random.calls(5_000, scale));
        let of = |at: usize, tolerance: f64| of_means((&calls[0], 5_000), (&calls[at], 5_000), tolerance).unwrap();
        assert_eq!(of(2, 0.05).verdict, Verdict::More);
        assert_eq!(of(0, 0.05).verdict, Verdict::Same);
        assert_ne!(of(1, 0.05).verdict, Verdict::More, "3 % are within the tolerance of 5 %");
        let less = of_means((&calls[2], 5_000), (&calls[0], 5_000), 0.05).unwrap();
        assert_eq!(less.verdict, Verdict::Less);
        assert!((less.ratio * of(2, 0.05).ratio - 1.0).abs() < 1e-9, "both ways the same");
        assert_eq!(of_means((&calls[0], 9), (&calls[2], 5_000), 0.05), None, "nine calls");
    }

    #[test]
    fn what_is_the_same_in_each_call_has_no_interval() {
        let of = |bytes: u64| {
            let mut values = Histogram::new(crate::histogram::Scale::Bytes);
            values.record(bytes, 20);
            values
        };
        let change = of_means((&of(1_000), 20), (&of(1_100), 20), 0.05).unwrap();
        assert!((change.ratio - 1.1).abs() < 1e-9 && change.low == change.ratio && change.high == change.ratio);
        assert_eq!((change.verdict, change.chance), (Verdict::More, 0.0));
        assert_eq!(of_means((&of(1_000), 20), (&of(1_040), 20), 0.05).unwrap().verdict, Verdict::Same);
        assert_eq!(of_means((&of(0), 20), (&of(1_040), 20), 0.05), None, "of nothing there is no ratio");
    }

    #[test]
    fn a_quantile_needs_calls_beyond_it() {
        assert_eq!(least_calls(0.99), 382);
        let mut random = Random(5);
        let calls = random.calls(381, 1.0);
        assert_eq!(of_quantiles((&calls, 381), (&calls, 381), 0.99, 0.05), None);
        let calls = random.calls(382, 1.0);
        let change = of_quantiles((&calls, 382), (&calls, 382), 0.99, 0.05).unwrap();
        assert!(change.ratio == 1.0 && change.low < 1.0 && change.high > 1.0 && change.chance == 1.0, "{change:?}");
    }

    #[test]
    fn memory_rests_on_the_number_of_its_samples() {
        let each = [1e6, 1e6];
        let grown = of_samples([0.0, 40e6], each, 0.05).unwrap();
        assert!(grown.verdict == Verdict::More && grown.low > 4.0, "{grown:?}");
        assert_eq!(of_samples([3e6, 6e6], each, 0.05), None, "nine samples");
        let few = of_samples([8e6, 12e6], each, 0.05).unwrap();
        assert_eq!(few.verdict, Verdict::Unclear);
        assert!((few.low..few.high).contains(&1.0) && few.before == 8e6, "{few:?}");
        // Sampled at other distances, the same memory is the same.
        let other = of_samples([100e6, 100e6], [1e6, 0.5e6], 0.05).unwrap();
        assert!((0.99..1.01).contains(&other.ratio), "{other:?}");
    }

    #[test]
    fn one_of_many_tests_needs_more() {
        let of = |chance: f64| Change { chance, verdict: Verdict::More, ..Change::default() };
        let mut changes = [of(0.04), of(0.001), of(0.02)];
        correct(&mut changes.iter_mut().collect::<Vec<_>>());
        // 0.001 × 3 and 0.02 × 2 are below 0.05, and then 0.04 × 1.
        assert_eq!(changes.map(|change| change.verdict), [Verdict::More; 3]);
        let mut changes = [of(0.03), of(0.04), of(0.001)];
        correct(&mut changes.iter_mut().collect::<Vec<_>>());
        let verdicts = changes.map(|change| change.verdict);
        assert_eq!(verdicts, [Verdict::Unclear, Verdict::Unclear, Verdict::More]);
    }
}
