//! Functions, sorted and limited, of a time or since recording began.

use std::collections::HashMap;

use perf_sdk::snapshot::{self, Snapshot};
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
    /// bytes that a call allocates, with callees; not known of a range
    Bytes,
    /// bytes that a call itself allocates
    SelfBytes,
    /// live memory that it allocated
    Live,
    Name,
}

impl Sort {
    /// `None` by name, and where it is not known.
    fn value(self, row: &Function) -> Option<f64> {
        match self {
            Self::SelfCpu => row.self_cpu_seconds,
            Self::Own => row.self_seconds,
            Self::Total => row.total_seconds,
            Self::Calls => row.calls,
            Self::Errors => row.errors,
            Self::P50 => row.p50_seconds,
            Self::P95 => row.p95_seconds,
            Self::P99 => row.p99_seconds,
            Self::Bytes => row.bytes_per_call,
            Self::SelfBytes => row.self_bytes_per_call,
            Self::Live => row.live_bytes,
            Self::Name => None,
        }
    }

    #[cfg(feature = "mcp")]
    pub(crate) const ALL: [Self; 12] = [
        Self::SelfCpu,
        Self::Own,
        Self::Total,
        Self::Calls,
        Self::Errors,
        Self::P50,
        Self::P95,
        Self::P99,
        Self::Bytes,
        Self::SelfBytes,
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
            Self::SelfBytes => "self_bytes",
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
    /// With callees. Not known of a range.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) bytes_per_call: Option<f64>,
    /// Without profiled callees.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) self_bytes_per_call: Option<f64>,
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
    self_bytes_per_call: Option<f64>,
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

/// The functions of a file: all of the time that it is of.
pub(crate) fn of_snapshot(snapshot: &Snapshot, request: &Request) -> Functions {
    let to = snapshot.taken_at_unix_ns / 1_000_000_000;
    let seconds = snapshot.window_ns as f64 * 1e-9;
    let all = snapshot.functions.iter().filter(|function| is_meant(&request.search, &function.module, &function.name));
    let mut rows: Vec<Function> =
        all.map(|one| function(Row::of(one), Some(seconds).filter(|time| *time > 0.0))).collect();
    let by = |row: &Function| request.sort.value(row);
    rows.sort_by(|a, b| {
        let by_value = match (by(a), by(b)) {
            (Some(a), Some(b)) => b.total_cmp(&a),
            (a, b) => b.is_some().cmp(&a.is_some()),
        };
        by_value.then_with(|| (&a.name, &a.module).cmp(&(&b.name, &b.module)))
    });
    let matching = rows.len() as u64;
    rows.truncate(request.limit);
    Functions {
        from_unix_seconds: Some(to.saturating_sub(seconds.round() as u64)),
        to_unix_seconds: Some(to),
        is_clamped: false,
        functions: snapshot.functions.len() as u64,
        matching,
        sorted_by: request.sort.name(),
        rows,
    }
}

/// As the endpoint searches.
fn is_meant(search: &str, module: &str, name: &str) -> bool {
    let (full, name, search) = (format!("{module}::{name}").to_lowercase(), name.to_lowercase(), search.to_lowercase());
    match search.contains('*') {
        true => is_like(&search, &full) || is_like(&search, &name),
        false => full.contains(&search),
    }
}

/// Whether a pattern, in which `*` is any text, is that of all of the text.
fn is_like(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = text.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let mut last = None;
    for part in parts {
        if let Some(middle) = last.replace(part) {
            let Some(at) = rest.find(middle) else { return false };
            rest = &rest[at + middle.len()..];
        }
    }
    last.map_or(rest.is_empty(), |end: &str| rest.ends_with(end))
}

/// What functions are called in a table: the name, or `module::name` if several of them have it.
pub(crate) fn titles(rows: &[Function]) -> Vec<String> {
    let mut of_name: HashMap<&str, u32> = HashMap::new();
    rows.iter().for_each(|row| *of_name.entry(&row.name).or_default() += 1);
    let title = |row: &Function| match &row.module {
        Some(module) if of_name.get(row.name.as_str()).is_some_and(|number| *number > 1) => {
            format!("{module}::{}", row.name)
        }
        _ => row.name.clone(),
    };
    rows.iter().map(title).collect()
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

impl Row {
    fn of(function: &snapshot::Function) -> Self {
        let calls = function.calls.total();
        let quantile = |q: f64| function.quantile(q).map(|quantile| quantile.ns);
        let has_cpu = function.cpu.is_some();
        let own = function.exclusive;
        let own_bytes = function.bytes.is_some() && calls > 0;
        Self {
            name: function.name.clone(),
            module: Some(function.module.clone()),
            file: function.file.clone(),
            line: function.line,
            calls: Some(calls as f64),
            errors: Some((function.calls.error + function.calls.panic) as f64),
            p50_ns: quantile(0.5),
            p95_ns: quantile(0.95),
            p99_ns: quantile(0.99),
            total_ns: Some(function.inclusive.wall_ns.max(0) as f64),
            self_ns: Some(own.wall_ns.max(0) as f64),
            self_cpu_ns: has_cpu.then_some(own.cpu_ns.max(0) as f64),
            bytes_per_call: function.bytes.as_ref().and_then(|bytes| bytes.mean()),
            self_bytes_per_call: own_bytes.then(|| own.allocated_bytes.max(0) as f64 / calls as f64),
            live_bytes: function.live.map(|live| live.bytes as f64),
            samples: Some(function.samples),
            weak: Vec::new(),
        }
    }
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
        self_bytes_per_call: row.self_bytes_per_call,
        live_bytes: row.live_bytes,
        measured_calls: row.samples.filter(|_| is_sampled),
        uncertain: row.weak,
        file: row.file,
        line: row.line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_those_of_all_of_a_name() {
        for (pattern, text, is_meant) in [
            ("a*", "abc", true),
            ("*c", "abc", true),
            ("a*c", "ac", true),
            ("a*b*c", "a-b-b-c", true),
            ("*", "", true),
            ("a*c", "abcd", false),
            ("*b*a", "abc", false),
            ("ab*bc", "abc", false),
        ] {
            assert_eq!(is_like(pattern, text), is_meant, "{pattern} of {text}");
        }
        assert!(is_meant("CART", "shop", "Cart::add") && is_meant("cart*", "shop", "Cart::add"));
        assert!(is_meant("", "shop", "add") && !is_meant("add*", "shop", "Cart::add"));
    }

    #[test]
    fn functions_of_one_name_are_told_apart_and_others_have_their_name_only() {
        let of = |module: &str, name: &str| Function {
            name: name.to_owned(),
            module: Some(module.to_owned()).filter(|module| !module.is_empty()),
            ..Function::default()
        };
        let rows = [of("a", "run"), of("b", "run"), of("b", "stop"), of("", "run")];
        assert_eq!(titles(&rows), ["a::run", "b::run", "stop", "run"]);
    }
}
