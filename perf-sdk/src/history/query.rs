//! Questions of users: series by name, in columns.

use std::cmp::Reverse;
use std::fmt;

use super::columns::{self, MOST_STEPS};
use super::identity::{FunctionId, OwnedId};
use super::of_process;
use super::series::{SeriesId, SeriesInfo};
use super::store::History;
use crate::base::pattern;
use crate::base::sort;
use crate::error::Error;
use crate::expression::nearest;
use crate::reading::{Kind, Unit};
use crate::snapshot::{HistoryColumns, HistoryQuery, HistorySeries};

/// Quantiles of functions' times, which are series for who asks.
pub(crate) const QUANTILES: [(&str, f64); 3] =
    [("function_p50_seconds", 0.5), ("function_p95_seconds", 0.95), ("function_p99_seconds", 0.99)];
/// Seconds of a question without a time.
const USUAL_WINDOW: u64 = 900;
/// Steps of a question without a step, at most.
const USUAL_STEPS: u64 = 900;
/// Values of an answer, at most.
const MOST_VALUES: usize = 1_000_000;
const NAMES: &str = "names separated by commas, such as process_* or function_calls_total{function=\"search\"}; \
                     * stands for any text";

/// Which series: a pattern of the name, and one of the value of each label that matters.
#[derive(Debug, PartialEq, Eq)]
struct Selector {
    name: String,
    labels: Vec<(String, String)>,
}

impl Selector {
    fn is_for(&self, series: &HistorySeries) -> bool {
        let has = |(label, value): &(String, String)| {
            series.labels.get(label).is_some_and(|found| pattern::matches(value, found))
        };
        pattern::matches(&self.name, &series.name) && self.labels.iter().all(has)
    }

    fn is_exact(&self) -> bool {
        !self.name.contains('*') && self.labels.iter().all(|(_, value)| !value.contains('*'))
    }
}

fn wrong(place: &str, value: &str, allowed: &str) -> Error {
    Error::Setting { place: place.to_owned(), value: value.to_owned(), allowed: allowed.to_owned() }
}

/// `None` if it cannot be read.
fn selectors(names: &str) -> Option<Vec<Selector>> {
    let mut rest = names.trim();
    let mut all = Vec::new();
    while !rest.is_empty() {
        let end = rest.find(['{', ',']).unwrap_or(rest.len());
        let name = rest[..end].trim();
        if name.is_empty() || name.contains(['}', '"', '=', ' ']) {
            return None;
        }
        let mut selector = Selector { name: name.to_owned(), labels: Vec::new() };
        rest = &rest[end..];
        if let Some(mut labels) = rest.strip_prefix('{') {
            loop {
                labels = labels.trim_start();
                if let Some(behind) = labels.strip_prefix('}') {
                    rest = behind.trim_start();
                    break;
                }
                let (label, behind) = labels.split_once('=')?;
                let (value, behind) = behind.trim_start().strip_prefix('"')?.split_once('"')?;
                let label = label.trim();
                if label.is_empty() || label.contains([',', '{', '}', '"']) {
                    return None;
                }
                selector.labels.push((label.to_owned(), value.to_owned()));
                labels = behind.trim_start();
                labels = match labels.strip_prefix(',') {
                    Some(behind) => behind,
                    None if labels.starts_with('}') => labels,
                    None => return None,
                };
            }
        }
        all.push(selector);
        rest = match rest.strip_prefix(',') {
            Some(behind) if !behind.trim().is_empty() => behind.trim_start(),
            Some(_) => return None,
            None if rest.is_empty() => rest,
            None => return None,
        };
    }
    (!all.is_empty()).then_some(all)
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        let labels: Vec<String> = self.labels.iter().map(|(label, value)| format!("{label}=\"{value}\"")).collect();
        if labels.is_empty() { Ok(()) } else { write!(f, "{{{}}}", labels.join(",")) }
    }
}

/// Names or labels of an answer, at most.
const MOST_SAID: usize = 5;

