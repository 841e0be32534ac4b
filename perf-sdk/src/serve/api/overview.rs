//! Charts of the process, marks, and what the profiler takes.

use std::path::Path;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use serde::Serialize;

use super::charts;
use super::range::{Asked, Kept, Range, kept};
use crate::base::footprint;
use crate::collect;
use crate::event;
use crate::export::{Chart, Status};
use crate::history;
use crate::record;

/// Entries of a list, at most. The pages of each have all.
const MOST_LISTED: usize = 12;

/// Everything at the top of the dashboard.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(in crate::serve) struct Overview {
    /// The server's time.
    now_unix_ms: u64,
    program: Program,
    /// The seconds of which the history has points. Absent without a history.
    kept: Option<Kept>,
    range: Range,
    charts: Vec<Chart>,
    marks: Vec<Mark>,
    profiler: Profiler,
    /// Only if it is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<Status>,
    /// How long this answer took to make.
    took_ms: f64,
}

/// Which process it is, and in which state its profiler is.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
struct Program {
    name: String,
    pid: u32,
    /// Tells a process from the next one at the same address.
    start: String,
    /// Whether the profiler was started. Without, functions are recorded, and nothing else is.
    is_started: bool,
    /// Whether calls are recorded now.
    is_recording: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
struct Mark {
    at: u32,
    text: String,
}

/// What the profiler itself costs.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
struct Profiler {
    /// CPU time since the start, by part. Empty without a budget.
    cpu_seconds: Vec<(&'static str, f64)>,
    /// What it took and may take, over which time, in words. Absent without a budget.
    budget: Option<String>,
    memory_bytes: u64,
    memory_limit_bytes: u64,
}

/// # Errors
/// The window ends before it begins.
pub(in crate::serve) fn overview(asked: Asked, has_status: bool) -> Result<Overview, String> {
    let start = Instant::now();
    let kept = kept();
    let range = kept.map_or(Ok(Range::default()), |kept| asked.within(kept))?;
    let is_empty = range.from >= range.to;
    let charts = if is_empty { Vec::new() } else { charts::of_process(&collect::entries(), range) };
    Ok(Overview {
        now_unix_ms: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64),
        program: program(),
        kept,
        range,
        charts,
        marks: marks(),
        profiler: profiler(),
        status: has_status.then(status),
        took_ms: milliseconds(start),
    })
}

/// The name of the program.
pub(in crate::serve) fn program_name() -> String {
    // Without a system call, which a later filter may not allow.
    let called = std::env::args_os().next().unwrap_or_default();
    Path::new(&called).file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

fn program() -> Program {
    Program {
        name: program_name(),
        pid: std::process::id(),
        start: format!("{:x}", event::start()),
        is_started: event::is_open(),
        is_recording: !record::is_off(),
    }
}

/// **Cost.** That of a snapshot. Findings are those that need no history; the page has all.
fn status() -> Status {
    let snapshot = collect::take();
    let findings = collect::findings_of(&snapshot).findings;
    Status::of(&snapshot, findings, MOST_LISTED)
}

/// When, and what was said.
pub(in crate::serve) fn said() -> Vec<(u32, String)> {
    let of = |mark: &history::Mark| (mark.at, mark.text.clone());
    history::ask(|history| history.marks().map(of).collect()).unwrap_or_default()
}

fn marks() -> Vec<Mark> {
    said().into_iter().map(|(at, text)| Mark { at, text }).collect()
}

fn profiler() -> Profiler {
    let parts = record::account().filter(|(_, ns)| *ns > 0).map(|(part, ns)| (part, ns as f64 * 1e-9));
    Profiler {
        cpu_seconds: parts.collect(),
        budget: record::budget_reading().map(|reading| reading.budget.said()),
        memory_bytes: footprint::held_bytes(),
        memory_limit_bytes: footprint::limit_bytes(),
    }
}

pub(super) fn milliseconds(start: Instant) -> f64 {
    start.elapsed().as_micros() as f64 * 1e-3
}
