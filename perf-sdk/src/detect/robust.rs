//! Median and median absolute deviation: up to a half of the samples may be anything.

/// A normal distribution's standard deviation ÷ its median absolute deviation.
const NORMAL: f64 = 1.482_602_218_505_602;

/// The median. 0 without samples. The order changes.
pub(super) fn median(samples: &mut [f64]) -> f64 {
    if samples.is_empty() {
        return 0.0;
    }
    let middle = samples.len() / 2;
    let is_odd = samples.len() % 2 == 1;
    let (below, upper, _) = samples.select_nth_unstable_by(middle, f64::total_cmp);
    if is_odd {
        return *upper;
    }
    f64::midpoint(below.iter().copied().fold(f64::NEG_INFINITY, f64::max), *upper)
}

/// The standard deviation of a normal distribution that has the median absolute deviation of the
/// samples. The order changes, and the samples become their distances to `centre`.
pub(super) fn deviation(samples: &mut [f64], centre: f64) -> f64 {
    samples.iter_mut().for_each(|sample| *sample = (*sample - centre).abs());
    median(samples) * NORMAL
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_half_of_the_samples_may_be_anything() {
        assert_eq!(median(&mut []), 0.0);
        assert_eq!(median(&mut [3.0]), 3.0);
        assert_eq!(median(&mut [4.0, 1.0]), 2.5);
        assert_eq!(median(&mut [1e9, 1.0, 3.0, 2.0, 1e12]), 3.0);
        assert_eq!(deviation(&mut [1.0, 2.0, 3.0, 4.0, 1e9], 3.0), NORMAL);
        assert_eq!(deviation(&mut [5.0; 4], 5.0), 0.0);
    }
}
