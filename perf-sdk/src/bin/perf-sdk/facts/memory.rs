//! Who holds memory.

use perf_sdk::snapshot::{LeakFinding, Leaks};
use serde::Serialize;

use super::functions::{self, Of, Request, Sort};
use super::history;
use super::overview::{self, Process};
use crate::client::Client;
use crate::failure::Failure;

/// The allocator's figures are read more seldom than others.
const ALLOCATOR_SECONDS: u64 = 120;
const NAMES: &str = "allocator_*,process_resident_file_bytes*";

#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Memory {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) resident_bytes: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) limit_bytes: Option<f64>,
    /// What has contents of files, such as the program itself, or is shared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) file_bytes: Option<f64>,
    /// What the program has allocated, and what the allocator holds for it, as jemalloc says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) allocated_bytes: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) allocator_resident_bytes: Option<f64>,
    /// What the profiler's recorder holds.
    pub(crate) profiler_bytes: u64,
    /// What is none of these: stacks of threads, and other mappings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) other_bytes: Option<f64>,
    /// Live allocations by the function that made them, without what it calls; estimated from a
    /// sample.
    pub(crate) owners: Vec<Owner>,
    pub(crate) leaks: Vec<Leak>,
    /// Why nobody is named, if so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) why_unknown: Option<String>,
}

#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Owner {
    pub(crate) function: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) module: Option<String>,
    pub(crate) live_bytes: f64,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) file: String,
    pub(crate) line: u32,
}

#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Leak {
    pub(crate) verdict: &'static str,
    pub(crate) what: &'static str,
    /// Empty of what is the whole process's.
    pub(crate) function: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) module: String,
    pub(crate) bytes: u64,
    pub(crate) objects: u64,
    pub(crate) bytes_per_hour: f64,
    pub(crate) evidence: String,
}

pub(crate) fn ask(client: &Client, limit: usize) -> Result<Memory, Failure> {
    of(client, &overview::ask(client)?, limit)
}

pub(crate) fn of(client: &Client, process: &Process, limit: usize) -> Result<Memory, Failure> {
    let request = Request { sort: Sort::Live, limit, ..Request::default() };
    let rows = functions::ask(client, &request)?.rows;
    let is_sampled = rows.iter().any(|row| row.live_bytes.is_some());
    let owners = rows.into_iter().filter_map(|row| {
        let live_bytes = row.live_bytes.filter(|bytes| *bytes > 0.0)?;
        Some(Owner { function: row.name, module: row.module, live_bytes, file: row.file, line: row.line })
    });
    let leaks: Leaks = client.json("/leaks", &[("format", "json")])?;
    let leak = |finding: &LeakFinding| Leak {
        verdict: finding.verdict.name(),
        what: finding.watched.name(),
        function: finding.function.clone(),
        module: finding.module.clone(),
        bytes: finding.bytes,
        objects: finding.objects,
        bytes_per_hour: finding.bytes_per_hour,
        evidence: finding.evidence.clone(),
    };
    // Patterns, since those of the allocator are there with jemalloc only.
    let columns = history::columns_of(client, NAMES, Of::Last(ALLOCATOR_SECONDS), 1).unwrap_or_default();
    let latest = |name: &str| {
        let column = columns.series.iter().find(|column| column.name == name && column.labels.is_empty())?;
        column.mean.iter().rev().flatten().next().copied()
    };
    let (file_bytes, held_bytes) = (latest("process_resident_file_bytes"), latest("allocator_resident_bytes"));
    let parts = process.resident_bytes.zip(file_bytes).zip(held_bytes);
    let other =
        |((all, files), held): ((f64, f64), f64)| (all - files - held - process.profiler.memory_bytes as f64).max(0.0);
    Ok(Memory {
        other_bytes: parts.map(other),
        file_bytes,
        resident_bytes: process.resident_bytes,
        limit_bytes: process.memory_limit_bytes,
        allocated_bytes: latest("allocator_allocated_bytes"),
        allocator_resident_bytes: held_bytes,
        profiler_bytes: process.profiler.memory_bytes,
        owners: owners.collect(),
        leaks: leaks.findings.iter().map(leak).collect(),
        why_unknown: (!is_sampled).then(|| format!("sampling of the live heap: {}", process.profiler.heap)),
    })
}
