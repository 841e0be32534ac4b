//! Means of steps with intervals, their differences, and shifts: pure.
//!
//! Steps of a program are not independent: what is high in one second is high in the next. The
//! number of steps is reduced by their correlation with the step before, n (1 − r) ∕ (1 + r). Calls
//! between two snapshots are no Poisson process, so counts alone are never called different.

use statrs::distribution::{ContinuousCDF as _, StudentsT};

/// Steps below which nothing is said.
pub(crate) const LEAST_STEPS: usize = 8;
/// The chance of a false alarm among all comparisons of one question.
pub(crate) const ALPHA: f64 = 0.05;

/// The mean of some values, and how certain it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Mean {
    pub(crate) n: usize,
    pub(crate) mean: f64,
    /// Of the mean.
    pub(crate) variance: f64,
    pub(crate) freedom: f64,
}

impl Mean {
    /// Of values in the order of time. `None` of too few.
    pub(crate) fn of_steps(values: &[f64]) -> Option<Self> {
        if values.len() < LEAST_STEPS { None } else { Some(Self::of(values)) }
    }

    /// Of at least two.
    fn of(values: &[f64]) -> Self {
        let n = values.len();
        let number = n as f64;
        let mean = values.iter().sum::<f64>() / number;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        let products: f64 = values.windows(2).map(|pair| (pair[0] - mean) * (pair[1] - mean)).sum();
        // The estimate of a short series is too low by some 1 ∕ n.
        let correlation = if squares > 0.0 { (products / squares + 1.0 / number).clamp(0.0, 0.95) } else { 0.0 };
        let effective = (number * (1.0 - correlation) / (1.0 + correlation)).max(2.0);
        let variance = squares / (number - 1.0) / effective;
        Self { n, mean, variance, freedom: effective - 1.0 }
    }
}

/// How much higher B is than A.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Difference {
    pub(crate) difference: f64,
    /// The 95 % interval.
    pub(crate) low: f64,
    pub(crate) high: f64,
    /// The chance of at least such a difference if there is none.
    pub(crate) p: f64,
}

impl Difference {
    fn of(difference: f64, variance: f64, freedom: f64) -> Self {
        if variance <= 0.0 {
            let p = if difference == 0.0 { 1.0 } else { 0.0 };
            return Self { difference, low: difference, high: difference, p };
        }
        let error = variance.sqrt();
        let Ok(t) = StudentsT::new(0.0, 1.0, freedom.max(1.0)) else {
            return Self { difference, low: f64::NEG_INFINITY, high: f64::INFINITY, p: 1.0 };
        };
        let apart = error * t.inverse_cdf(1.0 - ALPHA / 2.0);
        let p = 2.0 * t.cdf(-(difference / error).abs());
        Self { difference, low: difference - apart, high: difference + apart, p }
    }

    /// Of two means of their own (Welch).
    pub(crate) fn between(a: &Mean, b: &Mean) -> Self {
        let variance = a.variance + b.variance;
        let part = |mean: &Mean| mean.variance.powi(2) / mean.freedom.max(1.0);
        let parts = part(a) + part(b);
        let freedom = if parts > 0.0 { variance.powi(2) / parts } else { 1.0 };
        Self::of(b.mean - a.mean, variance, freedom)
    }

    /// Of values of the same steps, of which these are the differences.
    pub(crate) fn paired(differences: &[f64]) -> Option<Self> {
        let mean = Mean::of_steps(differences)?;
        Some(Self::of(mean.mean, mean.variance, mean.freedom))
    }

    /// Whether it is no chance, of so many comparisons that were made.
    pub(crate) fn is_sure(&self, comparisons: usize) -> bool {
        self.p < ALPHA / comparisons.max(1) as f64
    }
}

/// Where a series went from one level to another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Shift {
    /// The first value of the new level.
    pub(crate) at: usize,
    pub(crate) before: f64,
    pub(crate) after: f64,
    /// The 95 % interval of the difference.
    pub(crate) low: f64,
    pub(crate) high: f64,
    /// The chance that values without a shift look like this, wherever they might have had one.
    pub(crate) chance: f64,
}

/// Values on each side of a shift, at least; the change of the level, at least; and how many
/// standard errors it must be.
const LEAST_SIDE: usize = 4;
const LEAST_CHANGE: f64 = 0.2;
const LEAST_ERRORS: f64 = 6.0;

/// The latest shift of a series: since when it is as it is. `None` if it is as it always was.
pub(crate) fn latest_shift(values: &[f64]) -> Option<Shift> {
    let (from, at) = latest_place(values)?;
    // There may be further levels before it, of which the last one counts.
    let from = from + latest_place(&values[from..at]).map_or(0, |(_, begin)| begin);
    Some(described(values, from, at))
}

/// The place of the latest shift, and that of the one before it in whose rest it was found.
fn latest_place(values: &[f64]) -> Option<(usize, usize)> {
    let (mut begin, mut latest) = (0, None);
    while let Some((at, _)) = split(&values[begin..]).filter(|found| is_shift(&values[begin..], *found)) {
        latest = Some((begin, begin + at));
        begin += at;
    }
    latest
}

/// The shift at this place, of the level that began at `from`.
fn described(values: &[f64], from: usize, at: usize) -> Shift {
    let [before, after] = [&values[from..at], &values[at..]].map(Mean::of);
    let Difference { low, high, p, .. } = Difference::between(&before, &after);
    let places = (values.len() - from).saturating_sub(2 * LEAST_SIDE) + 1;
    Shift { at, before: before.mean, after: after.mean, low, high, chance: (p * places as f64).min(1.0) }
}

