//! What came of judging targets.

use std::fmt;

#[cfg(feature = "enabled")]
use serde::{Deserialize, Serialize};

/// The status of a target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "enabled", derive(Serialize, Deserialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Status {
    /// As it ought to be.
    Met,
    /// Still within the limit, but near it, or its error budget burns too fast.
    AtRisk,
    /// Beyond the limit, or its error budget is used up.
    Missed,
    /// Too little happened for a judgement.
    #[default]
    NoData,
    /// It can never be judged: the history does not reach so far back, or the name is unknown.
    NotEvaluable,
}

impl Status {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Met, Self::AtRisk, Self::Missed, Self::NoData, Self::NotEvaluable];

    /// `met`, `at_risk`, `missed`, `no_data` or `not_evaluable`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::AtRisk => "at_risk",
            Self::Missed => "missed",
            Self::NoData => "no_data",
            Self::NotEvaluable => "not_evaluable",
        }
    }
}

/// In words: `at risk`.
impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name().replace('_', " "))
    }
}

/// All targets at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "enabled", derive(Serialize, Deserialize))]
#[non_exhaustive]
pub struct Judgement {
    /// Nanoseconds since the Unix epoch.
    pub at_unix_ns: u64,
    /// In the order in which they were added.
    pub targets: Vec<TargetState>,
}

/// One target at one moment. Values are in seconds, bytes, shares of 1 or things, or in these per
/// second.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "enabled", derive(Serialize, Deserialize))]
#[non_exhaustive]
pub struct TargetState {
    /// Its name, or its expression.
    pub name: String,
    /// Whether it has a name of its own.
    pub is_named: bool,
    /// `p95("search")`
    pub metric: String,
    /// Its limits: `< 100ms`.
    pub target: String,
    /// The judgement.
    pub status: Status,
    /// Why it is not met. Empty if it is.
    pub reason: String,
    /// The metric's value. Absent if there is none.
    pub current: Option<f64>,
    /// The value as text: `87.1 ms`. Empty if there is none.
    pub shown: String,
    /// The lower limit.
    pub lower: Option<f64>,
    /// The upper limit.
    pub upper: Option<f64>,
    /// The number of calls, lookups or values on which the value rests.
    pub events: u64,
    /// The number of events below which there is no data.
    pub min_events: u64,
    /// The time over which the metric is taken.
    pub window_seconds: f64,
    /// The part of it for which there is data.
    pub covered_seconds: f64,
    /// Of latency and error targets.
    pub budget: Option<ErrorBudget>,
}

/// How many calls may be bad, and how fast they become so.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "enabled", derive(Serialize, Deserialize))]
#[non_exhaustive]
pub struct ErrorBudget {
    /// The share of calls that must be good.
    pub objective: f64,
    /// The period over which it must hold.
    pub period_seconds: f64,
    /// The share of the period's budget that is left; negative if it is overdrawn. Absent unless
    /// the history covers the period.
    pub remaining: Option<f64>,
    /// Why it is absent. Empty if it is not.
    pub reason: String,
    /// One for each pair of windows, the shortest first.
    pub burn_rates: Vec<BurnRate>,
}

/// How fast an error budget burns: 1 uses it up exactly at the period's end.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "enabled", derive(Serialize, Deserialize))]
#[non_exhaustive]
pub struct BurnRate {
    /// It burns too fast from this rate on, in both windows.
    pub factor: f64,
    /// The longer window.
    pub long_seconds: f64,
    /// The shorter window, which ends the alarm soon after the errors end.
    pub short_seconds: f64,
    /// The rate over the longer window. Absent without a judgement.
    pub long_rate: Option<f64>,
    /// The rate over the shorter window. Absent without a judgement.
    pub short_rate: Option<f64>,
    /// How soon somebody should look.
    pub severity: Severity,
    /// The judgement.
    pub state: BurnState,
    /// Why there is none. Empty if there is.
    pub reason: String,
}

/// How soon somebody should look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "enabled", derive(Serialize, Deserialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Severity {
    /// Now: at this rate the budget lasts some days.
    Page,
    /// In working hours.
    Ticket,
}

/// The judgement of a burn rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "enabled", derive(Serialize, Deserialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum BurnState {
    /// Slow enough.
    Quiet,
    /// Too fast in both windows.
    Burning,
    /// Too few calls.
    NoData,
    /// The history does not cover the longer window.
    NotEvaluable,
}

impl Judgement {
    /// How many targets have this status.
    #[must_use]
    pub fn count(&self, status: Status) -> usize {
        self.targets.iter().filter(|target| target.status == status).count()
    }

    /// How many have each status that one has: `5 met, 1 missed`.
    pub(crate) fn summary(&self) -> String {
        let counts = Status::ALL.map(|status| (self.count(status), status));
        let shown = counts.iter().filter(|(count, _)| *count > 0).map(|(count, status)| format!("{count} {status}"));
        shown.collect::<Vec<_>>().join(", ")
    }

    /// Those that are missed.
    pub fn missed(&self) -> impl Iterator<Item = &TargetState> {
        self.targets.iter().filter(|target| target.status == Status::Missed)
    }

    /// Whether one is missed.
    #[must_use]
    pub fn is_missed(&self) -> bool {
        self.count(Status::Missed) > 0
    }
}

impl BurnRate {
    #[cfg(all(test, feature = "serve"))]
    pub(crate) fn quiet() -> Self {
        Self {
            factor: 14.4,
            long_seconds: 3_600.0,
            short_seconds: 300.0,
            long_rate: None,
            short_rate: None,
            severity: Severity::Page,
            state: BurnState::Quiet,
            reason: String::new(),
        }
    }
}

impl TargetState {
    /// The value ÷ each limit: with `max` for the upper and `min` for the lower one. Without a
    /// value, or a limit above 0, there is none.
    pub fn ratios(&self) -> impl Iterator<Item = (&'static str, f64)> {
        let bounds = [("min", self.lower), ("max", self.upper)];
        let current = self.current;
        let ratio = move |(bound, limit): (&'static str, Option<f64>)| {
            Some((bound, current? / limit.filter(|limit| *limit > 0.0)?))
        };
        bounds.into_iter().filter_map(ratio)
    }
}
