//! Series over time, and since when they are as they are.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::functions::Of;
use crate::client::Client;
use crate::failure::Failure;
use crate::statistics::latest_shift;
use crate::window::{Moment, Range};

/// Series in steps of the same times.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct History {
    pub(crate) step_seconds: u64,
    pub(crate) from_unix_seconds: u64,
    /// All that match, which may be more than there are here.
    pub(crate) matching: usize,
    /// Those that changed their level first.
    pub(crate) series: Vec<Series>,
}

#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Series {
    pub(crate) name: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) labels: BTreeMap<String, String>,
    /// Of the values; of a counter, of its growth per second.
    pub(crate) unit: String,
    pub(crate) is_rate: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) latest: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) mean: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) lowest: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) highest: Option<f64>,
    /// The latest change of its level. Absent if it has been as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) since: Option<Since>,
    /// One for each step, absent where nothing is known.
    pub(crate) values: Vec<Option<f64>>,
}

#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Since {
    pub(crate) unix_seconds: u64,
    pub(crate) before: f64,
    pub(crate) after: f64,
}

/// The answer of the endpoint.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Columns {
    pub(crate) step: u64,
    pub(crate) times: Vec<u64>,
    pub(crate) series: Vec<Column>,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) kind: String,
    pub(crate) unit: String,
    #[serde(default)]
    pub(crate) mean: Vec<Option<f64>>,
}

/// Short names of series that people ask for.
const SHORT: [(&str, &str); 9] = [
    ("p50", "function_p50_seconds"),
    ("p95", "function_p95_seconds"),
    ("p99", "function_p99_seconds"),
    ("calls", "function_calls_total"),
    ("errors", "function_errors_total"),
    ("self_cpu", "function_self_cpu_seconds_total"),
    ("live", "function_live_bytes"),
    ("cpu", "process_cpu_seconds_total"),
    ("memory", "process_resident_memory_bytes"),
];

/// The names of series, of a short name and perhaps one function. Short ones become patterns: that
/// a program has none of them yet is no mistake.
pub(crate) fn names(of: &str, function: Option<&str>) -> String {
    let known = SHORT.iter().find(|(short, _)| *short == of);
    let name = known.map_or_else(|| of.to_owned(), |(_, name)| format!("{name}*"));
    match function {
        Some(function) => format!("{name}{{function=\"{function}\"}}"),
        None => name,
    }
}

pub(crate) fn columns_of(client: &Client, names: &str, of: Of, step_seconds: u64) -> Result<Columns, Failure> {
    let step = step_seconds.max(1).to_string();
    let (from, to) = match of {
        Of::Last(seconds) => (format!("-{seconds}s"), "now".to_owned()),
        Of::Range(range) => (range.from.0.to_string(), range.to.0.to_string()),
    };
    client.json("/api/v1/history", &[("names", names), ("from", &from), ("to", &to), ("step", &step)])
}

/// All series, without values.
pub(crate) fn list(client: &Client) -> Result<Columns, Failure> {
    client.json("/api/v1/history", &[])
}

impl Of {
    pub(crate) fn seconds(self) -> u64 {
        match self {
            Self::Last(seconds) => seconds,
            Self::Range(range) => range.seconds(),
        }
    }
}

pub(crate) fn ask(client: &Client, names: &str, of: Of, steps: u64, limit: usize) -> Result<History, Failure> {
    let step = |of: Of| of.seconds().div_ceil(steps.max(1));
    let mut columns = columns_of(client, names, of, step(of))?;
    // Of a young program, in shorter steps.
    if let Some(known) = known(&columns).filter(|known| known.seconds() * 2 < of.seconds()) {
        let known = Of::Range(known);
        columns = columns_of(client, names, known, step(known))?;
    }
    let mut series: Vec<Series> = columns.series.iter().filter_map(|column| summed(column, &columns.times)).collect();
    let matching = series.len();
    let change = |series: &Series| series.since.map_or(0.0, |since| ratio(since.before, since.after));
    series.sort_by(|a, b| {
        let by_change = b.since.is_some().cmp(&a.since.is_some()).then(change(b).total_cmp(&change(a)));
        by_change.then_with(|| (&a.name, &a.labels).cmp(&(&b.name, &b.labels)))
    });
    series.truncate(limit);
    Ok(History {
        step_seconds: columns.step,
        from_unix_seconds: columns.times.first().copied().unwrap_or_default(),
        matching,
        series,
    })
}

/// The time of which something is known. `None` if nothing is.
fn known(columns: &Columns) -> Option<Range> {
    let is_known = |at: usize| columns.series.iter().any(|series| series.mean.get(at).is_some_and(Option::is_some));
    let first = (0..columns.times.len()).find(|at| is_known(*at))?;
    let (from, last) = (columns.times[first], columns.times.last()?);
    Some(Range { from: Moment(from), to: Moment(last + columns.step) })
}

/// How much higher or lower, as a number that is higher for more.
fn ratio(before: f64, after: f64) -> f64 {
    let (low, high) = (before.abs().min(after.abs()), before.abs().max(after.abs()));
    if low > 0.0 { high / low } else { f64::INFINITY }
}

/// `None` if nothing is known of it.
fn summed(column: &Column, times: &[u64]) -> Option<Series> {
    let known: Vec<(u64, f64)> =
        times.iter().zip(&column.mean).filter_map(|(time, value)| Some((*time, (*value)?))).collect();
    let values: Vec<f64> = known.iter().map(|(_, value)| *value).collect();
    let latest = values.last().copied()?;
    let since = latest_shift(&values).map(|shift| Since {
        unix_seconds: known[shift.at].0,
        before: shift.before,
        after: shift.after,
    });
    Some(Series {
        name: column.name.clone(),
        labels: column.labels.clone(),
        unit: column.unit.clone(),
        is_rate: column.kind == "counter",
        latest: Some(latest),
        mean: Some(values.iter().sum::<f64>() / values.len() as f64),
        lowest: values.iter().copied().min_by(f64::total_cmp),
        highest: values.iter().copied().max_by(f64::total_cmp),
        since,
        values: column.mean.clone(),
    })
}

impl Series {
    /// `search`, or `name{a="b"}`.
    pub(crate) fn shown(&self) -> String {
        title(&self.name, &self.labels)
    }
}

/// The name of a series with its labels.
pub(crate) fn title(name: &str, labels: &BTreeMap<String, String>) -> String {
    if labels.is_empty() {
        return name.to_owned();
    }
    let labels: Vec<String> = labels.iter().map(|(label, value)| format!("{label}=\"{value}\"")).collect();
    format!("{name}{{{}}}", labels.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_says_since_when_it_is_so() {
        let times: Vec<u64> = (0..40).map(|at| 1_000 + 10 * at).collect();
        let mean = (0..40).map(|at| if at % 7 == 3 { None } else { Some(if at < 20 { 1.0 } else { 3.0 }) }).collect();
        let column = Column { kind: "gauge".into(), mean, ..Column::default() };
        let series = summed(&column, &times).unwrap();
        let since = series.since.unwrap();
        assert_eq!((since.unix_seconds, since.before, since.after, series.latest), (1_200, 1.0, 3.0, Some(3.0)));
        assert!(summed(&Column { mean: vec![None; 40], ..Column::default() }, &times).is_none());
    }

    #[test]
    fn short_names_are_series_of_functions() {
        assert_eq!(names("p99", Some("search")), "function_p99_seconds*{function=\"search\"}");
        assert_eq!(names("queue_depth", None), "queue_depth");
    }
}
