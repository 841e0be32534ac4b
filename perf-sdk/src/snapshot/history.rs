//! What is asked of the history of a process, and its answer.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

#[cfg(feature = "enabled")]
use serde::{Deserialize, Serialize};

use super::readings::{ReadingKind, ReadingUnit};

/// A question to the history: which series, of which time, at which step. See
/// [`Handle::history`](crate::Handle::history).
///
/// Without a time it is of the last 15 minutes. Without a step it has at most 900 of them.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(not(feature = "enabled"), allow(dead_code))]
pub struct HistoryQuery {
    pub(crate) names: String,
    /// In seconds since 1970; the end is not included.
    pub(crate) from: Option<u64>,
    pub(crate) to: Option<u64>,
    pub(crate) step: Option<u64>,
}

impl HistoryQuery {
    /// Series by name, several separated by commas, such as `process_*` or
    /// `function_p95_seconds{function="search"}`. `*` stands for any text, in names and in the
    /// values of labels. Labels that are not named may have any value.
    #[must_use]
    pub fn new(names: &str) -> Self {
        Self { names: names.to_owned(), ..Self::default() }
    }

    /// Of this time until now.
    #[must_use]
    pub fn last(self, window: Duration) -> Self {
        Self::between(self, SystemTime::now() - window, SystemTime::now() + Duration::from_secs(1))
    }

    /// Between two times, of which the second is not included. They are rounded to seconds.
    #[must_use]
    pub fn between(self, from: SystemTime, to: SystemTime) -> Self {
        let seconds = |time: SystemTime| time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        Self { from: Some(seconds(from)), to: Some(seconds(to)), ..self }
    }

    /// The time between two values, at least a second. It becomes longer where the history is
    /// coarser, and where there would be more than 11,000 values.
    #[must_use]
    pub fn step(self, step: Duration) -> Self {
        Self { step: Some(step.as_secs().max(1)), ..self }
    }
}

/// Series of the history in columns: the value at a place is of the time at the same place.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "enabled", derive(Serialize, Deserialize))]
#[non_exhaustive]
pub struct HistoryColumns {
    /// The time between two values, in seconds.
    pub step: u32,
    /// When each step begins, in seconds since 1970: multiples of the step.
    pub times: Vec<u32>,
    /// The series, sorted by name and labels.
    pub series: Vec<HistorySeries>,
}

/// One series of the history.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "enabled", derive(Serialize, Deserialize))]
#[non_exhaustive]
pub struct HistorySeries {
    /// The name, with its unit.
    pub name: String,
    /// Which of several series of this name it is.
    pub labels: BTreeMap<String, String>,
    /// Whether what was read only grows. Then values are its growth per second.
    pub kind: ReadingKind,
    /// The unit of the values; of a counter, this unit per second.
    pub unit: ReadingUnit,
    /// The mean in each step; of a quantile, the quantile of the calls in it. `None`: nothing is
    /// known. Empty in a list of series.
    #[cfg_attr(feature = "enabled", serde(default, skip_serializing_if = "Vec::is_empty"))]
    pub mean: Vec<Option<f64>>,
    /// The highest value in each step. Empty for quantiles, and in a list of series.
    #[cfg_attr(feature = "enabled", serde(default, skip_serializing_if = "Vec::is_empty"))]
    pub peak: Vec<Option<f64>>,
}
