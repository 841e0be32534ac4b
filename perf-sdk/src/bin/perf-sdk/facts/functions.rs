//! Functions, sorted and limited, of a time or since recording began.

use serde::{Deserialize, Serialize};

use crate::client::Client;
use crate::failure::Failure;
use crate::window::{self, Range};

/// What functions are sorted by; the highest first, names from A to Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum Sort {
    /// CPU time of the function itself
    #[default]
    SelfCpu,
    /// time in the function itself
    #[value(name = "self")]
    Own,
    /// time in the function and what it calls
    Total,
    Calls,
    Errors,
    P50,
    P95,
    P99,
    /// bytes allocated in a call
    Bytes,
    /// live memory that it allocated
    Live,
    Name,
}

impl Sort {
    #[cfg(feature = "mcp")]
    pub(crate) const ALL: [Self; 11] = [
        Self::SelfCpu,
        Self::Own,
        Self::Total,
        Self::Calls,
        Self::Errors,
        Self::P50,
        Self::P95,
        Self::P99,
        Self::Bytes,
        Self::Live,
        Self::Name,
    ];

    /// As the endpoint calls it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::SelfCpu => "self_cpu",
            Self::Own => "self",
            Self::Total => "total",
            Self::Calls => "calls",
            Self::Errors => "errors",
            Self::P50 => "p50",
            Self::P95 => "p95",
            Self::P99 => "p99",
            Self::Bytes => "bytes",
            Self::Live => "live",
            Self::Name => "name",
        }
    }

    #[cfg(feature = "mcp")]
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|sort| sort.name() == name)
    }
}

/// Which functions, and of which time.
#[derive(Clone, Debug, Default)]
pub(crate) struct Request {
    pub(crate) sort: Sort,
    /// A part of `module::name`, or a pattern with `*`.
    pub(crate) search: String,
    pub(crate) limit: usize,
    /// Without it, since recording began.
    pub(crate) of: Option<Of>,
}

/// A time.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Of {
    /// The last seconds, by the clock of the program.
    Last(u64),
    Range(Range),
}

/// Some functions.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Functions {
    /// The time that the figures are of, in seconds since 1970. Absent since recording began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) from_unix_seconds: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) to_unix_seconds: Option<u64>,
    /// Whether less is kept than was asked for.
    pub(crate) is_clamped: bool,
    /// All functions of the program, and those that match.
    pub(crate) functions: u64,
    pub(crate) matching: u64,
    pub(crate) sorted_by: &'static str,
    pub(crate) rows: Vec<Function>,
}

/// One function.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Function {
    pub(crate) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) module: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) calls: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) calls_per_second: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) errors: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) p50_seconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) p95_seconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) p99_seconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) total_seconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) self_seconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) self_cpu_seconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) self_cpu_cores: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) bytes_per_call: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) live_bytes: Option<f64>,
    /// Calls that were measured, if not all were: times rest on them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) measured_calls: Option<u64>,
    /// Figures that may be off by more than a fifth.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) uncertain: Vec<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) file: String,
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) line: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(line: &u32) -> bool {
    *line == 0
}

#[derive(Deserialize)]
struct Table {
    from: Option<u64>,
    to: Option<u64>,
    is_clamped: bool,
    functions: u64,
    matching: u64,
    rows: Vec<Row>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Row {
    name: String,
    module: Option<String>,
    file: String,
    line: u32,
    calls: Option<f64>,
    errors: Option<f64>,
    p50_ns: Option<f64>,
    p95_ns: Option<f64>,
    p99_ns: Option<f64>,
    total_ns: Option<f64>,
    self_ns: Option<f64>,
    self_cpu_ns: Option<f64>,
    bytes_per_call: Option<f64>,
    live_bytes: Option<f64>,
    samples: Option<u64>,
    weak: Vec<String>,
}

/// The functions of a time. Without a history they are those since recording began.
pub(crate) fn ask(client: &Client, request: &Request) -> Result<Functions, Failure> {
    let table = asked(client, request)?;
    // A program whose history has nothing yet, or that has none. What is asked of a time in the
    // past is not answered by another one.
    let is_recent = match request.of {
        Some(Of::Last(_)) => true,
        Some(Of::Range(range)) => range.to >= window::now(),
        None => false,
    };
    let is_empty = is_recent && table.rows.is_empty() && table.from == table.to;
    let table = if is_empty { asked(client, &Request { of: None, ..request.clone() })? } else { table };
    let seconds = table.from.zip(table.to).map(|(from, to)| to.saturating_sub(from) as f64).filter(|time| *time > 0.0);
    Ok(Functions {
        from_unix_seconds: table.from,
        to_unix_seconds: table.to,
        is_clamped: table.is_clamped || is_empty,
        functions: table.functions,
        matching: table.matching,
        sorted_by: request.sort.name(),
        rows: table.rows.into_iter().map(|row| function(row, seconds)).collect(),
    })
}

fn asked(client: &Client, request: &Request) -> Result<Table, Failure> {
    let limit = request.limit.to_string();
    let mut query = vec![("sort", request.sort.name()), ("limit", &limit), ("q", &request.search)];
    let (from, to);
    match request.of {
        None => {}
        Some(Of::Last(seconds)) => {
            from = format!("-{seconds}s");
            query.push(("from", &from));
        }
        Some(Of::Range(range)) => {
            (from, to) = (range.from.0.to_string(), range.to.0.to_string());
            query.extend([("from", from.as_str()), ("to", to.as_str())]);
        }
    }
    client.json("/api/v1/functions", &query)
}

fn function(row: Row, seconds: Option<f64>) -> Function {
    let in_seconds = |ns: Option<f64>| ns.map(|ns| ns * 1e-9);
    let per_second = |sum: Option<f64>| Some(sum? / seconds?);
    let is_sampled = row.samples.zip(row.calls).is_some_and(|(samples, calls)| (samples as f64) < calls);
    Function {
        name: row.name,
        module: row.module.filter(|module| !module.is_empty()),
        calls: row.calls,
        calls_per_second: per_second(row.calls),
        errors: row.errors,
        p50_seconds: in_seconds(row.p50_ns),
        p95_seconds: in_seconds(row.p95_ns),
        p99_seconds: in_seconds(row.p99_ns),
        total_seconds: in_seconds(row.total_ns),
        self_seconds: in_seconds(row.self_ns),
        self_cpu_seconds: in_seconds(row.self_cpu_ns),
        self_cpu_cores: per_second(in_seconds(row.self_cpu_ns)),
        bytes_per_call: row.bytes_per_call,
        live_bytes: row.live_bytes,
        measured_calls: row.samples.filter(|_| is_sampled),
        uncertain: row.weak,
        file: row.file,
        line: row.line,
    }
}
