//! What is decided, as readings.

use std::sync::Arc;
use std::time::Duration;

use crate::reading::{Description, Labels, Place, Renew, Sheet, Unit};
use crate::snapshot::Scaling;

static DESIRED: Description = Description::gauge(
    "scaling_desired_replicas",
    Unit::Count,
    "How many processes the load of this one needs: 1 if it is right. Its mean over all processes times their number is how many there ought to be.",
);
static LOAD: Description =
    Description::gauge("scaling_load_ratio", Unit::Ratio, "What each rule measured, divided by what it aims at.");
static REASON: Description = Description::gauge(
    "scaling_reason",
    Unit::Count,
    "1 for the rule that asks for more or fewer processes, by direction.",
);
static FORECAST: Description = Description::gauge(
    "scaling_forecast_ratio",
    Unit::Ratio,
    "What each rule is expected to measure in half an hour, divided by what it aims at. Only where at least 80 % of the last day's forecasts were off by 15 % at most.",
);
static ERROR: Description = Description::gauge(
    "scaling_forecast_error_ratio",
    Unit::Ratio,
    "The median error of the last day's forecasts, as a share of what came.",
);

/// All of them.
pub(crate) fn descriptions() -> impl Iterator<Item = &'static Description> {
    [&DESIRED, &LOAD, &REASON, &FORECAST, &ERROR].into_iter()
}

/// While it exists, decisions are in scrapes.
#[derive(Debug)]
pub(crate) struct Shown(Place);

impl Shown {
    pub(crate) fn new() -> Self {
        Self(Place::new("scaling", Renew(Arc::new(|| ()))))
    }

    pub(crate) fn publish(&self, scaling: &Scaling) {
        let mut sheet = Sheet::default();
        sheet.push(&DESIRED, scaling.desired_replicas);
        if !scaling.rule.is_empty() {
            let labels = [("rule", scaling.rule.as_str()), ("direction", scaling.direction.name())];
            sheet.push_of(&REASON, &Labels::of(&labels), 1.0);
        }
        for rule in &scaling.rules {
            let labels = Labels::of(&[("rule", rule.rule.as_str())]);
            let ratio = |value: Option<f64>| Some(value? / rule.aim?);
            if let Some(load) = ratio(rule.value) {
                sheet.push_of(&LOAD, &labels, load);
            }
            if let Some(forecast) = ratio(rule.forecast) {
                sheet.push_of(&FORECAST, &labels, forecast);
            }
            if let Some(error) = rule.forecast_error {
                sheet.push_of(&ERROR, &labels, error);
            }
        }
        self.0.publish(sheet, Duration::MAX);
    }
}