/// What could be meant by a selector that no series has: labels that there are of its name, or
/// names like it.
fn allowed_for(none: &Selector, all: &[Listed]) -> String {
    let of_name: Vec<&HistorySeries> =
        all.iter().map(|listed| &listed.series).filter(|series| pattern::matches(&none.name, &series.name)).collect();
    let said = |mut texts: Vec<String>| {
        texts.dedup();
        let more = if texts.len() > MOST_SAID { ", …" } else { "" };
        texts.truncate(MOST_SAID);
        texts.join(", ") + more
    };
    if !of_name.is_empty() {
        let labels = |series: &&HistorySeries| {
            let labels = series.labels.clone().into_iter().collect();
            Selector { name: series.name.clone(), labels }.to_string()
        };
        return format!("the labels that it has: {}", said(of_name.iter().map(labels).collect()));
    }
    let names = || all.iter().map(|listed| listed.series.name.as_str());
    let parts = names().filter(|name| name.contains(&none.name)).map(str::to_owned).collect::<Vec<_>>();
    let like = match parts.is_empty() {
        true => nearest(&none.name, names()).map(str::to_owned).into_iter().collect(),
        false => parts,
    };
    match like.is_empty() {
        true => "series of the history, which are listed without names".to_owned(),
        false => format!("series of the history, such as {}; all are listed without names", said(like)),
    }
}

/// One series of the history, and where its values come from.
struct Listed {
    series: HistorySeries,
    /// `None` of a quantile.
    id: Option<SeriesId>,
}

/// What is asked of the history. Each question takes its lock once, and copies.
type Question<'a> = &'a mut dyn FnMut(&History);

/// What is listed, in no order.
fn copied(history: &History) -> (Vec<SeriesInfo>, Vec<OwnedId>) {
    (history.series(), history.functions().collect())
}

/// All series, sorted by name and labels.
fn sorted((mut stored, functions): (Vec<SeriesInfo>, Vec<OwnedId>)) -> Vec<Listed> {
    // Of two that differ in their unit, the later one is kept.
    sort::sort_by_key(&mut stored, |info| Reverse(info.seen));
    let stored = stored.into_iter().map(|info| {
        let (name, kind, unit, labels) = (info.name, info.kind, info.unit, info.labels.into_iter().collect());
        Listed { series: HistorySeries { name, labels, kind, unit, ..HistorySeries::default() }, id: Some(info.id) }
    });
    let quantiles = functions.into_iter().flat_map(|function| {
        QUANTILES.map(|(name, _)| {
            let labels = function.id().labels().map(|(label, value)| (label.to_owned(), value.to_owned())).collect();
            let (name, kind, unit) = (name.to_owned(), Kind::Gauge, Unit::Seconds);
            Listed { series: HistorySeries { name, labels, kind, unit, ..HistorySeries::default() }, id: None }
        })
    });
    let mut all: Vec<Listed> = stored.chain(quantiles).collect();
    sort::sort_by(&mut all, |a, b| (&a.series.name, &a.series.labels).cmp(&(&b.series.name, &b.series.labels)));
    all.dedup_by(|a, b| (&a.series.name, &a.series.labels) == (&b.series.name, &b.series.labels));
    all
}

/// All series, without values, sorted by name and labels. `None` without a history.
pub(crate) fn list() -> Option<Vec<HistorySeries>> {
    let all = sorted(of_process::ask(copied)?);
    Some(all.into_iter().map(|listed| listed.series).collect())
}

/// The answer of the history of this process. `None` without one. Names are matched, and steps
/// are made, while nobody waits for the history.
///
/// # Errors
/// A parameter has a value that is not allowed.
pub(crate) fn answer(query: &HistoryQuery) -> Option<Result<HistoryColumns, Error>> {
    of_process::ask(|_| ())?;
    let ask = |question: Question<'_>| {
        of_process::ask(question);
    };
    Some(columns(&ask, query))
}