/// Where values of which it is known that they have a shift have it: the first value behind it.
pub(crate) fn place_of_shift(values: &[f64]) -> Option<usize> {
    split(values).map(|(at, _)| at)
}

/// The split after which both sides differ most, and by how much.
fn split(values: &[f64]) -> Option<(usize, f64)> {
    let n = values.len();
    if n < 2 * LEAST_SIDE {
        return None;
    }
    let total: f64 = values.iter().sum();
    let mut sum: f64 = values[..LEAST_SIDE - 1].iter().sum();
    let mut best: Option<(usize, f64)> = None;
    for at in LEAST_SIDE..=n - LEAST_SIDE {
        sum += values[at - 1];
        let (left, right) = (at as f64, (n - at) as f64);
        let (before, after) = (sum / left, (total - sum) / right);
        let gain = (after - before).powi(2) * left * right / n as f64;
        if best.is_none_or(|(_, most)| gain > most) {
            best = Some((at, gain));
        }
    }
    best
}

fn is_shift(values: &[f64], (at, gain): (usize, f64)) -> bool {
    let (left, right) = values.split_at(at);
    let mean = |side: &[f64]| side.iter().sum::<f64>() / side.len() as f64;
    let squares = |side: &[f64], mean: f64| side.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
    let (before, after) = (mean(left), mean(right));
    let noise = ((squares(left, before) + squares(right, after)) / (values.len() - 2) as f64).sqrt();
    let is_more = (after - before).abs() > LEAST_CHANGE * before.abs().max(after.abs());
    is_more && gain.sqrt() > LEAST_ERRORS * noise
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers with a mean of 0 and a variance of 1 that look random.
    fn noise(n: usize, mut seed: u64) -> Vec<f64> {
        let mut uniform = || {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            (seed >> 11) as f64 / (1_u64 << 53) as f64
        };
        (0..n).map(|_| ((0..12).map(|_| uniform()).sum::<f64>()) - 6.0).collect()
    }

    fn correlated(n: usize, seed: u64, r: f64) -> Vec<f64> {
        let mut last = 0.0;
        noise(n, seed)
            .into_iter()
            .map(|one| {
                last = r * last + (1.0 - r * r).sqrt() * one;
                last
            })
            .collect()
    }

    #[test]
    fn too_few_steps_say_nothing() {
        assert_eq!(Mean::of_steps(&[1.0; LEAST_STEPS - 1]), None);
        assert_eq!(Difference::paired(&[1.0; LEAST_STEPS - 1]), None);
    }

    #[test]
    fn what_is_constant_differs_by_what_it_differs() {
        let [one, two] = [1.0, 2.0].map(|value| Mean::of_steps(&[value; 10]).unwrap());
        assert_eq!(Difference::between(&one, &two), Difference { difference: 1.0, low: 1.0, high: 1.0, p: 0.0 });
        assert_eq!(Difference::between(&one, &one).p, 1.0);
    }

    #[test]
    fn noise_is_rarely_called_a_difference_even_if_it_is_correlated() {
        for r in [0.0, 0.5] {
            let sure = (1..=1_000_u64).filter(|seed| {
                let values = correlated(60, seed * 7_919, r);
                let [a, b] = [&values[..30], &values[30..]].map(|half| Mean::of_steps(half).unwrap());
                Difference::between(&a, &b).is_sure(1)
            });
            let sure = sure.count();
            assert!(sure < 110, "{sure} of 1000 at correlation {r}");
        }
    }

    #[test]
    fn a_difference_is_in_its_interval_and_found() {
        let a = Mean::of_steps(&noise(60, 3)).unwrap();
        let b: Vec<f64> = noise(60, 5).into_iter().map(|value| value + 2.0).collect();
        let difference = Difference::between(&a, &Mean::of_steps(&b).unwrap());
        assert!(difference.low < 2.0 && 2.0 < difference.high && difference.is_sure(100), "{difference:?}");
        // The same noise on both sides is no noise of the difference.
        let steps: Vec<f64> = noise(20, 9).iter().map(|value| 0.1 + value * 1e-3).collect();
        assert!(Difference::paired(&steps).unwrap().is_sure(100));
    }

    #[test]
    fn the_latest_shift_is_found_and_noise_has_none() {
        let mut values: Vec<f64> = noise(100, 11).into_iter().map(|value| 10.0 + value).collect();
        assert_eq!(latest_shift(&values), None);
        values[40..].iter_mut().for_each(|value| *value += 10.0);
        values[70..].iter_mut().for_each(|value| *value += 20.0);
        let found = latest_shift(&values).unwrap();
        assert_eq!((found.at, place_of_shift(&values[55..85])), (70, Some(15)));
        assert!((found.after - 40.0).abs() < 1.0 && (found.before - 20.0).abs() < 1.0, "{found:?}");
        assert!(found.low < 20.0 && 20.0 < found.high && found.high - found.low < 3.0, "{found:?}");
        assert!(found.chance < 1e-6, "{found:?}");
        let false_alarms = (1..=1_000_u64).filter(|seed| {
            let values: Vec<f64> = noise(60, seed * 104_729).iter().map(|value| 2.0 + value).collect();
            latest_shift(&values).is_some()
        });
        assert!(false_alarms.count() <= 2);
        assert_eq!(latest_shift(&[1.0; 7]), None);
        assert_eq!(latest_shift(&[0.0; 50]), None);
    }
}
