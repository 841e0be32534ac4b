//! The metrics: one table, whichever format they are written in. A new metric is a new row.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io;
use std::ops::Range;

use super::floors::{Floor, Raised};
use crate::histogram::Histogram;
use crate::snapshot::{Allocator, ArenaUse, Budget, Exemplar, Finding, Function, Heap, Snapshot, Watched};

/// What a family's numbers mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Only grows. Its name ends in `_total`, or it is the user's and does not.
    Counter,
    Gauge,
    /// Always 1; says something by its labels. Its name ends in `_info`.
    Info,
    Histogram,
    Summary,
    Unknown,
}

/// What is said once of all metrics of one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Head<'a> {
    /// As a query spells it, in every format: with `_total`, with `_info`.
    pub(super) name: Cow<'a, str>,
    pub(super) help: Cow<'a, str>,
    /// The end of the name that is a unit, or nothing.
    pub(super) unit: &'static str,
    pub(super) kind: Kind,
}

/// Labels and a value.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Metric<'a> {
    pub(super) labels: Vec<(&'a str, Cow<'a, str>)>,
    pub(super) value: Value<'a>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value<'a> {
    Number(f64),
    /// One of ours: has native buckets too.
    Distribution {
        histogram: &'a Histogram,
        /// In the base unit; no less than in an earlier scrape.
        sum: f64,
        exemplars: &'a [Exemplar],
    },
    /// Somebody else's: (upper bound, cumulative count), without `+Inf`.
    Buckets {
        buckets: Vec<(f64, u64)>,
        sum: f64,
        count: u64,
    },
    /// (quantile, value).
    Quantiles {
        quantiles: Vec<(f64, f64)>,
        sum: f64,
        count: u64,
    },
}

/// A format. It knows what metrics are; they do not know it.
pub(super) trait Encoding {
    /// Writes one family, or a part of one: `begins` says whether it is the first. Parts of one family follow each other.
    fn family(
        &mut self,
        head: &Head<'_>,
        begins: bool,
        metrics: &mut dyn Iterator<Item = Metric<'_>>,
    ) -> io::Result<()>;
    /// Writes what ends a document.
    fn end(&mut self) -> io::Result<()>;
}

/// What a row is computed from.
#[derive(Clone, Debug)]
pub(super) struct Source<'a> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) floors: &'a Raised,
    /// Of the snapshot's functions.
    pub(super) range: Range<usize>,
}

impl<'a> Source<'a> {
    fn functions(self) -> impl Iterator<Item = (&'a Function, &'a Floor)> {
        let functions = self.snapshot.functions.iter().zip(&self.floors.functions);
        functions.skip(self.range.start).take(self.range.len())
    }
}

type Metrics<'a> = Box<dyn Iterator<Item = Metric<'a>> + 'a>;

/// One of our metrics.
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) help: &'static str,
    pub(super) unit: &'static str,
    pub(super) kind: Kind,
    /// Else of the process.
    pub(super) is_per_function: bool,
    pub(super) metrics: for<'a> fn(Source<'a>) -> Metrics<'a>,
}

impl Row {
    pub(super) fn head(&self) -> Head<'static> {
        Head { name: self.name.into(), help: self.help.into(), unit: self.unit, kind: self.kind }
    }
}

