//! Whether a series grows.

use super::robust::median;

/// Means of neighbouring samples between which slopes are computed, at most. Longer means are
/// nearer to a normal distribution, and hang together less.
const MOST_POINTS: usize = 36;
/// Means of fewer samples say nothing.
const LEAST_POINTS: usize = 12;
/// Standard deviations of Mann's and Kendall's statistic from which on it is no chance: of a series
/// without trend one in 10⁵ is beyond, and what hangs together needs more.
const CERTAIN: f64 = 4.5;

/// The slope by which points (seconds, value) grow or shrink beyond chance: the median of all
/// slopes (Theil, 1950; Sen, 1968), if Mann's and Kendall's test (1945) says that there is one.
/// `None` for fewer than 12 points.
///
/// It is for series whose noise is short against the window. A part of a cycle is a trend.
pub(crate) fn trend(points: &[(f64, f64)]) -> Option<f64> {
    let group = points.len().div_ceil(MOST_POINTS).max(1);
    let means: Vec<(f64, f64)> = points.chunks(group).map(mean).collect();
    if means.len() < LEAST_POINTS || certainty(&means) < CERTAIN {
        return None;
    }
    let mut slopes: Vec<f64> = Vec::with_capacity(means.len() * (means.len() - 1) / 2);
    for (at, (time, value)) in means.iter().enumerate() {
        let earlier = means[..at].iter().filter(|earlier| earlier.0 < *time);
        slopes.extend(earlier.map(|earlier| (value - earlier.1) / (time - earlier.0)));
    }
    (!slopes.is_empty()).then(|| median(&mut slopes))
}

fn mean(points: &[(f64, f64)]) -> (f64, f64) {
    let number = points.len() as f64;
    let (time, value) = points.iter().fold((0.0, 0.0), |sum, point| (sum.0 + point.0, sum.1 + point.1));
    (time / number, value / number)
}

/// Mann's and Kendall's statistic, in standard deviations.
fn certainty(points: &[(f64, f64)]) -> f64 {
    let mut concordance = 0.0_f64;
    for (at, (_, value)) in points.iter().enumerate() {
        for (_, earlier) in &points[..at] {
            concordance += if value == earlier { 0.0 } else { (value - earlier).signum() };
        }
    }
    let number = points.len() as f64;
    let variance = number * (number - 1.0) * (2.0 * number + 5.0) / 18.0;
    (concordance.abs() - 1.0).max(0.0) / variance.sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_is_told_from_noise() {
        let noise = |at: u32| f64::from(at * 7919 % 41);
        let of = |slope: f64| -> Vec<(f64, f64)> {
            (0..360).map(|at| (f64::from(at) * 10.0, 1_000.0 + noise(at) + f64::from(at) * 10.0 * slope)).collect()
        };
        assert_eq!(trend(&of(0.0)), None);
        assert_eq!(trend(&of(1.0)[..11]), None);
        for slope in [0.1, -0.1] {
            let found = trend(&of(slope)).unwrap();
            assert!((found - slope).abs() < 0.01, "{slope}: {found}");
        }
    }

    #[test]
    fn outliers_and_steps_of_one_point_do_not_matter() {
        let mut points: Vec<(f64, f64)> = (0..36).map(|at| (f64::from(at), 7.0)).collect();
        assert_eq!(trend(&points), None);
        points[30].1 = 1e12;
        assert_eq!(trend(&points), None);
    }
}
