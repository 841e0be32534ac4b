//! The report at exit: a table of functions for a terminal.

use std::io::{self, Write};

use crate::base::sort;
use crate::base::units::{bytes, count, time};
use crate::export::safe;
use crate::snapshot::{
    ESTIMATED_SAYS, Function, InstrumentUse, LeakFinding, LeakSubject, Shown, Snapshot, Verdict, WEAK_SAYS,
    telling_names,
};

/// The maximum number of rows.
const ROWS: usize = 40;
/// The maximum number of confirmed leaks.
const LEAKS: usize = 10;
/// The maximum length of a function's name.
const MOST_CHARACTERS: usize = 80;

struct Column {
    head: &'static str,
    cell: fn(&Function) -> Option<String>,
}

const COLUMNS: &[Column] = &[
    Column { head: "calls", cell: |f| Some(calls(f)) },
    // The number of calls from which the other columns are estimated.
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

/// A terminal has some hundred columns, and the names in a snapshot from elsewhere may be longer.
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

/// Writes the functions, those with the longest exclusive time first, confirmed leaks, and the
/// [targets](crate::target). Writes nothing if no function was called, nothing leaks and there are
/// no targets. Columns without a figure are omitted.
///
/// # Errors
/// Any error of the writer.
pub fn write(snapshot: &Snapshot, to: &mut impl Write) -> io::Result<()> {
    if !snapshot.functions.is_empty() {
        write_functions(snapshot, to)?;
    }
    write_leaks(snapshot, to)?;
    write_targets(snapshot, to)
}

/// The subject and the evidence of each confirmed leak.
fn write_leaks(snapshot: &Snapshot, to: &mut impl Write) -> io::Result<()> {
    let is_confirmed = |finding: &&LeakFinding| finding.verdict == Verdict::Confirmed;
    let confirmed: Vec<&LeakFinding> =
        snapshot.leaks.iter().flat_map(|leaks| &leaks.findings).filter(is_confirmed).collect();
    for finding in confirmed.iter().take(LEAKS) {
        let LeakFinding { watched, pool, function, module, evidence, .. } = finding;
        let what = match (watched, pool.as_str(), function.as_str(), module.as_str()) {
            (LeakSubject::Pool, pool, _, _) if !pool.is_empty() => format!("pool {pool}"),
            (_, _, "", _) => watched.name().replace('_', " "),
            (_, _, function, "") => format!("{} of {function}", watched.name()),
            (_, _, function, module) => format!("{} of {module}::{function}", watched.name()),
        };
        writeln!(to, "confirmed leak: {}: {}", cut(&safe::line(&what)), safe::line(evidence))?;
    }
    if confirmed.len() > LEAKS {
        writeln!(to, "… and {} more confirmed leaks", confirmed.len() - LEAKS)?;
    }
    Ok(())
}

/// The targets with their status.
fn write_targets(snapshot: &Snapshot, to: &mut impl Write) -> io::Result<()> {
    match &snapshot.targets {
        Some(targets) if !targets.targets.is_empty() => {
            writeln!(to, "\nperf-sdk: targets: {}", targets.summary())?;
            let mut table = Vec::new();
            targets.write_table(&mut table)?;
            String::from_utf8_lossy(&table).lines().try_for_each(|line| writeln!(to, "{}", safe::line(line)))
        }
        _ => Ok(()),
    }
}

fn write_functions(snapshot: &Snapshot, to: &mut impl Write) -> io::Result<()> {
    let names = telling_names(&snapshot.functions);
    let mut functions: Vec<(&Function, &String)> = snapshot.functions.iter().zip(&names).collect();
    sort::sort_by_key(&mut functions, |(function, _)| std::cmp::Reverse(function.exclusive.wall_ns));
    functions.truncate(ROWS);
    let (shown, names): (Vec<&Function>, Vec<&String>) = functions.into_iter().unzip();

    let mut columns: Vec<Vec<String>> = vec![names.iter().map(|name| cut(&safe::line(name))).collect()];
    columns[0].insert(0, "function".to_owned());
    for column in COLUMNS {
        let cells: Vec<Option<String>> = shown.iter().map(|f| (column.cell)(f)).collect();
        if cells.iter().any(Option::is_some) {
            let head = std::iter::once(column.head.to_owned());
            columns.push(head.chain(cells.into_iter().map(Option::unwrap_or_default)).collect());
        }
    }

    let seconds = snapshot.window_ns as f64 / 1e9;
    writeln!(to, "\nperf-sdk: {} functions, {seconds:.1} s", snapshot.functions.len())?;
    let widths: Vec<usize> =
        columns.iter().map(|cells| cells.iter().map(|cell| cell.chars().count()).max().unwrap_or(0)).collect();
    for row in 0..=shown.len() {
        let mut line = format!("{:<1$}", columns[0][row], widths[0]);
        for (cells, width) in columns.iter().zip(&widths).skip(1) {
            line.push_str(&format!("  {:>1$}", cells[row], width));
        }
        writeln!(to, "{}", line.trim_end())?;
    }
    if snapshot.functions.len() > ROWS {
        writeln!(to, "… and {} more", snapshot.functions.len() - ROWS)?;
    }
    write_instruments(&shown, &names, to)?;
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

/// The maximum number of lines on instruments.
const INSTRUMENTS: usize = 10;

/// Writes for which caches, pools, queues and readers the functions waited longest.
fn write_instruments(functions: &[&Function], names: &[&String], to: &mut impl Write) -> io::Result<()> {
    let of = |(function, name): (&&Function, &&String)| {
        let uses = function.instruments.clone();
        let name = (*name).clone();
        uses.into_iter().map(move |used| (used, name.clone())).collect::<Vec<_>>()
    };
    let mut all: Vec<(InstrumentUse, String)> = functions.iter().zip(names).flat_map(of).collect();
    sort::sort_by_key(&mut all, |(used, _)| std::cmp::Reverse(used.wait_ns));
    let more = all.len().saturating_sub(INSTRUMENTS);
    for (used, name) in all.into_iter().take(INSTRUMENTS) {
        let (function, instrument) = (cut(&safe::line(&name)), cut(&safe::line(&used.name)));
        writeln!(to, "{function} used {} {instrument}: {}", safe::line(&used.kind), used.said())?;
    }
    if more > 0 {
        writeln!(to, "… and {more} more uses")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::Leaks;

    #[test]
    fn functions_of_one_name_are_told_apart() {
        let function = |module: &str, name: &str| {
            let mut function = Function::default();
            (function.module, function.name) = (module.to_owned(), name.to_owned());
            function
        };
        let functions = vec![function("app::a", "same"), function("app::b", "same"), function("app::b", "other")];
        let snapshot = Snapshot { functions, ..Snapshot::default() };
        let mut text = Vec::new();
        write(&snapshot, &mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        let names: Vec<&str> = text.lines().filter_map(|line| line.split_whitespace().next()).collect();
        assert_eq!(names, ["perf-sdk:", "function", "app::a::same", "app::b::same", "other"]);
    }

    #[test]
    fn confirmed_leaks_are_named_and_others_are_not() {
        let finding = |watched, verdict, function: &str, pool: &str| LeakFinding {
            watched,
            verdict,
            function: function.to_owned(),
            module: if function.is_empty() { String::new() } else { "app".to_owned() },
            pool: pool.to_owned(),
            evidence: "it grows".to_owned(),
            ..LeakFinding::default()
        };
        let mut findings = vec![
            finding(LeakSubject::Memory, Verdict::Confirmed, "remember", ""),
            finding(LeakSubject::Pool, Verdict::Confirmed, "take", "buffers"),
            finding(LeakSubject::FileDescriptors, Verdict::Confirmed, "", ""),
            finding(LeakSubject::Memory, Verdict::Suspect, "cache", ""),
        ];
        let written = |findings: &[LeakFinding]| {
            let leaks = Some(Leaks { findings: findings.to_vec(), ..Leaks::default() });
            let mut text = Vec::new();
            write(&Snapshot { leaks, ..Snapshot::default() }, &mut text).unwrap();
            String::from_utf8(text).unwrap()
        };
        assert_eq!(
            written(&findings),
            "confirmed leak: memory of app::remember: it grows\nconfirmed leak: pool buffers: it grows\n\
             confirmed leak: file descriptors: it grows\n"
        );
        findings.extend((0..9).map(|_| finding(LeakSubject::Threads, Verdict::Confirmed, "", "")));
        assert!(written(&findings).ends_with("… and 2 more confirmed leaks\n"));
        assert_eq!(written(&[]), "");
    }

    #[test]
    fn what_functions_waited_for_is_listed() {
        let used = |name: &str, wait_ns: u64| InstrumentUse {
            kind: "cache".to_owned(),
            name: name.to_owned(),
            operations: 1_234,
            bytes: 0,
            wait_ns,
        };
        let instruments = (0..11).map(|n| used(&format!("c{n}"), n * 1_000_000)).collect();
        let function = Function { name: "search".to_owned(), instruments, ..Function::default() };
        let snapshot = Snapshot { functions: vec![function], ..Snapshot::default() };
        let mut text = Vec::new();
        write(&snapshot, &mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        let lines: Vec<&str> = text.lines().filter(|line| line.contains(" used ") || line.contains("more")).collect();
        assert_eq!(lines.len(), INSTRUMENTS + 1, "{text}");
        assert_eq!(lines[0], format!("search used cache c10: {}", used("c10", 10_000_000).said()));
        assert_eq!(lines[10], "… and 1 more uses");
    }
}
