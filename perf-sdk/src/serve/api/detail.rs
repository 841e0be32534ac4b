//! Everything that is known of one function.

use std::time::Instant;

use serde::Serialize;

use super::charts;
use super::overview::milliseconds;
use super::range::{Asked, Kept, Range, kept};
use super::trend;
use crate::collect;
use crate::export::{Chart, Row};
use crate::histogram::Histogram;
use crate::history::FunctionId;
use crate::snapshot::{
    Function, FutureTotals, InstrumentUse, LeakFinding, Live, LockContention, ROOT, Snapshot, StatementFigures,
};

/// Entries of a list, at most.
const MOST: usize = 20;
/// Steps of the heatmap, at most, and cells of a decade of time.
const MOST_COLUMNS: u32 = 120;
const CELLS_PER_DECADE: f64 = 5.0;

#[derive(Clone, Debug, PartialEq, Serialize)]
pub(in crate::serve) struct Detail {
    kept: Option<Kept>,
    range: Range,
    /// Since recording began.
    function: Row,
    charts: Vec<Chart>,
    heatmap: Option<Heatmap>,
    callers: Vec<Relative>,
    callees: Vec<Relative>,
    future: Option<FutureTotals>,
    instruments: Vec<InstrumentUse>,
    statements: Vec<Statement>,
    live: Option<Live>,
    leaks: Vec<LeakFinding>,
    /// Waits of this function, by lock.
    waits: Vec<Wait>,
    /// Waits of others while this function held a lock.
    holds: Vec<Wait>,
    took_ms: f64,
}

/// How many calls took how long, and when.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct Heatmap {
    from: u32,
    step: u32,
    /// The lower bounds of the rows, in nanoseconds; a row ends where the next one begins.
    rows_ns: Vec<f64>,
    /// Of each step, the rows that have calls, and how many. `None`: nothing is known.
    columns: Vec<Option<Vec<(usize, u64)>>>,
}