/// All of ours, in the order in which they are written.
pub(super) const ROWS: &[Row] = &[
    Row {
        name: "function_calls_total",
        help: "Finished calls by outcome, exact.",
        unit: "",
        kind: Kind::Counter,
        is_per_function: true,
        metrics: calls,
    },
    Row {
        name: "function_calls_duration_seconds",
        help: "Wall time of finished calls; of a future from its first poll to its end.",
        unit: "seconds",
        kind: Kind::Histogram,
        is_per_function: true,
        metrics: |source| distributions(source, |f, floor| Some((&f.wall, seconds(floor.wall_ns))), |f| &f.exemplars),
    },
    Row {
        name: "function_cpu_seconds",
        help: "CPU time that the calling threads spent in finished calls.",
        unit: "seconds",
        kind: Kind::Histogram,
        is_per_function: true,
        metrics: |source| distributions(source, |f, floor| Some((f.cpu.as_ref()?, seconds(floor.cpu_ns))), |_| &[]),
    },
    Row {
        name: "function_allocated_bytes",
        help: "Bytes requested from the allocator by finished calls, callees included.",
        unit: "bytes",
        kind: Kind::Histogram,
        is_per_function: true,
        metrics: |source| {
            distributions(source, |f, _| f.bytes.as_ref().map(|bytes| (bytes, bytes.sum_in_base_unit())), |_| &[])
        },
    },
    Row {
        name: "function_calls_concurrent",
        help: "Calls running now.",
        unit: "",
        kind: Kind::Gauge,
        is_per_function: true,
        metrics: |source| per_function(source, |f, _| Some(f.running as f64)),
    },
    Row {
        name: "function_self_seconds_total",
        help: "Wall time without profiled callees and without a future's idle time; the highest estimate so far.",
        unit: "seconds",
        kind: Kind::Counter,
        is_per_function: true,
        metrics: |source| per_function(source, |_, floor| Some(seconds(floor.self_wall_ns))),
    },
    Row {
        name: "function_self_cpu_seconds_total",
        help: "CPU time without profiled callees; the highest estimate so far.",
        unit: "seconds",
        kind: Kind::Counter,
        is_per_function: true,
        metrics: |source| per_function(source, |f, floor| f.cpu.as_ref().map(|_| seconds(floor.self_cpu_ns))),
    },
    Row {
        name: "function_idle_seconds_total",
        help: "Time that finished futures spent between polls.",
        unit: "seconds",
        kind: Kind::Counter,
        is_per_function: true,
        metrics: |source| per_function(source, |f, _| f.future.map(|future| seconds(future.idle_ns))),
    },
    Row {
        name: "function_allocations_total",
        help: "Allocations during calls, callees included, reallocations not.",
        unit: "",
        kind: Kind::Counter,
        is_per_function: true,
        metrics: |source| per_function(source, |f, _| f.bytes.as_ref().map(|_| positive(f.inclusive.allocations))),
    },
    Row {
        name: "function_freed_bytes_total",
        help: "Bytes freed during calls, callees included, whoever had allocated them.",
        unit: "bytes",
        kind: Kind::Counter,
        is_per_function: true,
        metrics: |source| per_function(source, |f, _| f.bytes.as_ref().map(|_| positive(f.inclusive.freed_bytes))),
    },
    Row {
        name: "function_samples_total",
        help: "Finished calls that were measured; what is not a count of calls is estimated from them.",
        unit: "",
        kind: Kind::Counter,
        is_per_function: true,
        metrics: |source| per_function(source, |f, _| Some(f.samples as f64)),
    },
    Row {
        name: "function_sample_ratio",
        help: "Share of calls that are measured now.",
        unit: "ratio",
        kind: Kind::Gauge,
        is_per_function: true,
        metrics: |source| {
            per_function(source, |f, _| Some(if f.one_in == 0 { 0.0 } else { 1.0 / f64::from(f.one_in) }))
        },
    },
    Row {
        name: "function_live_bytes",
        help: "Held by allocations that were made in the function, callees not included; an estimate.",
        unit: "bytes",
        kind: Kind::Gauge,
        is_per_function: true,
        metrics: |source| per_function(source, |f, _| f.live.map(|live| live.bytes as f64)),
    },
    Row {
        name: "function_live_objects",
        help: "Allocations that were made in the function, callees not included, and not freed; an estimate.",
        unit: "",
        kind: Kind::Gauge,
        is_per_function: true,
        metrics: |source| per_function(source, |f, _| f.live.map(|live| live.objects as f64)),
    },
    Row {
        name: "perf_heap_info",
        help: "Whether the live heap is sampled, or why not.",
        unit: "",
        kind: Kind::Info,
        is_per_function: false,
        metrics: heap_state,
    },
    Row {
        name: "perf_heap_sample_bytes",
        help: "One allocation in so many bytes is sampled.",
        unit: "bytes",
        kind: Kind::Gauge,
        is_per_function: false,
        metrics: |source| heap(source, |heap| heap.sample_bytes),
    },
    Row {
        name: "perf_heap_unowned_bytes",
        help: "Held by allocations that were made in no profiled function; an estimate.",
        unit: "bytes",
        kind: Kind::Gauge,
        is_per_function: false,
        metrics: |source| heap(source, |heap| heap.unowned.bytes),
    },
    Row {
        name: "leak_suspect_bytes",
        help: "Held by old allocations that were judged a leak or nearly, and resident memory that is not allocated, by verdict; an estimate.",
        unit: "bytes",
        kind: Kind::Gauge,
        is_per_function: false,
        metrics: |source| {
            leaks(
                source,
                |finding| finding.below_bytes > 0 || finding.watched == Watched::Resident,
                |finding| finding.retained_bytes,
            )
        },
    },
    Row {
        name: "leak_suspect_objects",
        help: "Things that were judged a leak or nearly, by verdict; an estimate where memory is sampled.",
        unit: "",
        kind: Kind::Gauge,
        is_per_function: false,
        metrics: |source| leaks(source, |finding| finding.watched != Watched::Resident, |finding| finding.objects),
    },
    Row {
        name: "leak_windows_total",
        help: "Looks at what is held.",
        unit: "",
        kind: Kind::Counter,
        is_per_function: false,
        metrics: |source| {
            let windows = source.snapshot.leaks.as_ref().map(|leaks| Value::Number(leaks.windows as f64));
            Box::new(windows.into_iter().map(|value| Metric { labels: Vec::new(), value }))
        },
    },
    Row {
        name: "allocator_allocated_bytes",
        help: "Allocated from jemalloc and not freed, usable sizes.",
        unit: "bytes",
        kind: Kind::Gauge,
        is_per_function: false,
        metrics: |source| allocator(source, |allocator| Some(allocator.allocated_bytes as f64)),
    },
    Row {
        name: "allocator_active_bytes",
        help: "Pages of jemalloc's that hold something allocated.",
        unit: "bytes",
        kind: Kind::Gauge,
        is_per_function: false,
        metrics: |source| allocator(source, |allocator| Some(allocator.active_bytes as f64)),
    },
    Row {
        name: "allocator_resident_bytes",
        help: "Physical memory that jemalloc occupies, at most.",
        unit: "bytes",
        kind: Kind::Gauge,
        is_per_function: false,
        metrics: |source| allocator(source, |allocator| Some(allocator.resident_bytes as f64)),
    },
    Row {
        name: "allocator_mapped_bytes",
        help: "Memory in jemalloc's active extents.",
        unit: "bytes",
        kind: Kind::Gauge,
        is_per_function: false,
        metrics: |source| allocator(source, |allocator| Some(allocator.mapped_bytes as f64)),
    },
    Row {
        name: "allocator_retained_bytes",
        help: "Address space that jemalloc keeps for later, without memory behind it.",
        unit: "bytes",
        kind: Kind::Gauge,
        is_per_function: false,
        metrics: |source| allocator(source, |allocator| Some(allocator.retained_bytes as f64)),
    },
    Row {
        name: "allocator_metadata_bytes",
        help: "jemalloc's book-keeping.",
        unit: "bytes",
        kind: Kind::Gauge,
        is_per_function: false,
        metrics: |source| allocator(source, |allocator| Some(allocator.metadata_bytes as f64)),
    },
    Row {
        name: "allocator_fragmentation_ratio",
        help: "Part of the active pages in which nothing is allocated.",
        unit: "ratio",
        kind: Kind::Gauge,
        is_per_function: false,
        metrics: |source| allocator(source, Allocator::fragmentation_ratio),
    },
    Row {
        name: "allocator_arena_allocated_bytes",
        help: "Allocated from one of jemalloc's arenas and not freed.",
        unit: "bytes",
        kind: Kind::Gauge,
        is_per_function: false,
        metrics: |source| arenas(source, |arena| arena.allocated_bytes as f64),
    },
    Row {
        name: "allocator_arena_active_bytes",
        help: "Pages of one of jemalloc's arenas that hold something allocated.",
        unit: "bytes",
        kind: Kind::Gauge,
        is_per_function: false,
        metrics: |source| arenas(source, |arena| arena.active_bytes as f64),
    },
    Row {
        name: "perf_sites",
        help: "Annotated places that ran at least once.",
        unit: "",
        kind: Kind::Gauge,
        is_per_function: false,
        metrics: |source| single(source.snapshot.profiler.sites as f64),
    },
    Row {
        name: "perf_threads",
        help: "Threads that recorded something and live.",
        unit: "",
        kind: Kind::Gauge,
        is_per_function: false,
        metrics: |source| single(source.snapshot.profiler.threads as f64),
    },
    Row {
        name: "perf_memory_bytes",
        help: "Memory held by the recorder.",
        unit: "bytes",
        kind: Kind::Gauge,
        is_per_function: false,
        metrics: |source| single(source.snapshot.profiler.memory_bytes as f64),
    },
    Row {
        name: "perf_memory_limit_bytes",
        help: "What the recorder may hold.",
        unit: "bytes",
        kind: Kind::Gauge,
        is_per_function: false,
        metrics: |source| single(source.snapshot.profiler.memory_limit_bytes as f64),
    },
    Row {
        name: "perf_dropped_total",
        help: "What could not be recorded, by reason.",
        unit: "",
        kind: Kind::Counter,
        is_per_function: false,
        metrics: dropped,
    },
    Row {
        name: "perf_cpu_clock_info",
        help: "How thread CPU time is read.",
        unit: "",
        kind: Kind::Info,
        is_per_function: false,
        metrics: cpu_clock,
    },
    Row {
        name: "perf_overhead_budget_ratio",
        help: "Share of the process's CPU time that recording may take.",
        unit: "ratio",
        kind: Kind::Gauge,
        is_per_function: false,
        metrics: |source| budget(source, |budget| budget.allowed),
    },
    Row {
        name: "perf_overhead_ratio",
        help: "Share of the process's CPU time that recording takes, scrapes and the profiler's own threads included; an estimate.",
        unit: "ratio",
        kind: Kind::Gauge,
        is_per_function: false,
        metrics: |source| budget(source, |budget| budget.achieved),
    },
    Row {
        name: "perf_overhead_floor_ratio",
        help: "Of that, what counting calls takes, which measuring fewer of them cannot save.",
        unit: "ratio",
        kind: Kind::Gauge,
        is_per_function: false,
        metrics: |source| budget(source, |budget| budget.floor),
    },
    Row {
        name: "function_counting_ratio",
        help: "Share of the process's CPU time that counting its calls takes, of the functions to which most of the floor is due.",
        unit: "ratio",
        kind: Kind::Gauge,
        is_per_function: false,
        metrics: counting,
    },
    Row {
        name: "perf_overhead_seconds_total",
        help: "Estimated time that recording itself cost.",
        unit: "seconds",
        kind: Kind::Counter,
        is_per_function: false,
        metrics: |source| single(seconds(source.floors.overhead_ns)),
    },
];

