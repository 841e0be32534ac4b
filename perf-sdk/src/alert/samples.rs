//! The latest values of a metric, for anomalies.

use std::collections::VecDeque;

use crate::detect::{Shift, Usual, recurs, shift};

/// Seconds between two of them.
pub(super) const EVERY: u64 = 10;
/// Those in which a shift is looked for: five minutes.
const LOOKED_AT: usize = 30;
/// So much must be known: ten minutes of what is usual, and those in which to look.
const NEEDED_MINUTES: u64 = 15;
/// Those that are usual: an hour.
const USUAL: usize = 360;

/// Values of a metric over 10 s each.
#[derive(Clone, Debug, Default)]
pub(super) struct Samples {
    /// Missing ones are not a number.
    all: VecDeque<f64>,
    /// The moment of the latest, in seconds.
    latest: Option<u64>,
}

impl Samples {
    /// Whether the next sample is due.
    pub(super) fn is_due(&self, second: u64) -> bool {
        self.latest.is_none_or(|latest| second >= latest + EVERY || second < latest)
    }

    /// Adds one. Those that were left out are missing.
    pub(super) fn add(&mut self, second: u64, value: Option<f64>) {
        let left_out = self.latest.map_or(0, |latest| (second.saturating_sub(latest) / EVERY).saturating_sub(1));
        let missing = usize::try_from(left_out).unwrap_or(usize::MAX).min(USUAL + LOOKED_AT);
        self.all.extend(std::iter::repeat_n(f64::NAN, missing));
        self.all.push_back(value.unwrap_or(f64::NAN));
        self.all.drain(..self.all.len().saturating_sub(USUAL + LOOKED_AT));
        self.latest = Some(second);
    }

    /// Whether the latest ones left what is usual. An error says why it is not known.
    pub(super) fn shift(&self) -> Result<Option<Shift>, String> {
        let all: Vec<f64> = self.all.iter().copied().collect();
        let (usual, recent) = all.split_at(all.len().saturating_sub(LOOKED_AT));
        match Usual::of(usual) {
            Some(usual_now) => Ok(shift(&usual_now, recent).filter(|_| !recurs(&usual_now, usual, recent))),
            None => {
                let known = all.iter().filter(|value| value.is_finite()).count() as u64 * EVERY / 60;
                Err(match known < NEEDED_MINUTES {
                    true => format!("what is usual is not known: {known} of {NEEDED_MINUTES} minutes"),
                    false => "what is usual is not known: it is 0 most of the time, or values are missing".to_owned(),
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_left_out_is_missing_and_the_rest_is_bounded() {
        let mut samples = Samples::default();
        assert!(samples.is_due(1_000) && samples.shift().is_err());
        samples.add(1_000, Some(7.0));
        assert!(!samples.is_due(1_009) && samples.is_due(1_010) && samples.is_due(900), "the clock went back");
        samples.add(1_035, Some(8.0));
        assert_eq!(samples.all.len(), 4);
        assert!(samples.all[1].is_nan() && samples.all[2].is_nan());
        (0..1_000).for_each(|at| samples.add(2_000 + at * EVERY, Some(5.0)));
        assert_eq!((samples.all.len(), samples.shift()), (USUAL + LOOKED_AT, Ok(None)));
        samples.add(u64::MAX, None);
        assert_eq!(samples.all.len(), USUAL + LOOKED_AT);
        assert!(samples.all.iter().all(|value| value.is_nan()));
    }

    #[test]
    fn a_step_is_a_shift() {
        let mut samples = Samples::default();
        (0..100).for_each(|at| samples.add(at * EVERY, Some(100.0 + f64::from(at as u32 * 7 % 5))));
        assert_eq!(samples.shift(), Ok(None));
        (100..105).for_each(|at| samples.add(at * EVERY, Some(200.0)));
        let found = samples.shift().unwrap().unwrap();
        assert!(found.samples == 5 && (found.factor - 1.96).abs() < 0.05, "{found:?}");
    }
}
