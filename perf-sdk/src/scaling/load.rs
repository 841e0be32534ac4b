//! One rule at one moment.

use super::forecast::Forecast;
use crate::target::TargetState;

/// Where in the range the load is meant to be, from its lower to its upper end.
const AIM: f64 = 0.75;
/// The same for a rule with one end, as a share of it.
const BELOW_UPPER: f64 = 0.8;
const ABOVE_LOWER: f64 = 1.25;

/// What a rule measured, and the range that it is meant to be in.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Load {
    pub(crate) rule: String,
    pub(crate) metric: String,
    pub(crate) value: f64,
    pub(crate) low: Option<f64>,
    pub(crate) high: Option<f64>,
    /// In half an hour, if that can be said.
    pub(crate) forecast: Option<Forecast>,
}

impl Load {
    /// `None` if the metric has no value, or no end that is above 0.
    pub(crate) fn of(state: &TargetState, forecast: Option<Forecast>) -> Option<Self> {
        let value = state.current.filter(|value| value.is_finite())?;
        let positive = |end: Option<f64>| end.filter(|end| *end > 0.0 && end.is_finite());
        let (low, high) = (positive(state.lower), positive(state.upper));
        (low.is_some() || high.is_some()).then(|| Self {
            rule: state.name.clone(),
            metric: state.metric.clone(),
            value: value.max(0.0),
            low,
            high,
            forecast,
        })
    }

    /// The value that the metric is meant to have.
    pub(crate) fn aim(&self) -> f64 {
        match (self.low, self.high) {
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
        self.high.is_some_and(|high| self.peak() > high)
    }

    /// Whether it leaves room for fewer processes.
    pub(crate) fn is_low(&self) -> bool {
        match self.low {
            Some(low) => self.peak() < low,
            None => self.ratio() < 1.0,
        }
    }
}
