//! The report at exit: a table of functions for a terminal.

use std::io::{self, Write};

use crate::base::units::{bytes, count, time};
use crate::export::safe;
use crate::snapshot::{ESTIMATED_SAYS, Function, Shown, Snapshot, WEAK_SAYS};

/// Rows printed at most.
const ROWS: usize = 40;
/// Of a function's name.
const MOST_CHARACTERS: usize = 80;

struct Column {
    head: &'static str,
    cell: fn(&Function) -> Option<String>,
}

const COLUMNS: &[Column] = &[
    Column { head: "calls", cell: |f| Some(calls(f)) },
    // On how many of them the rest of the line rests.
    Column { head: "measured", cell: |f| (f.samples < f.calls.total()).then(|| count(f.samples as f64)) },
    Column { head: "running", cell: |f| (f.running > 0).then(|| count(f.running as f64)) },
    Column { head: "errors", cell: |f| (f.calls.error > 0).then(|| count(f.calls.error as f64)) },
    Column { head: "panics", cell: |f| (f.calls.panic > 0).then(|| count(f.calls.panic as f64)) },
    Column { head: "cancelled", cell: |f| (f.calls.cancelled > 0).then(|| count(f.calls.cancelled as f64)) },
    Column { head: "p50", cell: |f| quantile(f, 0.5) },
    Column { head: "p95", cell: |f| quantile(f, 0.95) },
    Column { head: "p99", cell: |f| quantile(f, 0.99) },
    Column { head: "total", cell: |f| Some(marked(Shown::total(f))) },
    Column { head: "self", cell: |f| Some(marked(Shown::own(f))) },
    Column { head: "CPU", cell: |f| f.cpu.as_ref().map(|_| marked(Shown::cpu(f))) },
    Column { head: "idle", cell: |f| f.future.map(|future| time(future.idle_ns as f64)) },
    Column { head: "bytes/call", cell: |f| f.bytes.as_ref()?.mean().map(bytes) },
];

/// A terminal has some hundred columns, and other writers of snapshots other bounds of names.
fn cut(name: &str) -> String {
    match name.char_indices().nth(MOST_CHARACTERS) {
        Some((at, _)) => format!("{}…", &name[..at]),
        None => name.to_owned(),
    }
}

fn calls(function: &Function) -> String {
    format!("{}{}", if function.estimated_calls > 0 { "≈" } else { "" }, count(function.calls.total() as f64))
}

fn quantile(function: &Function, q: f64) -> Option<String> {
    Shown::quantile(function, q).map(marked)
}

fn marked(shown: Shown) -> String {
    format!("{}{}", if shown.is_weak { "~" } else { "" }, time(shown.ns))
}

/// Writes the functions with the most time of their own first; nothing if none was called. Columns without a figure are
/// left out.
///
/// # Errors
/// Those of the writer.
pub fn write(snapshot: &Snapshot, to: &mut impl Write) -> io::Result<()> {
    if snapshot.functions.is_empty() {
        return Ok(());
    }
    let mut functions: Vec<&Function> = snapshot.functions.iter().collect();
    functions.sort_by_key(|function| std::cmp::Reverse(function.exclusive.wall_ns));
    let shown = &functions[..functions.len().min(ROWS)];

    let mut columns: Vec<Vec<String>> = vec![shown.iter().map(|f| cut(&safe::line(&f.name))).collect()];
    columns[0].insert(0, "function".to_owned());
    for column in COLUMNS {
        let cells: Vec<Option<String>> = shown.iter().map(|f| (column.cell)(f)).collect();
        if cells.iter().any(Option::is_some) {
            let head = std::iter::once(column.head.to_owned());
            columns.push(head.chain(cells.into_iter().map(Option::unwrap_or_default)).collect());
        }
    }

    let seconds = snapshot.window_ns as f64 / 1e9;
    writeln!(to, "\nperf-sdk: {} functions, {seconds:.1} s", functions.len())?;
    let widths: Vec<usize> =
        columns.iter().map(|cells| cells.iter().map(|cell| cell.chars().count()).max().unwrap_or(0)).collect();
    for row in 0..=shown.len() {
        let mut line = format!("{:<1$}", columns[0][row], widths[0]);
        for (cells, width) in columns.iter().zip(&widths).skip(1) {
            line.push_str(&format!("  {:>1$}", cells[row], width));
        }
        writeln!(to, "{}", line.trim_end())?;
    }
    if functions.len() > ROWS {
        writeln!(to, "… and {} more", functions.len() - ROWS)?;
    }
    if shown.iter().any(|function| function.estimated_calls > 0) {
        writeln!(to, "≈ {ESTIMATED_SAYS}")?;
    }
    if columns.iter().skip(1).flatten().any(|cell| cell.starts_with('~')) {
        writeln!(to, "~ {WEAK_SAYS}")?;
    }
    if let Some(said) = snapshot.profiler.over_budget() {
        writeln!(to, "{}", safe::line(&said))?;
    }
    let dropped: Vec<String> =
        snapshot.profiler.dropped.iter().filter(|(_, n)| **n > 0).map(|(reason, n)| format!("{reason} {n}")).collect();
    if !dropped.is_empty() {
        writeln!(to, "not recorded: {}", dropped.join(", "))?;
    }
    Ok(())
}
