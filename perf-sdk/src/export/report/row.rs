//! The figures of one function.

use serde::Serialize;

use crate::snapshot::{Function, Shown};

/// Calls per second of the last time.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(not(feature = "serve"), allow(dead_code))]
pub(crate) struct Recent {
    pub(crate) from: u32,
    pub(crate) step: u32,
    pub(crate) values: Vec<Option<f64>>,
}

/// The last ten minutes against the same ten minutes of an hour ago.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(not(feature = "serve"), allow(dead_code))]
pub(crate) struct Trend {
    pub(crate) p95_ns: f64,
    pub(crate) p95_before_ns: f64,
    pub(crate) calls: u64,
    pub(crate) calls_before: u64,
}

/// One function in a table. What does not exist is absent, never 0.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Row {
    pub(crate) name: String,
    /// Absent if it is not known: of a window that a file of an earlier version has.
    pub(crate) module: Option<String>,
    pub(crate) file: String,
    pub(crate) line: u32,
    pub(crate) calls: Option<f64>,
    /// Errors and panics.
    pub(crate) errors: Option<f64>,
    pub(crate) cancelled: Option<f64>,
    pub(crate) running: Option<u64>,
    pub(crate) p50_ns: Option<f64>,
    pub(crate) p95_ns: Option<f64>,
    pub(crate) p99_ns: Option<f64>,
    /// Including callees.
    pub(crate) total_ns: Option<f64>,
    /// Excluding profiled callees.
    pub(crate) self_ns: Option<f64>,
    /// CPU time including callees; of a window, excluding them.
    pub(crate) cpu_ns: Option<f64>,
    pub(crate) self_cpu_ns: Option<f64>,
    /// Including callees. Not known of a window.
    pub(crate) bytes_per_call: Option<f64>,
    /// Excluding profiled callees.
    pub(crate) self_bytes_per_call: Option<f64>,
    pub(crate) live_bytes: Option<f64>,
    /// Calls that were measured; times rest on them.
    pub(crate) samples: Option<u64>,
    /// One call in so many is measured; 0: none.
    pub(crate) one_in: Option<u32>,
    /// Standard errors.
    pub(crate) total_error_ns: Option<f64>,
    pub(crate) self_error_ns: Option<f64>,
    /// 95 % intervals, where not every call was measured.
    pub(crate) p50_band_ns: Option<[f64; 2]>,
    pub(crate) p95_band_ns: Option<[f64; 2]>,
    pub(crate) p99_band_ns: Option<[f64; 2]>,
    /// Columns that may be off by more than a fifth.
    pub(crate) weak: Vec<&'static str>,
    pub(crate) estimated_calls: u64,
    pub(crate) rests: bool,
    pub(crate) is_lazy: bool,
    pub(crate) last_error: Option<String>,
    /// Calls per second lately. Absent without a place in the history.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) recent: Option<Recent>,
    /// Absent if an hour ago is not covered.
    pub(crate) change: Option<Trend>,
}

impl Row {
    /// Since recording began.
    pub(crate) fn of(function: &Function) -> Self {
        let calls = function.calls;
        let is_sampled = function.samples < calls.total();
        let band = |q: f64| {
            let quantile = function.quantile(q).filter(|_| is_sampled)?;
            Some([quantile.low, quantile.high])
        };
        let quantile = |q: f64| function.quantile(q).map(|quantile| quantile.ns);
        let has_cpu = function.cpu.is_some();
        let own = function.exclusive;
        Self {
            name: function.name.clone(),
            module: Some(function.module.clone()),
            file: function.file.clone(),
            line: function.line,
            calls: Some(calls.total() as f64),
            errors: Some((calls.error + calls.panic) as f64),
            cancelled: Some(calls.cancelled as f64),
            running: Some(function.running),
            p50_ns: quantile(0.5),
            p95_ns: quantile(0.95),
            p99_ns: quantile(0.99),
            total_ns: Some(function.inclusive.wall_ns.max(0) as f64),
            self_ns: Some(own.wall_ns.max(0) as f64),
            cpu_ns: has_cpu.then_some(function.inclusive.cpu_ns.max(0) as f64),
            self_cpu_ns: has_cpu.then_some(own.cpu_ns.max(0) as f64),
            bytes_per_call: function.bytes.as_ref().and_then(|bytes| bytes.mean()),
            self_bytes_per_call: self_bytes_per_call(function),
            live_bytes: function.live.map(|live| live.bytes as f64),
            samples: Some(function.samples),
            one_in: Some(function.one_in),
            total_error_ns: is_sampled.then_some(function.inclusive_error_ns as f64),
            self_error_ns: is_sampled.then_some(function.exclusive_error_ns as f64),
            p50_band_ns: band(0.5),
            p95_band_ns: band(0.95),
            p99_band_ns: band(0.99),
            weak: weak(function),
            estimated_calls: function.estimated_calls,
            rests: function.rests,
            is_lazy: function.is_lazy,
            last_error: function.last_error.clone(),
            recent: None,
            change: None,
        }
    }
}

/// `None` without calls, or if allocations are not counted.
pub(crate) fn self_bytes_per_call(function: &Function) -> Option<f64> {
    let calls = function.calls.total();
    let is_known = function.bytes.is_some() && calls > 0;
    is_known.then(|| function.exclusive.allocated_bytes.max(0) as f64 / calls as f64)
}

fn weak(function: &Function) -> Vec<&'static str> {
    let is_weak = |shown: Option<Shown>| shown.is_some_and(|shown| shown.is_weak);
    [
        ("p50", Shown::quantile(function, 0.5)),
        ("p95", Shown::quantile(function, 0.95)),
        ("p99", Shown::quantile(function, 0.99)),
        ("total", Some(Shown::total(function))),
        ("self", Some(Shown::own(function))),
        ("cpu", function.cpu.as_ref().map(|_| Shown::cpu(function))),
    ]
    .into_iter()
    .filter(|(_, shown)| is_weak(*shown))
    .map(|(column, _)| column)
    .collect()
}
