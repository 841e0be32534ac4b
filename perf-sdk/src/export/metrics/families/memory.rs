//! Metrics of the live heap, of leaks, and of jemalloc.

use std::collections::BTreeMap;

use crate::export::metrics::family::{Kind, Metric, Value};
use crate::export::metrics::row::{Metrics, Of, Row, Source, optional};
use crate::snapshot::{Allocator, ArenaUse, Heap, LeakFinding, LeakSubject, SamplingState};

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "perf_heap_info",
        help: "Whether the live heap is sampled, or the reason why not.",
        unit: "",
        kind: Kind::Info,
        of: Of::Process,
        metrics: heap_state,
    },
    Row {
        name: "perf_heap_sample_bytes",
        help: "Mean number of allocated bytes for one sampled allocation.",
        unit: "bytes",
        kind: Kind::Gauge,
        of: Of::Process,
        metrics: |source| heap(source, |heap| heap.sample_bytes),
    },
    Row {
        name: "perf_heap_unowned_bytes",
        help: "Bytes of live allocations that were made outside of all profiled functions. Estimated.",
        unit: "bytes",
        kind: Kind::Gauge,
        of: Of::Process,
        metrics: |source| heap(source, |heap| heap.unowned.bytes),
    },
    Row {
        name: "leak_suspect_bytes",
        help: "Bytes of old live allocations in findings of the leak detector, and of resident memory that is not allocated, by verdict. Estimated.",
        unit: "bytes",
        kind: Kind::Gauge,
        of: Of::Process,
        metrics: |source| {
            leaks(
                source,
                |finding| finding.below_bytes > 0 || finding.watched == LeakSubject::Resident,
                |finding| finding.retained_bytes,
            )
        },
    },
    Row {
        name: "leak_suspect_objects",
        help: "Objects in findings of the leak detector, by verdict. Estimated for sampled memory.",
        unit: "",
        kind: Kind::Gauge,
        of: Of::Process,
        metrics: |source| leaks(source, |finding| finding.watched != LeakSubject::Resident, |finding| finding.objects),
    },
    Row {
        name: "leak_windows_total",
        help: "Evaluations of the leak detector.",
        unit: "",
        kind: Kind::Counter,
        of: Of::Process,
        metrics: |source| optional(source.snapshot.leaks.as_ref().map(|leaks| leaks.windows as f64)),
    },
    Row {
        name: "allocator_allocated_bytes",
        help: "Bytes allocated from jemalloc and not freed, as usable sizes.",
        unit: "bytes",
        kind: Kind::Gauge,
        of: Of::Process,
        metrics: |source| allocator(source, |allocator| Some(allocator.allocated_bytes as f64)),
    },
    Row {
        name: "allocator_active_bytes",
        help: "Bytes in jemalloc's active pages, which contain allocations.",
        unit: "bytes",
        kind: Kind::Gauge,
        of: Of::Process,
        metrics: |source| allocator(source, |allocator| Some(allocator.active_bytes as f64)),
    },
    Row {
        name: "allocator_resident_bytes",
        help: "Upper bound of jemalloc's physical memory.",
        unit: "bytes",
        kind: Kind::Gauge,
        of: Of::Process,
        metrics: |source| allocator(source, |allocator| Some(allocator.resident_bytes as f64)),
    },
    Row {
        name: "allocator_mapped_bytes",
        help: "Memory in jemalloc's active extents.",
        unit: "bytes",
        kind: Kind::Gauge,
        of: Of::Process,
        metrics: |source| allocator(source, |allocator| Some(allocator.mapped_bytes as f64)),
    },
    Row {
        name: "allocator_retained_bytes",
        help: "Address space that jemalloc retains for reuse, without physical memory.",
        unit: "bytes",
        kind: Kind::Gauge,
        of: Of::Process,
        metrics: |source| allocator(source, |allocator| Some(allocator.retained_bytes as f64)),
    },
    Row {
        name: "allocator_metadata_bytes",
        help: "jemalloc's book-keeping.",
        unit: "bytes",
        kind: Kind::Gauge,
        of: Of::Process,
        metrics: |source| allocator(source, |allocator| Some(allocator.metadata_bytes as f64)),
    },
    Row {
        name: "allocator_fragmentation_ratio",
        help: "Share of the active pages that is not allocated.",
        unit: "ratio",
        kind: Kind::Gauge,
        of: Of::Process,
        metrics: |source| allocator(source, Allocator::fragmentation_ratio),
    },
    Row {
        name: "allocator_arena_allocated_bytes",
        help: "Bytes allocated from one of jemalloc's arenas and not freed.",
        unit: "bytes",
        kind: Kind::Gauge,
        of: Of::Process,
        metrics: |source| arenas(source, |arena| arena.allocated_bytes as f64),
    },
    Row {
        name: "allocator_arena_active_bytes",
        help: "Bytes in the active pages of one of jemalloc's arenas.",
        unit: "bytes",
        kind: Kind::Gauge,
        of: Of::Process,
        metrics: |source| arenas(source, |arena| arena.active_bytes as f64),
    },
];

fn allocator<'a>(source: Source<'a>, value: fn(&Allocator) -> Option<f64>) -> Metrics<'a> {
    optional(source.snapshot.allocator.as_ref().and_then(value))
}

fn heap<'a>(source: Source<'a>, value: fn(&Heap) -> u64) -> Metrics<'a> {
    optional(source.snapshot.heap.as_ref().map(|heap| value(heap) as f64))
}

fn heap_state(source: Source<'_>) -> Metrics<'_> {
    let state = &source.snapshot.profiler.heap;
    let metric =
        || Metric { function: None, labels: vec![("state", state.to_string().into())], value: Value::Number(1.0) };
    Box::new((*state != SamplingState::Unknown).then(metric).into_iter())
}

/// Findings with equal labels are added up.
fn leaks<'a>(source: Source<'a>, is_meant: fn(&LeakFinding) -> bool, value: fn(&LeakFinding) -> u64) -> Metrics<'a> {
    let findings = source.snapshot.leaks.iter().flat_map(|leaks| &leaks.findings);
    let mut sums: BTreeMap<(&str, &str, &str, &str), u64> = BTreeMap::new();
    for finding in findings.filter(|finding| is_meant(finding)) {
        let (watched, verdict) = (finding.watched.name(), finding.verdict.name());
        *sums.entry((&finding.module, &finding.function, watched, verdict)).or_default() += value(finding);
    }
    Box::new(sums.into_iter().map(|((module, function, watched, verdict), sum)| Metric {
        function: None,
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
        function: None,
        labels: vec![("arena", arena.index.to_string().into())],
        value: Value::Number(value(arena)),
    }))
}
