//! What changed between two times of a program, or between two values of a label at the same time.

use std::collections::BTreeMap;

use serde::Serialize;

use super::functions::Of;
use super::history::{self, Column, Columns, title};
use crate::client::Client;
use crate::failure::Failure;
use crate::statistics::{Difference, LEAST_STEPS, Mean};
use crate::window::Range;

/// What is compared if no names are given. They are patterns, so that what a program does not have,
/// such as allocations without a counting allocator, is no error.
pub(crate) const USUAL_NAMES: &str = "function_self_cpu_seconds_total*,function_p9*_seconds,function_calls_total*,\
    function_errors_total*,function_allocated_bytes_total*,function_live_bytes*,process_cpu_seconds_total*,\
    process_resident_memory_bytes*,process_threads*,process_open_fds*,queue_depth*,cache_*_total,connection_pool_*,\
    lock_wait_seconds_total*,tokio_busy_ratio*,queries_total*,http_requests_total*";
/// The most of these that is compared by a label.
pub(crate) const ALL_NAMES: &str = "*";
/// Steps of a range.
const STEPS: u64 = 60;
/// The least change of a mean that is called one.
const LEAST_RATIO: f64 = 0.05;

/// Differences of B to A, those that are sure first, the largest of them first.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Changes {
    pub(crate) a: String,
    pub(crate) b: String,
    pub(crate) step_seconds: u64,
    /// Series of which both sides have enough steps; those that have too few.
    pub(crate) compared: usize,
    pub(crate) too_few_steps: usize,
    pub(crate) least_steps: usize,
    pub(crate) sure: usize,
    pub(crate) changes: Vec<Change>,
    /// Series of which one side knows nothing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) only_in_a: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) only_in_b: Vec<String>,
}

/// One series, in its unit; of a counter, its growth per second.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Change {
    pub(crate) series: String,
    /// What it is called in a table.
    #[serde(skip)]
    pub(crate) shown: String,
    pub(crate) unit: String,
    pub(crate) is_rate: bool,
    pub(crate) a: f64,
    pub(crate) b: f64,
    pub(crate) difference: f64,
    /// The 95 % interval of the difference.
    pub(crate) low: f64,
    pub(crate) high: f64,
    /// Whether it is no chance, with regard to how many series were compared.
    pub(crate) is_sure: bool,
    pub(crate) steps_a: usize,
    pub(crate) steps_b: usize,
}

/// The known values of each series.
type Side = BTreeMap<String, Known>;

struct Known {
    shown: String,
    unit: String,
    is_rate: bool,
    values: Vec<Option<f64>>,
}

impl Known {
    fn values(&self) -> Vec<f64> {
        self.values.iter().flatten().copied().collect()
    }
}

/// Between two ranges of time.
pub(crate) fn between(client: &Client, names: &str, was: Range, now: Range) -> Result<Changes, Failure> {
    let step = was.seconds().min(now.seconds()).div_ceil(STEPS).max(1);
    let mut all = vec![both(client, names, was, now, step)?];
    let parts = parts(names);
    // What is kept in longer steps only does not make the steps of all names longer.
    if all[0].0.step > step && parts.len() > 1 {
        all = parts.into_iter().map(|part| both(client, part, was, now, step)).collect::<Result<_, _>>()?;
    }
    let step_seconds = all.iter().map(|(a, _)| a.step).min().unwrap_or(step);
    let (mut a, mut b) = (Side::new(), Side::new());
    for (part_a, part_b) in all {
        a.extend(side(&part_a, None));
        b.extend(side(&part_b, None));
    }
    let compare = |a: &Known, b: &Known| {
        let [a, b] = [a, b].map(|side| Mean::of_steps(&side.values()));
        a.zip(b).map(|(a, b)| Difference::between(&a, &b))
    };
    Ok(Changes { a: was.to_string(), b: now.to_string(), step_seconds, ..compared(&a, &b, compare) })
}

/// Of two ranges, in the same steps: if one of them is kept in longer steps only, in these.
fn both(client: &Client, names: &str, was: Range, now: Range, step: u64) -> Result<(Columns, Columns), Failure> {
    let a = history::columns_of(client, names, Of::Range(was), step)?;
    let b = history::columns_of(client, names, Of::Range(now), step)?;
    let longest = a.step.max(b.step);
    let again = |columns: Columns, range| {
        if columns.step == longest {
            Ok(columns)
        } else {
            history::columns_of(client, names, Of::Range(range), longest)
        }
    };
    Ok((again(a, was)?, again(b, now)?))
}

