//! Questions of users: series by name, in columns.

use super::columns::MOST_STEPS;
use super::store::History;
use crate::base::pattern;
use crate::base::sort;
use crate::error::Error;
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

/// All series, without values, sorted by name and labels.
pub(crate) fn list(history: &History) -> Vec<HistorySeries> {
    let stored = history.series().into_iter().map(|series| HistorySeries {
        name: series.name,
        labels: series.labels.into_iter().collect(),
        kind: series.kind,
        unit: series.unit,
        ..HistorySeries::default()
    });
    let quantiles = history.functions().flat_map(|function| {
        QUANTILES.map(|(name, _)| HistorySeries {
            name: name.to_owned(),
            labels: [("function".to_owned(), function.clone())].into(),
            kind: Kind::Gauge,
            unit: Unit::Seconds,
            ..HistorySeries::default()
        })
    });
    let mut all: Vec<HistorySeries> = stored.chain(quantiles).collect();
    sort::sort_by(&mut all, |a, b| (&a.name, &a.labels).cmp(&(&b.name, &b.labels)));
    all.dedup_by(|a, b| (&a.name, &a.labels) == (&b.name, &b.labels));
    all
}

/// The answer to a question.
///
/// # Errors
/// A parameter has a value that is not allowed.
pub(crate) fn columns(history: &History, query: &HistoryQuery) -> Result<HistoryColumns, Error> {
    let selectors = selectors(&query.names).ok_or_else(|| wrong("names", &query.names, NAMES))?;
    let all = list(history);
    if let Some(none) = selectors.iter().find(|one| one.is_exact() && !all.iter().any(|series| one.is_for(series))) {
        return Err(wrong("names", &none.name, "series of the history, which are listed without names"));
    }
    let to = query.to.unwrap_or(u64::from(history.newest()) + 1);
    let from = query.from.unwrap_or(to.saturating_sub(USUAL_WINDOW));
    if from >= to {
        return Err(wrong("from", &from.to_string(), &format!("a time before to, which is {to}")));
    }
    let step = query.step.unwrap_or((to - from).div_ceil(USUAL_STEPS)).clamp(1, u64::from(u32::MAX / 2)) as u32;
    let window = [from, to].map(|time| u32::try_from(time).unwrap_or(u32::MAX - 8_000));
    let mut series: Vec<HistorySeries> =
        all.into_iter().filter(|series| selectors.iter().any(|one| one.is_for(series))).collect();
    let steps = (u64::from(window[1].saturating_sub(window[0])) / u64::from(step)).min(u64::from(MOST_STEPS)) as usize;
    if series.len().saturating_mul(steps) > MOST_VALUES {
        let many = format!("{} for {} series", step, series.len());
        return Err(wrong("step", &many, &format!("at most {MOST_VALUES} values: a longer step, or fewer names")));
    }
    // All have the step of the coarsest.
    let (mut step, mut from) = (step, window[0]);
    loop {
        let mut longest = step;
        for one in &mut series {
            (from, longest) = fill(history, one, (window[0], window[1]), longest);
        }
        if longest == step {
            break;
        }
        step = longest;
    }
    let number = series.iter().map(|one| one.mean.len()).max().unwrap_or(0) as u32;
    let times = (0..number).map(|at| from.saturating_add(at.saturating_mul(step))).collect();
    Ok(HistoryColumns { step, times, series })
}

/// Fills in the values. Returns when the first step begins, and the seconds of a step.
fn fill(history: &History, series: &mut HistorySeries, (from, to): (u32, u32), step: u32) -> (u32, u32) {
    if let Some((_, q)) = QUANTILES.iter().find(|(name, _)| *name == series.name) {
        let function = series.labels.get("function").map_or("", String::as_str);
        let (from, step, all) = history.times_columns(function, from, to, step);
        let seconds = |ns: f64| ns * 1e-9;
        series.mean = all.iter().map(|times| times.as_ref()?.quantile(*q).map(seconds)).collect();
        return (from, step);
    }
    let labels: Vec<(&str, &str)> = series.labels.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let Some(id) = history.find_any_order(&series.name, &labels) else { return (from, step) };
    let columns = history.columns(id, from, to, step);
    (series.mean, series.peak) = (columns.mean, columns.peak);
    (columns.from, columns.step)
}

#[cfg(test)]
mod tests {
    use super::*;

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