fn seconds(ns: u64) -> f64 {
    ns as f64 / 1e9
}

fn positive(n: i64) -> f64 {
    n.max(0) as f64
}

fn labels(function: &Function) -> Vec<(&'static str, Cow<'_, str>)> {
    vec![("function", function.name.as_str().into()), ("module", function.module.as_str().into())]
}

fn single<'a>(value: f64) -> Metrics<'a> {
    Box::new(std::iter::once(Metric { labels: Vec::new(), value: Value::Number(value) }))
}

fn budget<'a>(source: Source<'a>, value: fn(Budget) -> f64) -> Metrics<'a> {
    let value = source.snapshot.profiler.budget.map(value);
    Box::new(value.into_iter().map(|value| Metric { labels: Vec::new(), value: Value::Number(value) }))
}

fn allocator<'a>(source: Source<'a>, value: fn(&Allocator) -> Option<f64>) -> Metrics<'a> {
    let value = source.snapshot.allocator.as_ref().and_then(value);
    Box::new(value.into_iter().map(|value| Metric { labels: Vec::new(), value: Value::Number(value) }))
}

fn heap<'a>(source: Source<'a>, value: fn(&Heap) -> u64) -> Metrics<'a> {
    let value = source.snapshot.heap.as_ref().map(value);
    Box::new(value.into_iter().map(|value| Metric { labels: Vec::new(), value: Value::Number(value as f64) }))
}

