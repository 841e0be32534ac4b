//! The charts of a report: of an answer of the history.

use super::chart::{Chart, ERRORS, Line, OfFunctions, QUANTILES, RATE, Role, names_beside, of_function, rounded};
use super::panels::{self, PANELS, Readings, Steps};
use crate::snapshot::{HistoryColumns, HistorySeries};

/// The labels of a function's series.
const FUNCTION: &str = "function";
const MODULE: &str = "module";

/// The names of the series that a report shows, as the history is asked for them. They are
/// patterns, since a name that is not there would be an error.
pub(super) fn names(functions: &[&str]) -> String {
    let mut names: Vec<String> = panels::names().map(|name| format!("{name}*")).collect();
    let series = [RATE.series, ERRORS.series].into_iter().chain(quantiles().map(|(series, ..)| series));
    for series in series {
        // A quote has no escape there. In a pattern, a star stands for it.
        let of = |function: &&str| format!("{series}*{{{FUNCTION}=\"{}\"}}", function.replace('"', "*"));
        names.extend(functions.iter().map(of));
    }
    names.join(",")
}

/// Series, id, title, hint.
fn quantiles() -> impl Iterator<Item = (&'static str, &'static str, &'static str, &'static str)> {
    let series = |id| if id == "p50" { "function_p50_seconds" } else { "function_p99_seconds" };
    QUANTILES.into_iter().filter(|(id, ..)| *id != "p95").map(move |(id, title, hint, _)| (series(id), id, title, hint))
}

/// Of functions by module and name. Those in which nothing is known are left out.
pub(super) fn of(columns: &HistoryColumns, functions: &[(&str, &str)]) -> Vec<Chart> {
    let mut charts: Vec<Chart> =
        [&RATE, &ERRORS].map(|chart| chart.chart(lines(columns, chart.series, functions))).into();
    for (series, id, title, hint) in quantiles() {
        let chart = OfFunctions { id, title, unit: "seconds", hint, series };
        charts.push(chart.chart(lines(columns, series, functions)));
    }
    charts.extend(PANELS.iter().filter_map(|panel| panel.chart(columns)));
    charts.retain(|chart| !chart.lines.is_empty());
    charts
}

fn lines(columns: &HistoryColumns, name: &str, functions: &[(&str, &str)]) -> Vec<Line> {
    let line = |(function, shown): (&(&str, &str), String)| {
        // Bundles of earlier versions have names only.
        let is_it = |series: &&HistorySeries| {
            series.labels.get(FUNCTION).is_some_and(|name| name == function.1)
                && series.labels.get(MODULE).is_none_or(|module| module == function.0)
        };
        let series = columns.series.iter().filter(|series| series.name == name).find(is_it)?;
        let Steps { from, step, values, .. } = steps(columns, series)?;
        Some(Line { name: shown, id: of_function(name, *function), role: Role::Line, from, step, values })
    };
    functions.iter().zip(names_beside(functions)).filter_map(line).collect()
}

/// `None` without any value.
fn steps(columns: &HistoryColumns, series: &HistorySeries) -> Option<Steps<Option<f64>>> {
    let labels = series.labels.iter().map(|(label, value)| (label.clone(), value.clone())).collect();
    let values: Vec<Option<f64>> = series.mean.iter().map(|value| value.map(rounded)).collect();
    let is_known = values.iter().any(Option::is_some);
    is_known.then(|| Steps { labels, from: columns.times.first().copied().unwrap_or(0), step: columns.step, values })
}

impl Readings for HistoryColumns {
    fn series(&self, name: &str) -> Vec<Steps<Option<f64>>> {
        self.series.iter().filter(|series| series.name == name).filter_map(|series| steps(self, series)).collect()
    }

    fn pairs(&self, name: &str, second: &str) -> Vec<Steps<Option<(f64, f64)>>> {
        let with_second = |one: &HistorySeries| {
            let other = self.series.iter().find(|other| other.name == second && other.labels == one.labels);
            let rest = |at: usize| other.and_then(|other| other.mean.get(at).copied().flatten()).unwrap_or(0.0);
            let Steps { labels, from, step, values } = steps(self, one)?;
            let values = values.into_iter().enumerate().map(|(at, value)| Some((value?, rest(at)))).collect();
            Some(Steps { labels, from, step, values })
        };
        self.series.iter().filter(|series| series.name == name).filter_map(with_second).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(name: &str, label: Option<(&str, &str)>, mean: &[Option<f64>]) -> HistorySeries {
        let labels = label.into_iter().map(|(label, value)| (label.to_owned(), value.to_owned())).collect();
        HistorySeries { name: name.to_owned(), labels, mean: mean.to_vec(), ..HistorySeries::default() }
    }

    #[test]
    fn charts_are_those_of_the_page_and_have_lines_only_where_something_is_known() {
        let columns = HistoryColumns {
            step: 5,
            times: vec![100, 105],
            series: vec![
                series("function_calls_total", Some(("function", "search")), &[Some(3.0), None]),
                series("function_calls_total", Some(("function", "other")), &[Some(3.0), None]),
                series("function_p99_seconds", Some(("function", "search")), &[None, None]),
                series("cache_hits_total", Some(("cache", "results")), &[Some(9.0), Some(0.0)]),
                series("cache_misses_total", Some(("cache", "results")), &[Some(1.0), None]),
                series("process_cpus", None, &[Some(2.0), Some(2.0)]),
                series("process_resident_memory_bytes", None, &[Some(1_234_567.0), None]),
            ],
        };
        let charts = of(&columns, &[("shop", "search")]);
        let ids: Vec<&str> = charts.iter().map(|chart| chart.id).collect();
        assert_eq!(ids, ["rate", "memory", "caches"], "a limit alone is no chart");
        assert_eq!(charts[0].lines.len(), 1);
        let line = &charts[0].lines[0];
        assert_eq!(
            (line.name.as_str(), line.from, line.step, &line.values[..]),
            ("search", 100, 5, &[Some(3.0), None][..])
        );
        assert_eq!(charts[2].lines[0].values, [Some(0.9), None]);
        assert_eq!(
            (charts[2].lines[0].name.as_str(), charts[2].lines[0].id.as_str()),
            ("results", "cache_hits_total|cache=results")
        );
        assert_eq!(charts[1].lines[0].values, [Some(1_234_600.0), None], "five digits");
    }

    #[test]
    fn all_series_that_are_drawn_are_asked_for() {
        let names = names(&["search", "a \"b\""]);
        for name in ["process_cpu_seconds_total*", "container_spec_cpu_period*", "cache_misses_total*"] {
            assert!(names.split(',').any(|asked| asked == name), "{name} in {names}");
        }
        assert!(names.contains("function_p99_seconds*{function=\"search\"}"), "{names}");
        assert!(names.contains("function_errors_total*{function=\"a *b*\"}"), "{names}");
    }
}
