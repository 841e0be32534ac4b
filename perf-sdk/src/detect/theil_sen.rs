//! The slope of a series.

/// Points between which slopes are computed, at most: 19,900 slopes.
const MOST_POINTS: usize = 200;

/// The median of the slopes between all pairs of points (x, y), which ascend by x: Theil (1950) and
/// Sen (1968). Of more than 200 points, the means of neighbouring ones. `None` for fewer than two.
///
/// Up to 29 % of the points may be anything without a large effect.
pub(super) fn theil_sen(points: &[(f64, f64)]) -> Option<f64> {
    let group = points.len().div_ceil(MOST_POINTS).max(1);
    let thin: Vec<(f64, f64)> = points.chunks(group).map(mean).collect();
    let mut slopes: Vec<f64> = Vec::with_capacity(thin.len() * thin.len().saturating_sub(1) / 2);
    for (at, (x, y)) in thin.iter().enumerate() {
        slopes.extend(
            thin[..at].iter().filter(|earlier| earlier.0 < *x).map(|earlier| (y - earlier.1) / (x - earlier.0)),
        );
    }
    if slopes.is_empty() {
        return None;
    }
    let (middle, is_odd) = (slopes.len() / 2, slopes.len() % 2 == 1);
    let (below, median, _) = slopes.select_nth_unstable_by(middle, f64::total_cmp);
    if is_odd {
        return Some(*median);
    }
    let below = below.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    Some(f64::midpoint(below, *median))
}

fn mean(points: &[(f64, f64)]) -> (f64, f64) {
    let (x, y) = points.iter().fold((0.0, 0.0), |sum, point| (sum.0 + point.0, sum.1 + point.1));
    (x / points.len() as f64, y / points.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slope_is_the_middle_one_whatever_some_points_are() {
        assert_eq!(theil_sen(&[]), None);
        assert_eq!(theil_sen(&[(1.0, 7.0)]), None);
        assert_eq!(theil_sen(&[(1.0, 7.0), (1.0, 8.0)]), None);
        assert_eq!(theil_sen(&[(0.0, 0.0), (1.0, 1.0), (2.0, 5.0)]), Some(2.5));
        assert_eq!(theil_sen(&[(0.0, 0.0), (1.0, 2.0), (2.0, 4.0), (5.0, 10.0)]), Some(2.0));
        let line = |x: f64| (x, 3.0 * x + 1.0);
        let mut points: Vec<_> = (0..180).map(|x| line(f64::from(x))).collect();
        points.iter_mut().step_by(5).for_each(|point| point.1 = 1e12);
        assert_eq!(theil_sen(&points), Some(3.0));
        let many: Vec<_> = (0..100_000).map(|x| line(f64::from(x))).collect();
        assert!((theil_sen(&many).unwrap() - 3.0).abs() < 1e-9);
    }
}