fn heap_state(source: Source<'_>) -> Metrics<'_> {
    let state = source.snapshot.profiler.heap.as_str();
    Box::new(
        (!state.is_empty())
            .then(|| Metric { labels: vec![("state", state.into())], value: Value::Number(1.0) })
            .into_iter(),
    )
}

/// Findings with equal labels are summed.
fn leaks<'a>(source: Source<'a>, is_meant: fn(&Finding) -> bool, value: fn(&Finding) -> u64) -> Metrics<'a> {
    let findings = source.snapshot.leaks.iter().flat_map(|leaks| &leaks.findings);
    let mut sums: BTreeMap<(&str, &str, &str, &str), u64> = BTreeMap::new();
    for finding in findings.filter(|finding| is_meant(finding)) {
        let (watched, verdict) = (finding.watched.name(), finding.verdict.name());
        *sums.entry((&finding.module, &finding.function, watched, verdict)).or_default() += value(finding);
    }
    Box::new(sums.into_iter().map(|((module, function, watched, verdict), sum)| Metric {
        labels: vec![
            ("function", function.into()),
            ("module", module.into()),
            ("watched", watched.into()),
            ("verdict", verdict.into()),
        ],
        value: Value::Number(sum as f64),
    }))
}

fn arenas<'a>(source: Source<'a>, value: fn(&ArenaUse) -> f64) -> Metrics<'a> {
    let arenas = source.snapshot.allocator.iter().flat_map(|allocator| &allocator.arenas);
    Box::new(arenas.map(move |arena| Metric {
        labels: vec![("arena", arena.index.to_string().into())],
        value: Value::Number(value(arena)),
    }))
}

