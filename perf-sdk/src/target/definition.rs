//! A target.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::expression::{
    Aggregate, CallFigure, Comparison, ExpressionError, Formula, Metric, Quantity, Source, parse_comparison,
};

/// The window of a target that names none.
const WINDOW: Duration = Duration::from_secs(300);

/// The period of an error budget that names none: that of the burn rates' factors.
pub(super) const PERIOD: Duration = Duration::from_secs(30 * 86_400);

/// The shortest period: a thirtieth of the usual one, with windows from 10 s on.
const LEAST_PERIOD: Duration = Duration::from_secs(86_400);

/// From this share of a limit on, a target is at risk.
const MARGIN: f64 = 0.9;

/// The number of events below which shares say little.
const LEAST_EVENTS: u64 = 20;

const MOST_NAME: usize = 200;

/// What a figure of the program ought to be.
///
/// ```
/// use perf_sdk::target::Target;
///
/// let target = Target::new("hit_ratio(\"results\") > 90% over 10m")?.name("the cache is warm");
/// assert_eq!(target.to_string(), "hit_ratio(\"results\") > 90% over 10m");
/// let error = Target::new("hit_ratio(\"results\") > 90").unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "target:1:24 is \"90\"; allowed: for hit_ratio, which is a share: a percentage, such as 90%"
/// );
/// # Ok::<(), perf_sdk::target::ExpressionError>(())
/// ```
///
/// [`FUNCTIONS`](super::FUNCTIONS) are the metrics that it may name, besides all readings.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    pub(super) that: Comparison,
    pub(super) name: Option<String>,
    pub(super) window: Option<Duration>,
    pub(super) objective: Option<f64>,
    pub(super) period: Option<Duration>,
    pub(super) min_events: Option<u64>,
    pub(super) margin: Option<f64>,
}

/// What is wrong with a target: the key, its value, and what is allowed.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) key: &'static str,
    pub(super) value: String,
    pub(super) allowed: String,
}

impl Target {
    /// A target that has an expression, and defaults.
    ///
    /// # Errors
    /// A mistake in the expression.
    pub fn new(that: &str) -> Result<Self, ExpressionError> {
        parse_comparison(&Source::of(that, "target")).map(Self::of)
    }

    pub(super) fn of(that: Comparison) -> Self {
        Self { that, name: None, window: None, objective: None, period: None, min_events: None, margin: None }
    }

    /// Its name, which no other target has: at most 200 characters. By default the expression.
    #[must_use]
    pub fn name(self, name: impl Into<String>) -> Self {
        Self { name: Some(name.into()), ..self }
    }

    /// The time over which the metric is taken, if the expression has no `over`. By default 5
    /// minutes.
    #[must_use]
    pub fn window(self, window: Duration) -> Self {
        Self { window: Some(window), ..self }
    }

    /// The percentage of calls that must be good: below the limit of a latency target, without
    /// error for an `error_ratio`. By default as the expression says: 95 for `p95`. With an
    /// objective of its own, a target whose error budget is used up is missed.
    #[must_use]
    pub fn objective(self, percent: f64) -> Self {
        Self { objective: Some(percent / 100.0), ..self }
    }

    /// The period of the error budget: at least a day. By default 30 days. The windows of the burn
    /// rates are shorter in proportion.
    #[must_use]
    pub fn period(self, period: Duration) -> Self {
        Self { period: Some(period), ..self }
    }

    /// The number of calls, lookups or values below which there is no data. By default as many as
    /// the quantile needs (20 for `p95`), 20 for shares, none for rates, else 1.
    #[must_use]
    pub fn min_events(self, events: u64) -> Self {
        Self { min_events: Some(events), ..self }
    }

    /// The percentage of the limit from which on the target is at risk. By default 90. For a lower
    /// limit of a share it is of what may be lacking: 91 % of `> 90%`.
    #[must_use]
    pub fn margin(self, percent: f64) -> Self {
        Self { margin: Some(percent / 100.0), ..self }
    }

    /// Its name, or its expression.
    pub(crate) fn title(&self) -> String {
        self.name.clone().unwrap_or_else(|| self.that.to_string())
    }

    pub(super) fn length(&self) -> Duration {
        let own = self.that.window.and_then(Quantity::duration);
        own.or(self.window).unwrap_or(WINDOW)
    }

    pub(super) fn margin_share(&self) -> f64 {
        self.margin.unwrap_or(MARGIN)
    }

    pub(super) fn least_events(&self) -> u64 {
        self.min_events.unwrap_or_else(|| least_events(&self.that.metric))
    }

    /// Whether calls are good or bad, so that there is an error budget.
    fn has_budget(&self) -> bool {
        let figure = self.that.metric.calls().map(|(_, figure)| figure);
        let is_of_calls = matches!(figure, Some(CallFigure::Quantile(_) | CallFigure::ErrorRatio));
        is_of_calls && self.that.below.is_some() && self.that.above.is_none()
    }

    pub(super) fn fault(&self) -> Option<Fault> {
        let fault = |key, value, allowed: &str| Some(Fault { key, value, allowed: allowed.to_owned() });
        let percent = |share: f64| format!("{}%", share * 100.0);
        let is_share = |share: &f64| *share > 0.0 && *share < 1.0;
        let shown = |duration: Duration| format!("{duration:?}");
        if let Some(name) = &self.name {
            let is_plain = !name.trim().is_empty() && !name.chars().any(char::is_control);
            if !is_plain || name.chars().count() > MOST_NAME {
                return fault("name", name.clone(), "1 to 200 characters without control characters");
            }
        }
        for (key, share) in [("objective", self.objective), ("margin", self.margin)] {
            if let Some(share) = share.filter(|share| !is_share(share)) {
                return fault(key, percent(share), "a percentage above 0% and below 100%, such as 99.9%");
            }
        }
        if let Some(window) = self.window {
            if self.that.window.is_some() {
                return fault("window", shown(window), "over in the expression, or window, not both");
            }
            if window.is_zero() {
                return fault("window", shown(window), "a time above 0");
            }
        }
        if let Some(period) = self.period.filter(|period| *period < LEAST_PERIOD) {
            return fault("period", shown(period), "a time of at least 1d");
        }
        if !self.has_budget() {
            let allowed = "a target of a quantile or an error_ratio with an upper limit, which has an error budget";
            if let Some(objective) = self.objective {
                return fault("objective", percent(objective), allowed);
            }
            if let Some(period) = self.period {
                return fault("period", shown(period), allowed);
            }
        }
        None
    }
}

/// A quantile needs one call on its other side.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most 1,000")]
pub(crate) fn least_events(metric: &Metric) -> u64 {
    match metric.function.map(|function| function.formula) {
        Some(Formula::Calls(CallFigure::Quantile(share))) => (1.0 / (1.0 - share)).round() as u64,
        Some(Formula::Calls(CallFigure::ErrorRatio | CallFigure::SlowerThan(_))) => LEAST_EVENTS,
        Some(Formula::Quotient { .. } | Formula::OfCounters) => LEAST_EVENTS,
        Some(Formula::Calls(_) | Formula::Rate | Formula::Over(Aggregate::Growth)) => 0,
        _ => 1,
    }
}

/// The expression.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.that.fmt(f)
    }
}

impl FromStr for Target {
    type Err = ExpressionError;

    fn from_str(text: &str) -> Result<Self, ExpressionError> {
        Self::new(text)
    }
}
