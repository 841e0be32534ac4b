//! The charts of the process, and those of one function.

use super::line::{points_of, values};
use super::panels::InRange;
use super::range::Range;
use crate::collect::Labelled;
use crate::export::{Chart, ERRORS, Line, OfFunctions, PANELS, QUANTILES, RATE, Role, line_of_function, rounded};
use crate::histogram::Histogram;
use crate::history;

const SELF_TIME: OfFunctions = OfFunctions {
    id: "self",
    title: "Time",
    unit: "seconds_per_second",
    hint: "time without profiled callees, in a second",
    series: "function_self_seconds_total",
};
const SELF_CPU: OfFunctions = OfFunctions {
    id: "self_cpu",
    title: "CPU",
    unit: "cores",
    hint: "CPU time without profiled callees, in a second",
    series: "function_self_cpu_seconds_total",
};
const ALLOCATED: OfFunctions = OfFunctions {
    id: "allocated",
    title: "Allocated",
    unit: "bytes_per_second",
    hint: "bytes requested from the allocator without profiled callees, per second",
    series: "function_allocated_bytes_total",
};
const LIVE: OfFunctions = OfFunctions {
    id: "live",
    title: "Live memory",
    unit: "bytes",
    hint: "bytes of live allocations made here, estimated",
    series: "function_live_bytes",
};

/// Those in which nothing is known are left out.
pub(super) fn of_process(entries: &[Labelled], range: Range) -> Vec<Chart> {
    let names: Vec<String> = entries.iter().map(|(_, name)| (*name).to_owned()).collect();
    let mut charts = vec![of_series(&RATE, &names, range), of_series(&ERRORS, &names, range)];
    charts.extend(quantiles(&names, range, |id| id != "p95"));
    charts.extend(PANELS.iter().filter_map(|panel| panel.chart(&InRange(range))));
    with_lines(charts)
}

pub(super) fn of_function(name: &str, range: Range) -> Vec<Chart> {
    let names = [name.to_owned()];
    let of = |series| of_series(series, &names, range);
    let mut charts = vec![of(&RATE), of(&ERRORS)];
    charts.extend(quantiles(&names, range, |_| true));
    charts.extend([of(&SELF_TIME), of(&SELF_CPU), of(&ALLOCATED), of(&LIVE)]);
    with_lines(charts)
}

fn with_lines(mut charts: Vec<Chart>) -> Vec<Chart> {
    charts.retain(|chart| !chart.lines.is_empty());
    charts
}

fn of_series(chart: &OfFunctions, names: &[String], range: Range) -> Chart {
    let line = |name: &String| {
        let points = points_of(chart.series, ("function", name), range);
        let (from, step, values) = values(&points, range)?;
        Some(Line {
            name: name.clone(),
            id: line_of_function(chart.series, name),
            role: Role::Line,
            from,
            step,
            values,
        })
    };
    chart.chart(names.iter().filter_map(line).collect())
}

/// The distributions are read once for all quantiles.
fn quantiles(names: &[String], range: Range, is_wanted: impl Fn(&str) -> bool) -> Vec<Chart> {
    let mut charts: Vec<(f64, Chart)> = QUANTILES
        .into_iter()
        .filter(|(id, ..)| is_wanted(id))
        .map(|(id, title, hint, q)| (q, Chart { id, title, unit: "seconds", hint, lines: Vec::new(), more: 0 }))
        .collect();
    for name in names {
        let Some((from, step, times)) = times(name, range) else { continue };
        for (q, chart) in &mut charts {
            let of = |times: &Option<Histogram>| times.as_ref()?.quantile(*q).map(|ns| rounded(ns * 1e-9));
            let values: Vec<Option<f64>> = times.iter().map(of).collect();
            if values.iter().any(Option::is_some) {
                let line = Line {
                    name: name.clone(),
                    id: line_of_function(chart.id, name),
                    role: Role::Line,
                    from,
                    step,
                    values,
                };
                chart.lines.push(line);
            }
        }
    }
    charts.into_iter().map(|(_, chart)| chart).collect()
}

/// The distribution of a function's calls in each step.
pub(super) fn times(name: &str, range: Range) -> Option<(u32, u32, Vec<Option<Histogram>>)> {
    history::ask(|history| history.times_columns(name, range.from, range.to, range.step))
}
