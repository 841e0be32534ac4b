//! The slowest calls of roots, with what took their time.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::client::Client;
use crate::failure::Failure;

#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Slowest {
    /// Calls of the last two windows of this length are here.
    pub(crate) window_seconds: f64,
    /// The slowest first.
    pub(crate) calls: Vec<Call>,
}

#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Call {
    pub(crate) function: String,
    pub(crate) module: String,
    pub(crate) began_unix_seconds: f64,
    pub(crate) duration_seconds: f64,
    pub(crate) cpu_seconds: f64,
    pub(crate) allocated_bytes: u64,
    pub(crate) outcome: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) labels: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) trace_id: String,
    /// The longest of what it did: calls, waits for locks, statements.
    pub(crate) longest_steps: Vec<Step>,
    /// The innermost functions of its samples of CPU time, and how many they are.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) on_cpu: Vec<(String, u64)>,
}

#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Step {
    pub(crate) kind: String,
    pub(crate) name: String,
    pub(crate) depth: u32,
    pub(crate) after_seconds: f64,
    pub(crate) duration_seconds: f64,
    /// Of a lock: who held it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) held_by: String,
}

#[derive(Deserialize)]
struct Read {
    window_ns: u64,
    functions: Vec<ReadFunction>,
}

#[derive(Deserialize)]
struct ReadFunction {
    name: String,
    module: String,
    slowest: Vec<ReadCall>,
}

#[derive(Deserialize)]
struct ReadCall {
    began_unix_ns: u64,
    duration_ns: u64,
    cpu_ns: u64,
    allocated_bytes: u64,
    outcome: String,
    labels: Vec<(String, String)>,
    trace_id: String,
    steps: Vec<ReadStep>,
    samples: Vec<ReadSample>,
}

#[derive(Deserialize)]
struct ReadStep {
    kind: String,
    name: String,
    depth: u32,
    after_ns: u64,
    duration_ns: u64,
    held_by: String,
}

#[derive(Deserialize)]
struct ReadSample {
    frames: Vec<String>,
}

const NS: f64 = 1e-9;
const MOST_STEPS: usize = 8;
const MOST_FUNCTIONS: usize = 5;

pub(crate) fn ask(client: &Client, function: Option<&str>, limit: usize) -> Result<Slowest, Failure> {
    let query: Vec<(&str, &str)> = function.into_iter().map(|function| ("function", function)).collect();
    let read: Read = client.json("/api/v1/slow", &query)?;
    let of_function = |function: ReadFunction| {
        let ReadFunction { name, module, slowest } = function;
        slowest.into_iter().map(move |read| call(name.clone(), module.clone(), read))
    };
    let mut calls: Vec<Call> = read.functions.into_iter().flat_map(of_function).collect();
    calls.sort_by(|a, b| b.duration_seconds.total_cmp(&a.duration_seconds));
    calls.truncate(limit);
    Ok(Slowest { window_seconds: read.window_ns as f64 * NS, calls })
}

fn call(function: String, module: String, mut read: ReadCall) -> Call {
    read.steps.sort_by_key(|step| std::cmp::Reverse(step.duration_ns));
    let step = |step: ReadStep| Step {
        kind: step.kind,
        name: step.name,
        depth: step.depth,
        after_seconds: step.after_ns as f64 * NS,
        duration_seconds: step.duration_ns as f64 * NS,
        held_by: step.held_by,
    };
    let mut on_cpu: BTreeMap<String, u64> = BTreeMap::new();
    for innermost in read.samples.iter().filter_map(|sample| sample.frames.last()) {
        *on_cpu.entry(innermost.clone()).or_default() += 1;
    }
    let mut on_cpu: Vec<(String, u64)> = on_cpu.into_iter().collect();
    on_cpu.sort_by_key(|(_, samples)| std::cmp::Reverse(*samples));
    on_cpu.truncate(MOST_FUNCTIONS);
    Call {
        function,
        module,
        began_unix_seconds: read.began_unix_ns as f64 * NS,
        duration_seconds: read.duration_ns as f64 * NS,
        cpu_seconds: read.cpu_ns as f64 * NS,
        allocated_bytes: read.allocated_bytes,
        outcome: read.outcome,
        labels: read.labels.into_iter().collect(),
        trace_id: read.trace_id,
        longest_steps: read.steps.into_iter().take(MOST_STEPS).map(step).collect(),
        on_cpu,
    }
}