/// The names of a list, whose labels may have commas too.
fn parts(names: &str) -> Vec<&str> {
    let (mut depth, mut is_quoted) = (0, false);
    let parts = names.split(|c| {
        match c {
            '"' => is_quoted = !is_quoted,
            '{' if !is_quoted => depth += 1,
            '}' if !is_quoted => depth -= 1,
            _ => {}
        }
        c == ',' && depth == 0 && !is_quoted
    });
    parts.filter(|part| !part.trim().is_empty()).collect()
}

/// Between two values of a label, step by step of the same time.
pub(crate) fn by_label(
    client: &Client,
    names: &str,
    label: &str,
    [a, b]: [&str; 2],
    range: Range,
) -> Result<Changes, Failure> {
    let step = range.seconds().div_ceil(STEPS).max(1);
    let columns = history::columns_of(client, names, Of::Range(range), step)?;
    let compare = |a: &Known, b: &Known| {
        let both: Vec<f64> = a.values.iter().zip(&b.values).filter_map(|(a, b)| Some((*b)? - (*a)?)).collect();
        Difference::paired(&both)
    };
    let changes = compared(&side(&columns, Some((label, a))), &side(&columns, Some((label, b))), compare);
    Ok(Changes { a: format!("{label}={a}"), b: format!("{label}={b}"), step_seconds: columns.step, ..changes })
}

/// The values of a label that the series of a program have, for who names none of them.
pub(crate) fn values_of(client: &Client, label: &str) -> Result<Vec<String>, Failure> {
    let all = history::list(client)?;
    let mut values: Vec<String> = all.series.into_iter().filter_map(|mut series| series.labels.remove(label)).collect();
    values.sort();
    values.dedup();
    Ok(values)
}

/// Labels of the series of a program.
pub(crate) fn labels_of(client: &Client) -> Result<Vec<String>, Failure> {
    let all = history::list(client)?;
    let mut labels: Vec<String> = all.series.into_iter().flat_map(|series| series.labels.into_keys()).collect();
    labels.sort();
    labels.dedup();
    Ok(labels)
}

/// By the title of the series; with a label, without it, and only those that have this value. Two
/// functions may be in two modules, so their module is no part of the title, unless several have
/// the name.
fn side(columns: &Columns, of: Option<(&str, &str)>) -> Side {
    let is_alone = |name: &str, function: &str| {
        let has_name =
            |column: &&Column| column.name == name && column.labels.get("function").is_some_and(|of| of == function);
        columns.series.iter().filter(has_name).count() < 2
    };
    let meant = columns.series.iter().filter_map(|column| {
        let mut labels = column.labels.clone();
        if let Some((label, value)) = of {
            labels.remove(label).filter(|found| found == value)?;
            if label == "function" && is_alone(&column.name, value) {
                labels.remove("module");
            }
        }
        Some((column, labels))
    });
    let meant: Vec<(&Column, BTreeMap<String, String>)> = meant.collect();
    let shown = history::short_titles(meant.iter().map(|(column, labels)| (column.name.as_str(), labels)));
    let known = meant.iter().zip(shown).map(|((column, labels), shown)| {
        let values = column.mean.clone();
        let known = Known { shown, unit: column.unit.clone(), is_rate: column.kind == "counter", values };
        (title(&column.name, labels), known)
    });
    known.collect()
}

