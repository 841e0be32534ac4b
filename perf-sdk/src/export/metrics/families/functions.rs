//! Metrics of functions.

use crate::export::metrics::family::{Distributed, Kind, Metric, Value};
use crate::export::metrics::floors::Floor;
use crate::export::metrics::row::{Metrics, Of, Row, Source, seconds};
use crate::histogram::Histogram;
use crate::snapshot::{Figures, FunctionPart, InstrumentUse};

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "function_calls_total",
        help: "Finished calls by outcome. Exact, except for those in function_estimated_calls_total.",
        unit: "",
        kind: Kind::Counter,
        of: Of::Functions(FunctionPart::Figures),
        metrics: calls,
    },
    Row {
        name: "function_estimated_calls_total",
        help: "Finished calls that were estimated, because the function is called too often to be counted.",
        unit: "",
        kind: Kind::Counter,
        of: Of::Functions(FunctionPart::Figures),
        metrics: |source| per_function(source, |f, _| some(f.rare().estimated_calls)),
    },
    Row {
        name: "function_calls_duration_seconds",
        help: "Wall time of finished calls. Of a future, from its first poll to its end.",
        unit: "seconds",
        kind: Kind::Histogram,
        of: Of::Functions(FunctionPart::Wall),
        metrics: |source| distributions(source, |_, floor| seconds(floor.wall_ns)),
    },
    Row {
        name: "function_cpu_seconds",
        help: "CPU time of the calling threads in finished calls.",
        unit: "seconds",
        kind: Kind::Histogram,
        of: Of::Functions(FunctionPart::Cpu),
        metrics: |source| distributions(source, |_, floor| seconds(floor.cpu_ns)),
    },
    Row {
        name: "function_allocated_bytes",
        help: "Bytes requested from the allocator in finished calls, including callees.",
        unit: "bytes",
        kind: Kind::Histogram,
        of: Of::Functions(FunctionPart::Bytes),
        metrics: |source| distributions(source, |bytes, _| bytes.sum_in_base_unit()),
    },
    Row {
        name: "function_calls_concurrent",
        help: "Calls running now.",
        unit: "",
        kind: Kind::Gauge,
        of: Of::Functions(FunctionPart::Figures),
        metrics: |source| per_function(source, |f, _| Some(f.rare().running as f64)),
    },
    Row {
        name: "function_self_seconds_total",
        help: "Wall time excluding profiled callees and a future's idle time. High-water mark of the estimate.",
        unit: "seconds",
        kind: Kind::Counter,
        of: Of::Functions(FunctionPart::Figures),
        metrics: |source| per_function(source, |_, floor| Some(seconds(floor.self_wall_ns))),
    },
    Row {
        name: "function_self_cpu_seconds_total",
        help: "CPU time excluding profiled callees. High-water mark of the estimate.",
        unit: "seconds",
        kind: Kind::Counter,
        of: Of::Functions(FunctionPart::Figures),
        metrics: |source| per_function(source, |f, floor| f.has_cpu.then(|| seconds(floor.self_cpu_ns))),
    },
    Row {
        name: "function_self_error_seconds",
        help: "Standard error of the wall time excluding profiled callees, where not every call is measured.",
        unit: "seconds",
        kind: Kind::Gauge,
        of: Of::Functions(FunctionPart::Figures),
        metrics: |source| per_function(source, |f, _| Some(seconds(f.self_error_ns))),
    },
    Row {
        name: "function_sampled_cpu_seconds_total",
        help: "CPU time excluding profiled callees, from stack samples.",
        unit: "seconds",
        kind: Kind::Counter,
        of: Of::Functions(FunctionPart::Figures),
        metrics: |source| {
            per_function(source, |f, _| (f.rare().stack_samples > 0).then(|| seconds(f.rare().sampled_cpu_ns)))
        },
    },
    Row {
        name: "function_sampled_cpu_ratio",
        help: "CPU time from stack samples, divided by the recorded CPU time, both excluding profiled callees. Absent below 20 samples.",
        unit: "ratio",
        kind: Kind::Gauge,
        of: Of::Functions(FunctionPart::Figures),
        metrics: |source| per_function(source, |f, _| f.sampled_cpu_ratio()),
    },
    Row {
        name: "function_lock_contentions_total",
        help: "Waits for a Mutex or an RwLock of perf_sdk::sync, excluding callees.",
        unit: "",
        kind: Kind::Counter,
        of: Of::Functions(FunctionPart::Figures),
        metrics: |source| per_function(source, |f, _| waits(f, f.rare().lock_contentions as f64)),
    },
    Row {
        name: "function_lock_wait_seconds_total",
        help: "Time spent waiting for a Mutex or an RwLock of perf_sdk::sync, excluding callees.",
        unit: "seconds",
        kind: Kind::Counter,
        of: Of::Functions(FunctionPart::Figures),
        metrics: |source| per_function(source, |f, _| waits(f, seconds(f.rare().lock_wait_ns))),
    },
    Row {
        name: "function_instrument_operations_total",
        help: "Lookups, checkouts, items sent and received, reads and writes of a watched cache, pool, queue or reader, excluding callees.",
        unit: "",
        kind: Kind::Counter,
        of: Of::Functions(FunctionPart::Figures),
        metrics: |source| per_instrument(source, |used| Some(used.operations as f64)),
    },
    Row {
        name: "function_instrument_bytes_total",
        help: "Bytes read from and written to a watched reader or writer, excluding callees.",
        unit: "bytes",
        kind: Kind::Counter,
        of: Of::Functions(FunctionPart::Figures),
        metrics: |source| per_instrument(source, |used| (used.bytes > 0).then_some(used.bytes as f64)),
    },
    Row {
        name: "function_instrument_wait_seconds_total",
        help: "Time spent waiting for a watched cache, pool, queue or reader, excluding callees.",
        unit: "seconds",
        kind: Kind::Counter,
        of: Of::Functions(FunctionPart::Figures),
        metrics: |source| per_instrument(source, |used| Some(seconds(used.wait_ns))),
    },
    Row {
        name: "function_idle_seconds_total",
        help: "Time that finished futures spent between polls.",
        unit: "seconds",
        kind: Kind::Counter,
        of: Of::Functions(FunctionPart::Figures),
        metrics: |source| per_function(source, |f, _| f.is_future.then(|| seconds(f.rare().idle_ns))),
    },
    Row {
        name: "function_allocations_total",
        help: "Allocations during calls, including callees, excluding reallocations.",
        unit: "",
        kind: Kind::Counter,
        of: Of::Functions(FunctionPart::Figures),
        metrics: |source| per_function(source, |f, _| f.has_bytes.then(|| positive(f.allocations))),
    },
    Row {
        name: "function_freed_bytes_total",
        help: "Bytes freed during calls, including callees, whichever function allocated them.",
        unit: "bytes",
        kind: Kind::Counter,
        of: Of::Functions(FunctionPart::Figures),
        metrics: |source| per_function(source, |f, _| f.has_bytes.then(|| positive(f.freed_bytes))),
    },
    Row {
        name: "function_samples_total",
        help: "Finished calls that were measured. All sums except counts of calls are estimated from them.",
        unit: "",
        kind: Kind::Counter,
        of: Of::Functions(FunctionPart::Figures),
        metrics: |source| per_function(source, |f, _| Some(f.samples as f64)),
    },
    Row {
        name: "function_sample_ratio",
        help: "Share of calls that are measured now.",
        unit: "ratio",
        kind: Kind::Gauge,
        of: Of::Functions(FunctionPart::Figures),
        metrics: |source| {
            per_function(source, |f, _| Some(if f.one_in == 0 { 0.0 } else { 1.0 / f64::from(f.one_in) }))
        },
    },
    Row {
        name: "function_live_bytes",
        help: "Bytes of live allocations that were made in the function, excluding callees. Estimated.",
        unit: "bytes",
        kind: Kind::Gauge,
        of: Of::Functions(FunctionPart::Figures),
        metrics: |source| per_function(source, |f, _| f.has_live.then(|| f.rare().live_bytes as f64)),
    },
    Row {
        name: "function_live_objects",
        help: "Live allocations that were made in the function, excluding callees. Estimated.",
        unit: "",
        kind: Kind::Gauge,
        of: Of::Functions(FunctionPart::Figures),
        metrics: |source| per_function(source, |f, _| f.has_live.then(|| f.rare().live_objects as f64)),
    },
];

