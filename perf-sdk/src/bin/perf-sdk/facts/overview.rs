//! The process, its limits, and what the profiler takes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::client::Client;
use crate::failure::Failure;

/// One process now.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Process {
    pub(crate) endpoint: String,
    pub(crate) program: String,
    pub(crate) pid: u32,
    /// Since recording began.
    pub(crate) recorded_seconds: f64,
    /// Whether calls are recorded now.
    pub(crate) is_recording: bool,
    pub(crate) functions: u64,
    pub(crate) threads: u64,
    /// CPU time per second, of the latest seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cpu_cores: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cpu_limit_cores: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) resident_bytes: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) memory_limit_bytes: Option<f64>,
    pub(crate) counts_allocations: bool,
    pub(crate) profiler: Profiler,
    /// The latest marks, such as deploys: when, in seconds since 1970, and what.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) marks: Vec<Mark>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) history_from_unix_seconds: Option<u64>,
}

#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Profiler {
    pub(crate) cpu_seconds: f64,
    pub(crate) memory_bytes: u64,
    /// Why it takes more than its budget, if it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) over_budget: Option<String>,
    /// What could not be recorded, by reason.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) dropped: BTreeMap<String, u64>,
    pub(crate) heap: String,
    pub(crate) stacks: String,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct Mark {
    #[serde(rename(serialize = "at_unix_seconds"))]
    pub(crate) at: u64,
    pub(crate) text: String,
}

#[derive(Deserialize)]
struct Overview {
    program: Program,
    kept: Option<Kept>,
    charts: Vec<Chart>,
    marks: Vec<Mark>,
    profiler: Cost,
    status: Option<Status>,
}

#[derive(Deserialize)]
struct Kept {
    from: u64,
}

#[derive(Deserialize)]
struct Program {
    name: String,
    pid: u32,
    is_recording: bool,
}

#[derive(Deserialize)]
struct Chart {
    id: String,
    lines: Vec<Line>,
}

#[derive(Deserialize)]
struct Line {
    name: String,
    role: String,
    values: Vec<Option<f64>>,
}

#[derive(Deserialize)]
struct Cost {
    cpu_seconds: Vec<(String, f64)>,
    memory_bytes: u64,
}

#[derive(Deserialize)]
struct Status {
    has_allocations: bool,
    functions: u64,
    threads: u64,
    window_ns: u64,
    measurement: Measurement,
}

#[derive(Deserialize)]
struct Measurement {
    dropped: BTreeMap<String, u64>,
    over_budget: Option<String>,
    heap: String,
    stacks: String,
}

/// Marks of an answer: the latest ones.
const MOST_MARKS: usize = 10;

pub(crate) fn ask(client: &Client) -> Result<Process, Failure> {
    let query = [("from", "-20s"), ("status", "on")];
    let overview: Overview = client.json("/api/v1/overview", &query)?;
    let chart = |id: &str| overview.charts.iter().find(|chart| chart.id == id);
    let latest = |line: &Line| line.values.iter().rev().flatten().next().copied();
    let line = |id: &str, name: &str| chart(id)?.lines.iter().find(|line| line.name == name).and_then(latest);
    let limit = |id: &str| {
        let limits = chart(id)?.lines.iter().filter(|line| line.role == "limit").filter_map(latest);
        limits.filter(|limit| *limit > 0.0).min_by(f64::total_cmp)
    };
    let status = overview.status.as_ref();
    let measurement = status.map(|status| &status.measurement);
    let first = overview.marks.len().saturating_sub(MOST_MARKS);
    Ok(Process {
        endpoint: client.place().to_string(),
        recorded_seconds: status.map_or(0.0, |status| status.window_ns as f64 * 1e-9),
        is_recording: overview.program.is_recording,
        functions: status.map_or(0, |status| status.functions),
        threads: status.map_or(0, |status| status.threads),
        cpu_cores: line("cpu", "process"),
        cpu_limit_cores: limit("cpu"),
        resident_bytes: line("memory", "resident"),
        memory_limit_bytes: limit("memory"),
        counts_allocations: status.is_some_and(|status| status.has_allocations),
        profiler: Profiler {
            cpu_seconds: overview.profiler.cpu_seconds.iter().fold(0.0, |sum, (_, seconds)| sum + seconds),
            memory_bytes: overview.profiler.memory_bytes,
            over_budget: measurement.and_then(|measurement| measurement.over_budget.clone()),
            dropped: measurement.map(|measurement| measurement.dropped.clone()).unwrap_or_default(),
            heap: measurement.map(|measurement| measurement.heap.clone()).unwrap_or_default(),
            stacks: measurement.map(|measurement| measurement.stacks.clone()).unwrap_or_default(),
        },
        marks: overview.marks[first..].to_vec(),
        history_from_unix_seconds: overview.kept.map(|kept| kept.from),
        program: overview.program.name,
        pid: overview.program.pid,
    })
}
