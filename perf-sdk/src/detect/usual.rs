//! What is usual for a series.

use super::robust::{deviation, median};

/// The number of samples below which nothing is called usual.
const LEAST: usize = 60;
/// The number of samples that have a median of their own.
const BLOCK: usize = 120;
/// Deviations from the median of less than this share of it are not worth an alarm, however quiet
/// the series is. It is also what keeps the slope of a day's cycle below the threshold.
const LEAST_DEVIATION: f64 = 0.05;
/// This share of the median is added to all values, so that 0 has a logarithm.
const OFFSET: f64 = 0.01;
/// Neighbours may hang together up to this: beyond, hardly a change is unusual.
const MOST_CORRELATION: f64 = 0.95;
/// Of sums of samples whose neighbours have a correlation of 0.5: their variance ÷ that of sums of
/// independent ones. The threshold of a shift is for this.
const USUAL_VARIANCE: f64 = 3.0;

/// The usual value of a series of positive numbers, and its noise.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Usual {
    /// What the next samples are likely to be.
    pub(crate) value: f64,
    /// The standard deviation of values ÷ their median, by the median absolute deviation.
    deviation: f64,
    /// That of logarithms.
    log_deviation: f64,
    /// By how much larger the deviation is taken to be, since neighbours hang together.
    autocorrelation_factor: f64,
}

impl Usual {
    /// Of samples at equal distances. Those that are not finite are missing. `None` for fewer than
    /// 60, and for a series that is 0 most of the time: nothing is known of its noise.
    ///
    /// The usual value is the median of the last 120 samples, and more or less if that grew or
    /// shrank all the time, as the load of a day does. The noise is that of all samples, 120 at a
    /// time about a median of their own. Both are robust up to a half of the samples. The
    /// correlation of neighbours is that of the signs (Blomqvist, 1950), as a normal distribution
    /// has it.
    pub(crate) fn of(samples: &[f64]) -> Option<Self> {
        let known: Vec<f64> =
            samples.iter().copied().filter(|value| value.is_finite()).map(|value| value.max(0.0)).collect();
        if known.len() < LEAST {
            return None;
        }
        let mut medians = Vec::new();
        let (mut linear, mut logs) = (Vec::with_capacity(known.len()), Vec::with_capacity(known.len()));
        let mut sides = Sides::default();
        for block in known.rchunks(BLOCK).filter(|block| block.len() >= LEAST) {
            let middle = median(&mut block.to_vec());
            medians.push(middle);
            if middle > 0.0 {
                linear.extend(block.iter().map(|value| value / middle - 1.0));
                logs.extend(block.iter().map(|value| logarithm(*value, middle)));
                sides.add(block, middle);
            }
        }
        let value = next(&medians).filter(|value| *value > 0.0)?;
        let correlation = sides.correlation();
        Some(Self {
            value,
            deviation: deviation(&mut linear, 0.0).max(LEAST_DEVIATION),
            log_deviation: deviation(&mut logs, 0.0).max(LEAST_DEVIATION),
            autocorrelation_factor: ((1.0 + correlation) / (1.0 - correlation) / USUAL_VARIANCE).sqrt().max(1.0),
        })
    }

    /// By how many standard deviations a value is away from what is usual.
    ///
    /// Upwards on a logarithmic scale, since the noise of most figures of a program grows with
    /// them. Downwards that scale would take normal noise for much, and a linear one a drop in
    /// log-normal noise for little: it is the geometric mean of both.
    pub(crate) fn distance(&self, value: f64) -> f64 {
        let value = value.max(0.0);
        let log = logarithm(value, self.value) / self.log_deviation;
        let linear = (value / self.value - 1.0) / self.deviation;
        let distance = if log >= 0.0 { log } else { -(log * linear).max(0.0).sqrt() };
        distance / self.autocorrelation_factor
    }
}

/// What follows medians, of which the latest comes first: the latest, times the factor by which
/// they grew or shrank. The smaller of two factors counts if both are in one direction: what is
/// noise, or a step, is mostly in one of them.
fn next(medians: &[f64]) -> Option<f64> {
    /// From the middle of a block to that of the samples that follow it ÷ a block.
    const AHEAD: f64 = 0.6;
    let latest = *medians.first()?;
    let [a, b, c] =
        *medians.first_chunk::<3>().filter(|all| all.iter().all(|median| *median > 0.0)).unwrap_or(&[1.0; 3]);
    let (now, before) = ((a / b).ln(), (b / c).ln());
    let steady = if now * before > 0.0 { now.abs().min(before.abs()) * now.signum() } else { 0.0 };
    Some(latest * (steady * AHEAD).exp())
}

/// Of a value ÷ the median.
fn logarithm(value: f64, median: f64) -> f64 {
    ((value / median + OFFSET) / (1.0 + OFFSET)).ln()
}

/// On which side of the median neighbours are.
#[derive(Default)]
struct Sides {
    sum: f64,
    pairs: f64,
}

impl Sides {
    fn add(&mut self, values: &[f64], median: f64) {
        for pair in values.windows(2) {
            // A value at the median has no side.
            if pair.iter().all(|value| *value != median) {
                self.sum += (pair[0] - median).signum() * (pair[1] - median).signum();
                self.pairs += 1.0;
            }
        }
    }

    fn correlation(&self) -> f64 {
        if self.pairs == 0.0 {
            return 0.0;
        }
        (std::f64::consts::FRAC_PI_2 * self.sum / self.pairs).sin().clamp(0.0, MOST_CORRELATION)
    }
}

#[cfg(test)]
mod tests {
    use super::super::simulated::{Random, noise};
    use super::*;

    #[test]
    fn it_takes_sixty_samples_that_are_not_zero() {
        assert_eq!(Usual::of(&[1.0; 59]), None);
        assert_eq!(Usual::of(&[0.0; 100]), None);
        assert_eq!(Usual::of(&[f64::NAN; 100]), None);
        let quiet = Usual::of(&[2.0; 60]).unwrap();
        assert_eq!((quiet.value, quiet.log_deviation, quiet.autocorrelation_factor), (2.0, LEAST_DEVIATION, 1.0));
        assert_eq!(quiet.distance(2.0), 0.0);
        assert!(quiet.distance(0.0).is_finite() && quiet.distance(0.0) < -20.0);
    }

    #[test]
    fn noise_is_known_and_how_neighbours_hang_together() {
        let mut random = Random::new(7);
        for (correlation, factor) in [(0.0, 1.0), (0.5, 1.0), (0.8, 3.0_f64.sqrt())] {
            let samples: Vec<f64> = noise(&mut random, correlation, 0.2).take(50_000).map(f64::exp).collect();
            let usual = Usual::of(&samples).unwrap();
            assert!((usual.log_deviation - 0.2).abs() < 0.02, "{correlation}: {usual:?}");
            assert!((usual.autocorrelation_factor - factor).abs() < 0.2, "{correlation}: {usual:?}");
        }
    }

    #[test]
    fn values_on_both_sides_are_as_far_away_as_their_noise_says() {
        let mut random = Random::new(8);
        let samples: Vec<f64> = noise(&mut random, 0.0, 0.8).take(2_000).map(f64::exp).collect();
        let usual = Usual::of(&samples).unwrap();
        for (logarithm, distance) in [(2.4, 3.0), (0.8, 1.0), (-0.8, -0.9), (-2.4, -1.9)] {
            assert!((usual.distance(f64::exp(logarithm)) - distance).abs() < 0.2, "{logarithm}");
        }
    }
}
