//! Series over time, and since when they are as they are.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::functions::Of;
use crate::client::Client;
use crate::failure::Failure;
use crate::statistics::{latest_shift, place_of_shift};
use crate::window::{Moment, Range};

/// Series in steps of the same times.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct History {
    pub(crate) step_seconds: u64,
    pub(crate) from_unix_seconds: u64,
    pub(crate) to_unix_seconds: u64,
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

#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Since {
    /// When the new level began, and how much earlier or later that may have been.
    pub(crate) unix_seconds: u64,
    pub(crate) within_seconds: u64,
    /// How long ago that is.
    pub(crate) age_seconds: u64,
    /// `up` or `down`.
    pub(crate) direction: &'static str,
    pub(crate) before: f64,
    pub(crate) after: f64,
    /// The 95 % interval of the difference.
    pub(crate) low: f64,
    pub(crate) high: f64,
    /// Whether it is no chance, with regard to all times at which it could have been.
    pub(crate) is_sure: bool,
}

/// The chance from which on a shift is not sure.
const CHANCE: f64 = 0.001;
/// Steps of a range in which shifts are looked for. The range is looked at as a whole, then its
/// latest quarter, and so on: what is new is seen in short steps.
const STEPS: u64 = 240;
const PARTS: u64 = 4;
const SHORTEST_SECONDS: u64 = 60;
/// The share by which a newer level must differ from that of a longer time.
const OTHER_LEVEL: f64 = 0.2;
/// Steps on each side of a shift that are asked for again, as short as they are kept.
const AROUND: [u64; 3] = [8, 4, 2];

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
const SHORT: [(&str, &str); 11] = [
    ("p50", "function_p50_seconds"),
    ("p95", "function_p95_seconds"),
    ("p99", "function_p99_seconds"),
    ("calls", "function_calls_total"),
    ("errors", "function_errors_total"),
    ("self_cpu", "function_self_cpu_seconds_total"),
    ("self", "function_self_seconds_total"),
    ("allocated", "function_allocated_bytes_total"),
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
    let mut of = of;
    // Of a young program, in shorter steps.
    if let Some(known) = known(&columns).filter(|known| known.seconds() * 2 < of.seconds()) {
        of = Of::Range(known);
        columns = columns_of(client, names, of, step(of))?;
    }
    let mut shifts = shifts(client, names, of)?;
    let since = |column: &Column| shifts.get(&title(&column.name, &column.labels)).copied();
    let mut series: Vec<Series> = columns.series.iter().filter_map(|column| summed(column, since(column))).collect();
    let matching = series.len();
    rank(&mut series);
    series.truncate(limit);
    let to = columns.times.last().map_or(0, |last| last + columns.step);
    for one in &mut series {
        if let Some(since) = shifts.get_mut(&one.shown()) {
            refine(client, one, since)?;
            since.age_seconds = to.saturating_sub(since.unix_seconds);
            one.since = Some(*since);
        }
    }
    Ok(History {
        step_seconds: columns.step,
        from_unix_seconds: columns.times.first().copied().unwrap_or_default(),
        to_unix_seconds: to,
        matching,
        series,
    })
}

/// Those that changed first, and of these, those that are up. Of one figure, what changed by most;
/// of several, what changed by the largest factor.
fn rank(series: &mut [Series]) {
    let is_one = series.windows(2).all(|pair| pair[0].name == pair[1].name);
    let change = |since: Since| match is_one {
        true => (since.after - since.before).abs(),
        false => ratio(since.before, since.after),
    };
    let key =
        |series: &Series| series.since.map_or((0, 0.0), |since| (1 + u8::from(since.direction == "up"), change(since)));
    series.sort_by(|a, b| {
        let ((a_kind, a_change), (b_kind, b_change)) = (key(a), key(b));
        let by_change = b_kind.cmp(&a_kind).then(b_change.total_cmp(&a_change));
        by_change.then_with(|| (&a.name, &a.labels).cmp(&(&b.name, &b.labels)))
    });
}

/// The latest shift of each series that has one, by its title.
fn shifts(client: &Client, names: &str, of: Of) -> Result<BTreeMap<String, Since>, Failure> {
    let mut found: BTreeMap<String, Since> = BTreeMap::new();
    let mut seconds = of.seconds();
    loop {
        let part = match of {
            Of::Last(_) => Of::Last(seconds),
            Of::Range(range) => Of::Range(Range { from: Moment(range.to.0.saturating_sub(seconds)), ..range }),
        };
        let step = seconds.div_ceil(STEPS);
        let mut columns = columns_of(client, names, part, step)?;
        // The begin of what is kept may be kept in longer steps, and then all have these.
        if let Some(known) = known(&columns).filter(|_| columns.step > step) {
            let later = Range { from: Moment(known.from.0 + columns.step), ..known };
            if later.from < later.to {
                let again = columns_of(client, names, Of::Range(later), step)?;
                if again.step < columns.step {
                    columns = again;
                }
            }
        }
        for column in &columns.series {
            let Some(since) = since_of(column, &columns.times, columns.step) else { continue };
            let known = found.entry(title(&column.name, &column.labels)).or_insert(since);
            if is_newer(known, &since) {
                *known = since;
            }
        }
        seconds /= PARTS;
        if seconds < SHORTEST_SECONDS {
            return Ok(found);
        }
    }
}