fn columns(ask: &dyn Fn(Question<'_>), query: &HistoryQuery) -> Result<HistoryColumns, Error> {
    let selectors = selectors(&query.names).ok_or_else(|| wrong("names", &query.names, NAMES))?;
    let (mut all, mut newest) = ((Vec::new(), Vec::new()), 0);
    ask(&mut |history| (all, newest) = (copied(history), history.newest()));
    let all = sorted(all);
    let is_none = |one: &&Selector| one.is_exact() && !all.iter().any(|listed| one.is_for(&listed.series));
    if let Some(none) = selectors.iter().find(is_none) {
        return Err(wrong("names", &none.to_string(), &allowed_for(none, &all)));
    }
    let to = query.to.unwrap_or(u64::from(newest) + 1);
    let from = query.from.unwrap_or(to.saturating_sub(USUAL_WINDOW));
    if from >= to {
        return Err(wrong("from", &from.to_string(), &format!("a time before to, which is {to}")));
    }
    let step = query.step.unwrap_or((to - from).div_ceil(USUAL_STEPS)).clamp(1, u64::from(u32::MAX / 2)) as u32;
    let window = [from, to].map(|time| u32::try_from(time).unwrap_or(u32::MAX - 8_000));
    let mut wanted: Vec<Listed> =
        all.into_iter().filter(|listed| selectors.iter().any(|one| one.is_for(&listed.series))).collect();
    let steps = (u64::from(window[1].saturating_sub(window[0])) / u64::from(step)).min(u64::from(MOST_STEPS)) as usize;
    if wanted.len().saturating_mul(steps) > MOST_VALUES {
        let many = format!("{} for {} series", step, wanted.len());
        return Err(wrong("step", &many, &format!("at most {MOST_VALUES} values: a longer step, or fewer names")));
    }
    // All have the step of the coarsest.
    let (mut step, mut from) = (step, window[0]);
    loop {
        let mut longest = step;
        for one in &mut wanted {
            (from, longest) = fill(ask, one, (window[0], window[1]), longest);
        }
        if longest == step {
            break;
        }
        step = longest;
    }
    let series: Vec<HistorySeries> = wanted.into_iter().map(|listed| listed.series).collect();
    let number = series.iter().map(|one| one.mean.len()).max().unwrap_or(0) as u32;
    let times = (0..number).map(|at| from.saturating_add(at.saturating_mul(step))).collect();
    Ok(HistoryColumns { step, times, series })
}

/// Fills in the values. Returns when the first step begins, and the seconds of a step.
fn fill(ask: &dyn Fn(Question<'_>), one: &mut Listed, (from, to): (u32, u32), step: u32) -> (u32, u32) {
    let Listed { series, id } = one;
    if let Some(id) = *id {
        let mut points = Vec::new();
        ask(&mut |history| points = history.points(id, from, to).collect());
        let columns = columns::columns(&points, (from, to), step);
        (series.mean, series.peak) = (columns.mean, columns.peak);
        return (columns.from, columns.step);
    }
    let Some((_, q)) = QUANTILES.iter().find(|(name, _)| *name == series.name) else { return (from, step) };
    let of = |label: &str| series.labels.get(label).map_or("", String::as_str);
    let function = FunctionId { name: of("function"), module: of("module") };
    let mut found = (from, step, Vec::new());
    ask(&mut |history| found = history.times_columns(function, from, to, step));
    let seconds = |ns: f64| ns * 1e-9;
    series.mean = found.2.iter().map(|times| times.as_ref()?.quantile(*q).map(seconds)).collect();
    (found.0, found.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_is_answered_with_what_could_be_meant() {
        let listed = |name: &str, labels: &[(&str, &str)]| {
            let labels = labels.iter().map(|(label, value)| ((*label).to_owned(), (*value).to_owned())).collect();
            Listed { series: HistorySeries { name: name.to_owned(), labels, ..HistorySeries::default() }, id: None }
        };
        let all = [
            listed("queue_depth", &[]),
            listed("slow_queries_total", &[("database", "orders")]),
            listed("slow_queries_total", &[("database", "users")]),
        ];
        for (asked, said) in [
            (
                r#"slow_queries{database="orders"}"#,
                "series of the history, such as slow_queries_total; all are listed without names",
            ),
            (
                r#"slow_queries_total{database="shop"}"#,
                r#"the labels that it has: slow_queries_total{database="orders"}, slow_queries_total{database="users"}"#,
            ),
            ("queue_dept", "series of the history, such as queue_depth; all are listed without names"),
            ("nothing_like_it", "series of the history, which are listed without names"),
        ] {
            let selector = selectors(asked).unwrap().remove(0);
            assert_eq!((allowed_for(&selector, &all).as_str(), selector.to_string().as_str()), (said, asked));
        }
    }

    #[test]
    fn names_have_patterns_and_labels() {
        let one = |name: &str, labels: &[(&str, &str)]| Selector {
            name: name.to_owned(),
            labels: labels.iter().map(|(label, value)| ((*label).to_owned(), (*value).to_owned())).collect(),
        };
        for (text, expected) in [
            ("a", vec![one("a", &[])]),
            (" a_* , b ", vec![one("a_*", &[]), one("b", &[])]),
            (r#"a{x="1,2",y="*"},b{}"#, vec![one("a", &[("x", "1,2"), ("y", "*")]), one("b", &[])]),
            (r#"a{ x = "}" }"#, vec![one("a", &[("x", "}")])]),
        ] {
            assert_eq!(selectors(text), Some(expected), "{text}");
        }
        for text in ["", ",", "a,", "a{", "a{x}", "a{x=1}", r#"a{x="1"#, r#"a{x="1""#, r#"a{x="1"}b"#, "a b", "{}"] {
            assert_eq!(selectors(text), None, "{text}");
        }
    }
}
