//! The figures of functions in a window, from the history.

use super::range::Range;
use crate::export::Row;
use crate::history::{self, Answer, FUNCTION_SERIES, OwnedId, Point};

/// What is known of a function's series in a window, copied.
struct Copied {
    function: OwnedId,
    /// In the order of [`FUNCTION_SERIES`].
    points: Vec<Vec<Point>>,
}

/// All functions that the history has; and the seconds of which it has anything of them.
pub(super) fn rows(range: Range) -> (Vec<Row>, (u32, u32)) {
    let functions: Vec<OwnedId> = history::ask(|history| history.functions().collect()).unwrap_or_default();
    let mut covered: Option<(u32, u32)> = None;
    let mut rows = Vec::with_capacity(functions.len());
    for function in functions {
        let copied = copied(function, range);
        for point in copied.points.iter().flatten() {
            let (from, to) = covered.unwrap_or((point.from, point.from + point.seconds));
            covered = Some((from.min(point.from), to.max(point.from + point.seconds)));
        }
        rows.extend(row(copied, range));
    }
    (rows, covered.unwrap_or((range.from, range.to)))
}

fn copied(function: OwnedId, range: Range) -> Copied {
    let points = history::ask(|history| {
        let of = |(series, ..): &(&str, _, _)| {
            let id = history.find_of(series, function.id());
            id.map_or_else(Vec::new, |id| history.points(id, range.from, range.to).collect())
        };
        FUNCTION_SERIES.iter().map(of).collect()
    });
    Copied { function, points: points.unwrap_or_default() }
}

/// `None` if nothing is known of it in the window.
fn row(copied: Copied, range: Range) -> Option<Row> {
    let Copied { function, points } = copied;
    let [calls, errors, own, own_cpu, allocated, live] = points.try_into().ok()?;
    let calls_in = grown(&calls)?;
    let times = history::ask(|history| history.times(function.id(), (range.from, range.to)));
    let times = match times {
        Some(Answer::Found(times, _)) => Some(times),
        _ => None,
    };
    let quantile = |q: f64| times.as_ref()?.quantile(q);
    let ns = |seconds: f64| seconds * 1e9;
    let allocated = grown(&allocated);
    let OwnedId { name, module } = function;
    Some(Row {
        // Files of version 1 had none.
        module: Some(module).filter(|module| !module.is_empty()),
        calls: Some(calls_in.round()),
        errors: grown(&errors).map(f64::round),
        p50_ns: quantile(0.5),
        p95_ns: quantile(0.95),
        p99_ns: quantile(0.99),
        self_ns: grown(&own).map(ns),
        self_cpu_ns: grown(&own_cpu).map(ns),
        self_bytes_per_call: allocated.filter(|_| calls_in > 0.0).map(|bytes| bytes / calls_in),
        live_bytes: live.last().map(|point| point.mean),
        name,
        ..Row::default()
    })
}

/// What a counter grew by. `None` if nothing is known.
fn grown(points: &[Point]) -> Option<f64> {
    let sum = |sum: f64, point: &Point| sum + point.mean * f64::from(point.covered);
    (!points.is_empty()).then(|| points.iter().fold(0.0, sum))
}