fn some(count: u64) -> Option<f64> {
    (count > 0).then_some(count as f64)
}

/// A function that never waited has no such metric; that is true of most functions.
fn waits(function: &Figures<'_>, value: f64) -> Option<f64> {
    (function.rare().lock_contentions > 0).then_some(value)
}

fn positive(n: i64) -> f64 {
    n.max(0) as f64
}

/// One for each function and instrument that it used.
fn per_instrument<'a>(source: Source<'a>, value: fn(&'a InstrumentUse) -> Option<f64>) -> Metrics<'a> {
    Box::new(source.functions().flat_map(move |(function, _)| {
        function.rare().instruments.iter().filter_map(move |used| {
            let labels = vec![("kind", used.kind.as_str().into()), ("instrument", used.name.as_str().into())];
            Some(Metric { function: Some(function), labels, value: Value::Number(value(used)?) })
        })
    }))
}

fn per_function<'a>(source: Source<'a>, value: fn(&'a Figures<'a>, &'a Floor) -> Option<f64>) -> Metrics<'a> {
    Box::new(source.functions().filter_map(move |(function, floor)| {
        let value = Value::Number(value(function, floor)?);
        Some(Metric { function: Some(function), labels: Vec::new(), value })
    }))
}

/// `sum`: in the base unit.
fn distributions<'a>(source: Source<'a>, sum: fn(&Histogram, &Floor) -> f64) -> Metrics<'a> {
    let distributions = source.distributions;
    Box::new(source.functions().zip(distributions).filter_map(move |((function, floor), distribution)| {
        let Distributed { histogram, exemplars } = *distribution;
        let histogram = histogram?;
        let value = Value::Distribution { histogram, sum: sum(histogram, floor), exemplars };
        Some(Metric { function: Some(function), labels: Vec::new(), value })
    }))
}

/// Outcomes that never occurred are exported as 0, so that the first one is an increase. A plain
/// function cannot be cancelled.
fn calls(source: Source<'_>) -> Metrics<'_> {
    Box::new(source.functions().flat_map(|(function, _)| {
        let rare = function.rare();
        let may_be_cancelled = function.is_future || rare.cancelled > 0;
        [
            ("ok", Some(function.ok)),
            ("error", Some(rare.error)),
            ("panic", Some(rare.panic)),
            ("cancelled", may_be_cancelled.then_some(rare.cancelled)),
        ]
        .into_iter()
        .filter_map(move |(result, count)| {
            let labels = vec![("result", result.into())];
            Some(Metric { function: Some(function), labels, value: Value::Number(count? as f64) })
        })
    }))
}
