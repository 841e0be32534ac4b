//! How many processes the load of this one needs.

#[cfg(feature = "enabled")]
use serde::Serialize;

/// What the rules of `PERF_SCALING` ask for, by [`Handle::scaling`](crate::Handle::scaling). Values
/// are in seconds, bytes, shares of 1, things, or these per second, as the rule's metric is.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "enabled", derive(Serialize))]
#[non_exhaustive]
pub struct Scaling {
    /// When it was decided, in nanoseconds since the Unix epoch.
    pub at_unix_ns: u64,
    /// How many processes the load of this one needs, from 0.5 to 2. Its mean over all processes
    /// times their number is how many there ought to be.
    pub desired_replicas: f64,
    /// Whether that is more, fewer, or what there is.
    pub direction: ScalingDirection,
    /// The rule that says so. Empty if it is what there is.
    pub rule: String,
    /// Why, for people.
    pub reason: String,
    /// All rules.
    pub rules: Vec<ScalingRule>,
}

/// More, fewer, or what there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "enabled", derive(Serialize))]
#[cfg_attr(feature = "enabled", serde(rename_all = "lowercase"))]
#[non_exhaustive]
pub enum ScalingDirection {
    /// What there is.
    #[default]
    Hold,
    /// More processes.
    Out,
    /// Fewer processes.
    In,
}

impl ScalingDirection {
    /// `hold`, `out` or `in`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hold => "hold",
            Self::Out => "out",
            Self::In => "in",
        }
    }
}

/// One rule, and what it measured.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "enabled", derive(Serialize))]
#[non_exhaustive]
pub struct ScalingRule {
    /// Its text, or its name.
    pub rule: String,
    /// What it measured. `None` if there is nothing to measure.
    pub value: Option<f64>,
    /// Why there is no value. Empty if there is one.
    pub absent: String,
    /// The lower end of its range, if it has one.
    pub low: Option<f64>,
    /// The upper end of its range, if it has one.
    pub high: Option<f64>,
    /// What it aims at within the range. `None` without a value.
    pub aim: Option<f64>,
    /// What it is expected to measure in half an hour. `None` with less than 100 points of ten
    /// minutes, or with less confidence than 0.8.
    pub forecast: Option<f64>,
    /// The median error of the last day's forecasts, as a share of what came.
    pub forecast_error: Option<f64>,
    /// The share of the last day's forecasts that were off by 15 % at most.
    pub forecast_confidence: Option<f64>,
}
