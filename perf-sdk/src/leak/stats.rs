//! The statistics for the verdicts.

use statrs::distribution::{ContinuousCDF as _, DiscreteCDF as _, Gamma, Normal, Poisson};

/// The maximum number of points between which slopes are computed. If there are more, only every
/// nth one is used.
const MOST_POINTS: usize = 40;

/// The median of the slopes between all pairs of values: Theil (1950) and Sen (1968). The unit is
/// the distance between two neighbouring values. 0 for fewer than two values.
pub(super) fn theil_sen(values: &[f64]) -> f64 {
    let every = values.len().div_ceil(MOST_POINTS).max(1);
    let points: Vec<(usize, f64)> = values.iter().copied().enumerate().rev().step_by(every).collect();
    let mut slopes: Vec<f64> = Vec::with_capacity(points.len() * points.len().saturating_sub(1) / 2);
    for (i, (at, value)) in points.iter().enumerate() {
        for (earlier, was) in &points[i + 1..] {
            slopes.push((value - was) / (at - earlier) as f64);
        }
    }
    if slopes.is_empty() {
        return 0.0;
    }
    let middle = slopes.len() / 2;
    *slopes.select_nth_unstable_by(middle, f64::total_cmp).1
}

/// The Mann-Kendall test for growth: the probability that values without a trend appear to grow at
/// least this much. It uses the normal approximation, which is accurate from some ten values on.
/// There is no correction for ties, which makes the result conservative.
pub(super) fn growth_chance(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    if n < 3.0 {
        return 1.0;
    }
    let mut concordance = 0.0;
    for (i, a) in values.iter().enumerate() {
        for b in &values[i + 1..] {
            concordance += match b.total_cmp(a) {
                std::cmp::Ordering::Greater => 1.0,
                std::cmp::Ordering::Equal => 0.0,
                std::cmp::Ordering::Less => -1.0,
            };
        }
    }
    let variance = n * (n - 1.0) * (2.0 * n + 5.0) / 18.0;
    let z = (concordance - 1.0) / variance.sqrt();
    if concordance <= 0.0 {
        return 1.0;
    }
    Normal::standard().sf(z)
}

/// An upper bound of the mean of a Poisson variable for which `events` were observed, with an error
/// probability of at most `chance`: exact (Garwood, 1936).
pub(super) fn poisson_upper(events: u64, chance: f64) -> f64 {
    // Shape and rate are positive, so the distribution exists.
    Gamma::new(events as f64 + 1.0, 1.0).map_or(f64::INFINITY, |gamma| gamma.inverse_cdf(1.0 - chance))
}

/// The probability that a Poisson variable of this mean is at most `events`.
pub(super) fn poisson_at_most(events: u64, mean: f64) -> f64 {
    // With a mean of 0, there are certainly no events.
    Poisson::new(mean).map_or(1.0, |poisson| poisson.cdf(events))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slopes_are_the_middle_ones() {
        assert_eq!(theil_sen(&[]), 0.0);
        assert_eq!(theil_sen(&[7.0]), 0.0);
        assert_eq!(theil_sen(&[1.0, 3.0, 5.0, 7.0]), 2.0);
        assert_eq!(theil_sen(&[1.0, 3.0, 5.0, 1e9, 9.0, 11.0]), 2.0, "an outlier does not matter");
    }

    /// Compared with tables: Garwood's bounds for 0, 1, 5 and 20 events at 95 %, one-sided.
    #[test]
    fn bounds_are_those_of_the_tables() {
        for (events, bound) in [(0, 2.996), (1, 4.744), (5, 10.513), (20, 29.062)] {
            assert!((poisson_upper(events, 0.05) - bound).abs() < 1e-3, "{events}: {}", poisson_upper(events, 0.05));
        }
        assert!((poisson_at_most(2, 5.0) - 0.12465).abs() < 1e-4 && poisson_at_most(0, 0.0) == 1.0);
        assert!((poisson_upper(0, 1e-6) - 13.8155).abs() < 1e-3, "−ln of the chance");
    }

    #[test]
    fn growth_is_distinguished_from_noise() {
        let noise: Vec<f64> = (0..40).map(|n| f64::from(n * 7919 % 41)).collect();
        assert!(growth_chance(&noise) > 0.01, "{}", growth_chance(&noise));
        let growing: Vec<f64> = (0..40).map(|n| f64::from(n * 7919 % 41) + f64::from(n)).collect();
        assert!(growth_chance(&growing) < 1e-3, "{}", growth_chance(&growing));
        assert_eq!(growth_chance(&[3.0; 50]), 1.0);
    }
}