fn compared(a: &Side, b: &Side, compare: impl Fn(&Known, &Known) -> Option<Difference>) -> Changes {
    let is_known = |side: &Known| side.values.iter().flatten().next().is_some();
    let only = |one: &Side, other: &Side| {
        let alone = one.iter().filter(|(name, known)| is_known(known) && !other.get(*name).is_some_and(is_known));
        alone.map(|(name, _)| name.clone()).collect::<Vec<_>>()
    };
    let (mut found, mut too_few) = (Vec::new(), 0);
    for (name, a) in a {
        let Some(b) = b.get(name).filter(|b| is_known(b)) else { continue };
        if !is_known(a) {
            continue;
        }
        match compare(a, b) {
            Some(difference) => found.push((name, a, b, difference)),
            None => too_few += 1,
        }
    }
    let comparisons = found.len();
    // What is nothing on both sides is compared, and not worth a row.
    found.retain(|(_, a, b, _)| [a, b].iter().any(|side| side.values().iter().any(|value| *value != 0.0)));
    let mut changes: Vec<Change> = found
        .into_iter()
        .map(|(name, a, b, difference)| {
            let (values_a, values_b) = (a.values(), b.values());
            let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len().max(1) as f64;
            let (mean_a, mean_b) = (mean(&values_a), mean(&values_b));
            let is_more = difference.difference.abs() > LEAST_RATIO * mean_a.abs().max(mean_b.abs());
            Change {
                series: name.clone(),
                shown: a.shown.clone(),
                unit: a.unit.clone(),
                is_rate: a.is_rate,
                a: mean_a,
                b: mean_b,
                difference: difference.difference,
                low: difference.low,
                high: difference.high,
                is_sure: is_more && difference.is_sure(comparisons),
                steps_a: values_a.len(),
                steps_b: values_b.len(),
            }
        })
        .collect();
    changes.sort_by(|x, y| y.is_sure.cmp(&x.is_sure).then(size(y).total_cmp(&size(x))));
    Changes {
        compared: comparisons,
        too_few_steps: too_few,
        least_steps: LEAST_STEPS,
        sure: changes.iter().filter(|change| change.is_sure).count(),
        changes,
        only_in_a: only(a, b),
        only_in_b: only(b, a),
        ..Changes::default()
    }
}

/// The change as a share of the larger side: 1 is from or to nothing.
fn size(change: &Change) -> f64 {
    let most = change.a.abs().max(change.b.abs());
    if most > 0.0 { change.difference.abs() / most } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(name: &str, labels: &[(&str, &str)], values: &[Option<f64>]) -> Column {
        Column {
            name: name.to_owned(),
            labels: labels.iter().map(|(label, value)| ((*label).to_owned(), (*value).to_owned())).collect(),
            kind: "gauge".to_owned(),
            unit: "seconds".to_owned(),
            mean: values.to_vec(),
        }
    }

    fn wave(level: f64) -> Vec<Option<f64>> {
        (0..30).map(|at| Some(level + [0.0, 0.1, -0.1][at % 3])).collect()
    }

    #[test]
    fn names_are_asked_for_one_by_one_where_their_steps_differ() {
        assert_eq!(parts("a_*,b{x=\"1,}2\",y=\"*\"}, c"), ["a_*", "b{x=\"1,}2\",y=\"*\"}", " c"]);
        assert_eq!(parts("one"), ["one"]);
        assert!(parts(USUAL_NAMES).len() > 10);
    }

    #[test]
    fn two_tenants_are_compared_where_both_have_the_series() {
        let of = |tenant: &'static str| ("tenant", tenant);
        let columns = Columns {
            step: 1,
            times: (0..30).collect(),
            series: vec![
                column("p99", &[("route", "/a"), of("x")], &wave(1.0)),
                column("p99", &[("route", "/a"), of("y")], &wave(2.0)),
                column("p99", &[("route", "/b"), of("x")], &wave(3.0)),
                column("few", &[of("x")], &wave(1.0)[..5]),
                column("few", &[of("y")], &wave(9.0)[..5]),
                column("same", &[of("x")], &wave(5.0)),
                column("same", &[of("y")], &wave(5.0)),
                column("other", &[], &wave(1.0)),
            ],
        };
        let compare = |a: &Known, b: &Known| {
            let both: Vec<f64> = a.values.iter().zip(&b.values).filter_map(|(a, b)| Some((*b)? - (*a)?)).collect();
            Difference::paired(&both)
        };
        let found = compared(&side(&columns, Some(of("x"))), &side(&columns, Some(of("y"))), compare);
        assert_eq!((found.compared, found.too_few_steps, found.sure), (2, 1, 1), "{found:?}");
        let first = &found.changes[0];
        assert_eq!((first.series.as_str(), first.is_sure), ("p99{route=\"/a\"}", true));
        assert!(
            (first.difference - 1.0).abs() < 1e-9 && first.low <= first.difference && first.difference <= first.high
        );
        assert_eq!(found.only_in_a, ["p99{route=\"/b\"}"]);
        assert!(found.only_in_b.is_empty());
    }
}
