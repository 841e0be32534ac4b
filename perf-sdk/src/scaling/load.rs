//! One rule at one moment.

use super::forecast::Forecast;
use crate::target::{Ranged, Ranging, shown_value};

/// Where in the range the load is meant to be, from its lower to its upper end.
const AIM: f64 = 0.75;
/// The same for a rule with one end, as a share of it.
const BELOW_UPPER: f64 = 0.8;
const ABOVE_LOWER: f64 = 1.25;

/// A rule with what it measured. Its range has an end.
#[derive(Clone, Debug)]
pub(crate) struct Load {
    pub(crate) of: Ranged,
    pub(crate) value: f64,
    /// In half an hour, if that can be said.
    pub(crate) forecast: Option<Forecast>,
}

impl Load {
    /// What is not there, and whether nobody may rely on it, instead, if there is no value.
    pub(crate) fn of(of: Ranged, forecast: Option<Forecast>) -> Result<Self, Absent> {
        let absent = |reason: &str, is_unknown| Absent { rule: of.name.clone(), reason: reason.to_owned(), is_unknown };
        match &of.value {
            Ranging::Is(_) if of.low.is_none() && of.high.is_none() => Err(absent("its range has no end", true)),
            Ranging::Is(value) => Ok(Self { value: *value, forecast, of }),
            Ranging::Nothing(reason) => Err(absent(reason, false)),
            Ranging::Unknown(reason) => Err(absent(reason, true)),
        }
    }

    /// The value that the metric is meant to have.
    pub(crate) fn aim(&self) -> f64 {
        match (self.of.low, self.of.high) {
            (Some(low), Some(high)) => low + AIM * (high - low),
            (None, Some(high)) => BELOW_UPPER * high,
            (Some(low), None) => ABOVE_LOWER * low,
            // Not made.
            (None, None) => f64::INFINITY,
        }
    }

    /// The value now or in half an hour, whichever is higher. A forecast that cannot be believed is
    /// left out.
    pub(crate) fn peak(&self) -> f64 {
        let ahead = self.forecast.filter(Forecast::is_believed);
        ahead.map_or(self.value, |forecast| forecast.value.max(self.value))
    }

    /// How many processes would bring it to its aim.
    pub(crate) fn ratio(&self) -> f64 {
        self.peak() / self.aim()
    }

    pub(crate) fn is_too_high(&self) -> bool {
        self.of.high.is_some_and(|high| self.peak() > high)
    }

    /// Whether it leaves room for fewer processes.
    pub(crate) fn is_low(&self) -> bool {
        match self.of.low {
            Some(low) => self.peak() < low,
            None => self.ratio() < 1.0,
        }
    }

    /// A value of the metric as text.
    pub(crate) fn shown(&self, value: f64) -> String {
        shown_value(value, self.of.dimension, &self.of.name)
    }
}

/// A rule without a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Absent {
    pub(crate) rule: String,
    pub(crate) reason: String,
    /// Nobody may rely on that it is low.
    pub(crate) is_unknown: bool,
}
