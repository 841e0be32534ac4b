//! Whether something is so at this hour of other days too.

use super::robust::{deviation, median};

/// The number of days below which nothing is known.
const LEAST_DAYS: usize = 5;
/// So many standard deviations of the days are usual.
const USUAL: f64 = 3.0;
/// Differences of this share are usual between days.
const LEAST_DEVIATION: f64 = 0.1;

/// Whether a value is what earlier days had at the same time, so that a shift to it is none: the
/// morning's load, the nightly batch. `None` with fewer than five days.
pub(crate) fn is_seasonal(value: f64, earlier_days: &[f64]) -> Option<bool> {
    let mut days: Vec<f64> = earlier_days.iter().copied().filter(|value| *value > 0.0).map(f64::ln).collect();
    if days.len() < LEAST_DAYS {
        return None;
    }
    let centre = median(&mut days);
    let usual = USUAL * deviation(&mut days, centre).max(LEAST_DEVIATION);
    Some(value > 0.0 && (value.ln() - centre).abs() <= usual)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_every_day_has_is_usual() {
        assert_eq!(is_seasonal(5.0, &[5.0; 4]), None);
        assert_eq!(is_seasonal(5.0, &[0.0; 7]), None);
        let days = [900.0, 1_000.0, 1_100.0, 950.0, 1_050.0, 20.0, 1_000.0];
        assert_eq!(is_seasonal(1_150.0, &days), Some(true));
        for value in [100.0, 3_000.0, 0.0] {
            assert_eq!(is_seasonal(value, &days), Some(false), "{value}");
        }
    }
}