/// Whether the shift of a shorter time is another one: that it is at another level now. Else its
/// level is that of the longer time, which it had left for a moment.
fn is_newer(known: &Since, short: &Since) -> bool {
    let most = known.after.abs().max(short.after.abs());
    short.is_sure && short.unix_seconds > known.unix_seconds && (short.after - known.after).abs() > OTHER_LEVEL * most
}

fn since_of(column: &Column, times: &[u64], step: u64) -> Option<Since> {
    let known: Vec<(u64, f64)> =
        times.iter().zip(&column.mean).filter_map(|(time, value)| Some((*time, (*value)?))).collect();
    let values: Vec<f64> = known.iter().map(|(_, value)| *value).collect();
    let shift = latest_shift(&values)?;
    Some(Since {
        unix_seconds: known[shift.at].0,
        within_seconds: step,
        age_seconds: 0,
        direction: if shift.after > shift.before { "up" } else { "down" },
        before: shift.before,
        after: shift.after,
        low: shift.low,
        high: shift.high,
        is_sure: shift.chance < CHANCE,
    })
}

/// Looks for the shift's place in steps that are as short as they are kept.
fn refine(client: &Client, series: &Series, since: &mut Since) -> Result<(), Failure> {
    let (coarse, name) = (since.within_seconds, exactly(&series.name, &series.labels));
    for steps in AROUND {
        if coarse <= 1 {
            break;
        }
        let around = steps * coarse;
        let from = Moment(since.unix_seconds.saturating_sub(around));
        let range = Range { from, to: Moment(since.unix_seconds + around) };
        let columns = columns_of(client, &name, Of::Range(range), 1)?;
        // A part of it may be kept in longer steps, and then all have these.
        if columns.step >= coarse {
            continue;
        }
        let is_it = |column: &&Column| column.name == series.name && column.labels == series.labels;
        let Some(column) = columns.series.iter().find(is_it) else { break };
        let known: Vec<(u64, f64)> =
            columns.times.iter().zip(&column.mean).filter_map(|(time, value)| Some((*time, (*value)?))).collect();
        let values: Vec<f64> = known.iter().map(|(_, value)| *value).collect();
        if let Some(at) = place_of_shift(&values) {
            (since.unix_seconds, since.within_seconds) = (known[at].0, columns.step);
        }
        break;
    }
    Ok(())
}