fn per_function<'a>(source: Source<'a>, value: fn(&'a Function, &'a Floor) -> Option<f64>) -> Metrics<'a> {
    Box::new(source.functions().filter_map(move |(function, floor)| {
        let value = Value::Number(value(function, floor)?);
        Some(Metric { labels: labels(function), value })
    }))
}

fn distributions<'a>(
    source: Source<'a>,
    histogram: fn(&'a Function, &'a Floor) -> Option<(&'a Histogram, f64)>,
    exemplars: fn(&'a Function) -> &'a [Exemplar],
) -> Metrics<'a> {
    Box::new(source.functions().filter_map(move |(function, floor)| {
        let (histogram, sum) = histogram(function, floor)?;
        let value = Value::Distribution { histogram, sum, exemplars: exemplars(function) };
        Some(Metric { labels: labels(function), value })
    }))
}

/// Outcomes that never happened are there as 0, so that the first one is an increase; a plain function cannot be cancelled.
fn calls(source: Source<'_>) -> Metrics<'_> {
    Box::new(source.functions().flat_map(|(function, _)| {
        let calls = function.calls;
        let may_be_cancelled = function.future.is_some() || calls.cancelled > 0;
        [
            ("ok", Some(calls.ok)),
            ("error", Some(calls.error)),
            ("panic", Some(calls.panic)),
            ("cancelled", may_be_cancelled.then_some(calls.cancelled)),
        ]
        .into_iter()
        .filter_map(move |(result, count)| {
            let mut labels = labels(function);
            labels.push(("result", result.into()));
            Some(Metric { labels, value: Value::Number(count? as f64) })
        })
    }))
}

fn dropped(source: Source<'_>) -> Metrics<'_> {
    Box::new(source.snapshot.profiler.dropped.iter().map(|(reason, count)| Metric {
        labels: vec![("reason", reason.as_str().into())],
        value: Value::Number(*count as f64),
    }))
}

fn counting(source: Source<'_>) -> Metrics<'_> {
    Box::new(source.snapshot.profiler.counted.iter().map(|counted| Metric {
        labels: vec![("function", counted.name.as_str().into()), ("module", counted.module.as_str().into())],
        value: Value::Number(counted.share),
    }))
}

fn cpu_clock(source: Source<'_>) -> Metrics<'_> {
    let engine = source.snapshot.profiler.cpu_clock.as_str();
    Box::new(
        (!engine.is_empty())
            .then(|| Metric { labels: vec![("engine", engine.into())], value: Value::Number(1.0) })
            .into_iter(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_end_as_their_kind_and_unit_demand() {
        for row in ROWS {
            assert_eq!(row.name.ends_with("_total"), row.kind == Kind::Counter, "{}", row.name);
            assert_eq!(row.name.ends_with("_info"), row.kind == Kind::Info, "{}", row.name);
            let stem = row.name.strip_suffix("_total").unwrap_or(row.name);
            assert!(row.unit.is_empty() || stem.ends_with(&format!("_{}", row.unit)), "{}", row.name);
            assert!(row.help.ends_with('.'), "{}", row.name);
        }
    }
}