/// A function that calls this one, or is called by it.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct Relative {
    /// Empty outside of all profiled functions.
    name: String,
    module: String,
    calls: u64,
    /// Of these calls, including callees.
    total_ns: f64,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct Statement {
    database: String,
    statement: String,
    calls: u64,
    total_ns: u64,
    n_plus_one: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct Wait {
    lock: String,
    contentions: u64,
    delay_ns: u64,
}

/// `Ok(None)` if there is no such function.
///
/// # Errors
/// The window ends before it begins.
pub(in crate::serve) fn detail((module, name): (Option<&str>, &str), asked: Asked) -> Result<Option<Detail>, String> {
    let start = Instant::now();
    let kept = kept();
    let range = kept.map_or(Ok(Range::default()), |kept| asked.within(kept))?;
    let snapshot = collect::take();
    let is_it = |function: &&Function| function.name == name && module.is_none_or(|module| function.module == module);
    let Some(at) = snapshot.functions.iter().position(|function| is_it(&function)) else { return Ok(None) };
    let function = &snapshot.functions[at];
    let id = FunctionId { name: &function.name, module: &function.module };
    let mut row = Row::of(function);
    row.change = kept.and_then(|kept| trend::change(id, kept));
    let is_known = range.from < range.to;
    let mut detail = Detail {
        kept,
        range,
        function: row,
        charts: if is_known { charts::of_function(id, range) } else { Vec::new() },
        heatmap: if is_known { heatmap(id, range) } else { None },
        callers: relatives(&snapshot, at as u32, Side::Callers),
        callees: relatives(&snapshot, at as u32, Side::Callees),
        future: function.future,
        instruments: function.instruments.clone(),
        statements: statements(&snapshot, function),
        live: function.live,
        leaks: leaks(&snapshot, function),
        waits: waits(&snapshot.locks.waiters, function),
        holds: waits(&snapshot.locks.holders, function),
        took_ms: 0.0,
    };
    detail.took_ms = milliseconds(start);
    Ok(Some(detail))
}

fn heatmap(function: FunctionId<'_>, range: Range) -> Option<Heatmap> {
    let step = range.step.max((range.to - range.from).div_ceil(MOST_COLUMNS));
    let (from, step, times) = charts::times(function, Range { step, ..range })?;
    of_times(&times).map(|(rows_ns, columns)| Heatmap { from, step, rows_ns, columns })
}

type Columns = Vec<Option<Vec<(usize, u64)>>>;

/// `None` without calls.
fn of_times(times: &[Option<Histogram>]) -> Option<(Vec<f64>, Columns)> {
    let known = || times.iter().flatten().flat_map(Histogram::cells);
    // By the middle of a cell, which is 2.2 % wide.
    let place = |(low, high, _): (u64, u64, u64)| {
        let middle = (low as f64 + high as f64) / 2.0;
        (middle.max(1.0).log10() * CELLS_PER_DECADE).floor() as i64
    };
    let first = known().map(place).min()?;
    let last = known().map(place).max()?;
    let rows_ns = (first..=last + 1).map(|row| 10_f64.powf(row as f64 / CELLS_PER_DECADE)).collect();
    let column = |times: &Histogram| {
        let mut rows: Vec<(usize, u64)> = Vec::new();
        for cell @ (_, _, count) in times.cells() {
            let row = (place(cell) - first) as usize;
            match rows.last_mut() {
                Some((known, sum)) if *known == row => *sum += count,
                _ => rows.push((row, count)),
            }
        }
        rows
    };
    Some((rows_ns, times.iter().map(|times| times.as_ref().map(column)).collect()))
}

#[derive(Clone, Copy, PartialEq)]
enum Side {
    Callers,
    Callees,
}

/// Those with most time first.
fn relatives(snapshot: &Snapshot, function: u32, side: Side) -> Vec<Relative> {
    let mut found: Vec<(Option<u32>, u64, i64)> = Vec::new();
    for node in &snapshot.tree {
        let parent = (node.parent != ROOT).then(|| snapshot.tree[node.parent as usize].function);
        let other = match side {
            Side::Callers if node.function == function => parent,
            Side::Callees if parent == Some(function) => Some(node.function),
            _ => continue,
        };
        match found.iter_mut().find(|known| known.0 == other) {
            Some((_, calls, total)) => (*calls, *total) = (*calls + node.calls, *total + node.inclusive.wall_ns),
            None => found.push((other, node.calls, node.inclusive.wall_ns)),
        }
    }
    found.sort_by_key(|(_, _, total)| std::cmp::Reverse(*total));
    let of = |(other, calls, total): (Option<u32>, u64, i64)| {
        let function = other.map(|other| &snapshot.functions[other as usize]);
        Relative {
            name: function.map_or_else(String::new, |function| function.name.clone()),
            module: function.map_or_else(String::new, |function| function.module.clone()),
            calls,
            total_ns: total.max(0) as f64,
        }
    };
    found.into_iter().take(MOST).map(of).collect()
}

/// Statements that one call of it ran several times: of the others, the callers are not kept.
fn statements(snapshot: &Snapshot, function: &Function) -> Vec<Statement> {
    let is_caller = |path: &String| path.rsplit(" → ").any(|name| name == function.name);
    let of = |figures: &StatementFigures| Statement {
        database: figures.database.clone(),
        statement: figures.statement.clone(),
        calls: figures.calls,
        total_ns: figures.durations.sum(),
        n_plus_one: figures.n_plus_one,
    };
    let all = snapshot.statements.iter().filter(|figures| figures.callers.iter().any(is_caller));
    all.take(MOST).map(of).collect()
}

fn leaks(snapshot: &Snapshot, function: &Function) -> Vec<LeakFinding> {
    let all = snapshot.leaks.iter().flat_map(|leaks| &leaks.findings);
    let is_it = |finding: &&LeakFinding| finding.function == function.name && finding.module == function.module;
    all.filter(is_it).take(MOST).cloned().collect()
}

/// By lock, the longest first.
fn waits(all: &[LockContention], function: &Function) -> Vec<Wait> {
    let mut found: Vec<Wait> = Vec::new();
    let is_it = |one: &&LockContention| {
        one.scope.last().is_some_and(|frame| frame.name == function.name && frame.module == function.module)
    };
    for one in all.iter().filter(is_it) {
        let lock = one.lock_name();
        match found.iter_mut().find(|known| known.lock == lock) {
            Some(known) => {
                known.contentions += one.contentions;
                known.delay_ns += one.delay_ns;
            }
            None => found.push(Wait { lock, contentions: one.contentions, delay_ns: one.delay_ns }),
        }
    }
    found.sort_by_key(|wait| std::cmp::Reverse(wait.delay_ns));
    found.truncate(MOST);
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::{CallNode, Totals};

    #[test]
    fn a_heatmap_has_each_call_in_the_row_of_its_time() {
        let mut first = Histogram::default();
        first.record(1_000, 3);
        first.record(9_000, 1);
        let mut last = Histogram::default();
        last.record(1_000_000, 2);
        let (rows, columns) = of_times(&[Some(first), None, Some(Histogram::default()), Some(last)]).unwrap();
        // Five rows a decade, from 1 µs to 1 ms, and the end of the last one.
        assert!((16..=18).contains(&rows.len()), "{rows:?}");
        assert!(rows[0] <= 1_020.0 && rows[rows.len() - 1] > 980_000.0, "{rows:?}");
        let calls = |column: &Option<Vec<(usize, u64)>>| column.as_ref().map(|rows| rows.iter().map(|row| row.1).sum());
        assert_eq!(columns.iter().map(calls).collect::<Vec<Option<u64>>>(), [Some(4), None, Some(0), Some(2)]);
        for (row, _) in columns[3].as_ref().unwrap() {
            assert!(rows[*row] <= 1_020_000.0 && 980_000.0 < rows[*row + 1], "{rows:?}");
        }
        assert_eq!(of_times(&[None, Some(Histogram::default())]), None);
    }

    #[test]
    fn callers_and_callees_are_summed_over_paths() {
        let function = |name: &str| Function { name: name.to_owned(), ..Function::default() };
        let node = |function: u32, parent: u32, calls: u64, wall_ns: i64| CallNode {
            function,
            parent,
            calls,
            inclusive: Totals { wall_ns, ..Totals::default() },
            ..CallNode::default()
        };
        let snapshot = Snapshot {
            functions: ["a", "b", "c"].map(function).into(),
            tree: vec![
                node(0, ROOT, 1, 90),
                node(1, 0, 2, 50),
                node(2, 1, 6, 5),
                node(1, ROOT, 3, 30),
                node(2, 3, 9, 8),
            ],
            ..Snapshot::default()
        };
        let shown = |side| {
            let all = relatives(&snapshot, 1, side).into_iter();
            all.map(|one| (one.name, one.calls, one.total_ns)).collect::<Vec<_>>()
        };
        assert_eq!(shown(Side::Callers), [("a".to_owned(), 2, 50.0), (String::new(), 3, 30.0)]);
        assert_eq!(shown(Side::Callees), [("c".to_owned(), 15, 13.0)]);
    }
}