/// The selector of one series. A quote has no escape in it: a star stands for that.
fn exactly(name: &str, labels: &BTreeMap<String, String>) -> String {
    let labels: Vec<String> =
        labels.iter().map(|(label, value)| format!("{label}=\"{}\"", value.replace('"', "*"))).collect();
    format!("{name}*{{{}}}", labels.join(","))
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
fn summed(column: &Column, since: Option<Since>) -> Option<Series> {
    let values: Vec<f64> = column.mean.iter().flatten().copied().collect();
    let latest = values.last().copied()?;
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
    /// `name{a="b"}`.
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

/// What series are called in a table: `p99 of search`, with the module if several functions have
/// the name; others by their title.
pub(crate) fn short_titles<'a>(
    all: impl Iterator<Item = (&'a str, &'a BTreeMap<String, String>)> + Clone,
) -> Vec<String> {
    let mut of_function: BTreeMap<(&str, &str), u32> = BTreeMap::new();
    let function_of = |labels: &'a BTreeMap<String, String>| {
        let is_all = labels.keys().all(|label| label == "function" || label == "module");
        labels.get("function").filter(|_| is_all)
    };
    for (name, labels) in all.clone() {
        if let Some(function) = function_of(labels) {
            *of_function.entry((name, function)).or_default() += 1;
        }
    }
    let shown = |(name, labels): (&'a str, &'a BTreeMap<String, String>)| {
        let short = SHORT.iter().find(|(_, known)| *known == name);
        let Some((short, _)) = short else { return title(name, labels) };
        if labels.is_empty() {
            return (*short).to_owned();
        }
        let Some(function) = function_of(labels) else { return title(name, labels) };
        let is_alone = of_function.get(&(name, function)).is_none_or(|number| *number < 2);
        match labels.get("module").filter(|_| !is_alone) {
            Some(module) => format!("{short} of {module}::{function}"),
            None => format!("{short} of {function}"),
        }
    };
    all.map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(values: impl Iterator<Item = Option<f64>>) -> Column {
        Column { kind: "gauge".into(), mean: values.collect(), ..Column::default() }
    }

    #[test]
    fn a_series_says_since_when_it_is_so() {
        let times: Vec<u64> = (0..40).map(|at| 1_000 + 10 * at).collect();
        let value = |at: u64| if at % 7 == 3 { None } else { Some(if at < 20 { 1.0 } else { 3.0 }) };
        let since = since_of(&column((0..40).map(value)), &times, 10).unwrap();
        assert_eq!((since.unix_seconds, since.within_seconds, since.direction), (1_200, 10, "up"));
        assert_eq!((since.before, since.after, since.low, since.high), (1.0, 3.0, 2.0, 2.0));
        assert!(since.is_sure);
        let down = since_of(&column((0..40).map(|at| value(39 - at))), &times, 10).unwrap();
        assert_eq!((down.direction, down.before, down.after), ("down", 3.0, 1.0));
        assert!(since_of(&column((0..40).map(|_| None)), &times, 10).is_none());
        let shown = summed(&column((0..40).map(value)), Some(since)).unwrap();
        assert_eq!((shown.latest, shown.lowest, shown.highest), (Some(3.0), Some(1.0), Some(3.0)));
        assert!(summed(&column(std::iter::repeat_n(None, 40)), None).is_none());
    }

    #[test]
    fn what_is_up_by_most_comes_first() {
        let of = |name: &str, function: &str, since: Option<(f64, f64)>| Series {
            name: name.to_owned(),
            labels: [("function".to_owned(), function.to_owned())].into(),
            since: since.map(|(before, after)| Since {
                unix_seconds: 0,
                within_seconds: 1,
                age_seconds: 0,
                direction: if after > before { "up" } else { "down" },
                before,
                after,
                low: 0.0,
                high: 0.0,
                is_sure: true,
            }),
            ..Series::default()
        };
        let order = |mut all: Vec<Series>| {
            rank(&mut all);
            all.iter().map(|one| one.labels["function"].clone()).collect::<Vec<_>>()
        };
        let all = |second: &str| {
            vec![
                of("p99", "level", None),
                of("p99", "short", Some((1e-6, 100e-6))),
                of("p99", "down", Some((0.2, 0.1))),
                of(second, "long", Some((0.01, 0.05))),
            ]
        };
        assert_eq!(order(all("p99")), ["long", "short", "down", "level"]);
        assert_eq!(order(all("p50")), ["short", "long", "down", "level"], "of several figures, by the factor");
    }

    #[test]
    fn a_level_that_was_left_for_a_moment_is_that_of_before() {
        let of = |unix_seconds: u64, before: f64, after: f64| Since {
            unix_seconds,
            within_seconds: 1,
            age_seconds: 0,
            direction: if after > before { "up" } else { "down" },
            before,
            after,
            low: after - before,
            high: after - before,
            is_sure: true,
        };
        let known = of(1_000, 12.0, 48.0);
        assert!(!is_newer(&known, &of(1_500, 12.0, 47.0)), "back at its level");
        assert!(is_newer(&known, &of(1_500, 48.0, 12.0)), "down again");
        assert!(is_newer(&known, &of(1_500, 48.0, 96.0)), "twice as much");
        assert!(!is_newer(&known, &Since { is_sure: false, ..of(1_500, 48.0, 12.0) }));
        assert!(!is_newer(&known, &of(900, 48.0, 12.0)), "what was before");
    }

    #[test]
    fn functions_of_one_name_have_their_module() {
        let labels = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            pairs.iter().map(|(label, value)| ((*label).to_owned(), (*value).to_owned())).collect()
        };
        let all = [
            ("function_p99_seconds", labels(&[("function", "run"), ("module", "a")])),
            ("function_p99_seconds", labels(&[("function", "run"), ("module", "b")])),
            ("function_p50_seconds", labels(&[("function", "run"), ("module", "b")])),
            ("queue_depth", labels(&[("queue", "q")])),
            ("process_resident_memory_bytes", labels(&[])),
        ];
        let shown = short_titles(all.iter().map(|(name, labels)| (*name, labels)));
        assert_eq!(shown, ["p99 of a::run", "p99 of b::run", "p50 of run", "queue_depth{queue=\"q\"}", "memory"]);
        assert_eq!(exactly("x", &all[0].1), "x*{function=\"run\",module=\"a\"}");
    }

    #[test]
    fn short_names_are_series_of_functions() {
        assert_eq!(names("p99", Some("search")), "function_p99_seconds*{function=\"search\"}");
        assert_eq!(names("queue_depth", None), "queue_depth");
    }
}
