//! The charts of the process, and those of one function.

use super::line::{points_of, values};
use super::panels::InRange;
use super::range::Range;
use crate::collect::Labelled;
use crate::export::{
    Chart, ERRORS, Line, OfFunctions, PANELS, QUANTILES, RATE, Role, line_of_function, names_beside, rounded,
};
use crate::histogram::Histogram;
use crate::history::{self, FunctionId};

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
    let functions: Vec<FunctionId<'_>> = entries.iter().map(|(module, name)| FunctionId { name, module }).collect();
    let mut charts = vec![of_series(&RATE, &functions, range), of_series(&ERRORS, &functions, range)];
    charts.extend(quantiles(&functions, range, |id| id != "p95"));
    charts.extend(PANELS.iter().filter_map(|panel| panel.chart(&InRange(range))));
    with_lines(charts)
}

pub(super) fn of_function(function: FunctionId<'_>, range: Range) -> Vec<Chart> {
    let functions = [function];
    let of = |series| of_series(series, &functions, range);
    let mut charts = vec![of(&RATE), of(&ERRORS)];
    charts.extend(quantiles(&functions, range, |_| true));
    charts.extend([of(&SELF_TIME), of(&SELF_CPU), of(&ALLOCATED), of(&LIVE)]);
    with_lines(charts)
}

fn with_lines(mut charts: Vec<Chart>) -> Vec<Chart> {
    charts.retain(|chart| !chart.lines.is_empty());
    charts
}

fn of_series(chart: &OfFunctions, functions: &[FunctionId<'_>], range: Range) -> Chart {
    let line = |(function, name): (&FunctionId<'_>, String)| {
        let points = points_of(chart.series, *function, range);
        let (from, step, values) = values(&points, range)?;
        Some(Line {
            name,
            id: line_of_function(chart.series, (function.module, function.name)),
            role: Role::Line,
            from,
            step,
            values,
        })
    };
    chart.chart(functions.iter().zip(names_of(functions)).filter_map(line).collect())
}

fn names_of(functions: &[FunctionId<'_>]) -> Vec<String> {
    names_beside(&functions.iter().map(|function| (function.module, function.name)).collect::<Vec<_>>())
}

/// The distributions are read once for all quantiles.
fn quantiles(functions: &[FunctionId<'_>], range: Range, is_wanted: impl Fn(&str) -> bool) -> Vec<Chart> {
    let mut charts: Vec<(f64, Chart)> = QUANTILES
        .into_iter()
        .filter(|(id, ..)| is_wanted(id))
        .map(|(id, title, hint, q)| (q, Chart { id, title, unit: "seconds", hint, lines: Vec::new(), more: 0 }))
        .collect();
    for (function, name) in functions.iter().zip(names_of(functions)) {
        let Some((from, step, times)) = times(*function, range) else { continue };
        for (q, chart) in &mut charts {
            let of = |times: &Option<Histogram>| times.as_ref()?.quantile(*q).map(|ns| rounded(ns * 1e-9));
            let values: Vec<Option<f64>> = times.iter().map(of).collect();
            if values.iter().any(Option::is_some) {
                let line = Line {
                    name: name.clone(),
                    id: line_of_function(chart.id, (function.module, function.name)),
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
pub(super) fn times(function: FunctionId<'_>, range: Range) -> Option<(u32, u32, Vec<Option<Histogram>>)> {
    history::ask(|history| history.times_columns(function, range.from, range.to, range.step))
}
