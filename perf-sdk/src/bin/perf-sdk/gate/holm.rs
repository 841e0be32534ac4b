//! Several tests at once, by Holm's method: S. Holm, "A simple sequentially rejective multiple test
//! procedure", Scandinavian Journal of Statistics 6 (1979), 65–70.

/// What one of several tests says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Tested {
    /// Whether its hypothesis, that nothing changed, is rejected.
    pub(super) is_rejected: bool,
    /// The level at which its p-value was judged, or would have been.
    pub(super) level: f64,
}

/// Tests all p-values so that with probability `1 − alpha` no true hypothesis is rejected, however
/// they depend on each other.
pub(super) fn holm(p: &[f64], alpha: f64) -> Vec<Tested> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|one, other| p[*one].total_cmp(&p[*other]));
    let mut all = vec![Tested { is_rejected: false, level: alpha }; p.len()];
    let mut goes_on = true;
    for (place, at) in order.into_iter().enumerate() {
        let level = alpha / (p.len() - place) as f64;
        // After the first one that is kept, all are.
        goes_on &= p[at] <= level;
        all[at] = Tested { is_rejected: goes_on, level };
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hypotheses_are_rejected_until_the_first_that_is_kept() {
        let rejected = |p: &[f64]| holm(p, 0.05).iter().map(|tested| tested.is_rejected).collect::<Vec<_>>();
        // The example of Holm's method in R's p.adjust: adjusted 0.03, 0.06, 0.06, 0.02.
        assert_eq!(rejected(&[0.01, 0.04, 0.03, 0.005]), [true, false, false, true]);
        assert_eq!(rejected(&[0.05]), [true]);
        assert_eq!(rejected(&[0.04, 0.04]), [false, false]);
        // The smaller one of two allows the larger one a level of its own.
        assert_eq!(rejected(&[0.04, 0.02]), [true, true]);
        assert!(rejected(&[]).is_empty());
    }
}
