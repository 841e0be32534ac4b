//! Metrics of the profiler itself.

use crate::export::metrics::family::{Kind, Metric, Value};
use crate::export::metrics::row::{Metrics, Of, Row, Source, optional, seconds, single};
use crate::snapshot::{Budget, DeliveryKind};

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "perf_sites",
        help: "Annotated sites that ran at least once.",
        unit: "",
        kind: Kind::Gauge,
        of: Of::Process,
        metrics: |source| single(source.snapshot.profiler.sites as f64),
    },
    Row {
        name: "perf_threads",
        help: "Live threads that recorded something.",
        unit: "",
        kind: Kind::Gauge,
        of: Of::Process,
        metrics: |source| single(source.snapshot.profiler.threads as f64),
    },
    Row {
        name: "perf_memory_bytes",
        help: "Memory held by the recorder.",
        unit: "bytes",
        kind: Kind::Gauge,
        of: Of::Process,
        metrics: |source| single(source.snapshot.profiler.memory_bytes as f64),
    },
    Row {
        name: "perf_memory_limit_bytes",
        help: "Limit of the memory held by the recorder.",
        unit: "bytes",
        kind: Kind::Gauge,
        of: Of::Process,
        metrics: |source| single(source.snapshot.profiler.memory_limit_bytes as f64),
    },
    Row {
        name: "perf_dropped_total",
        help: "Calls, samples and other data that could not be recorded, by reason.",
        unit: "",
        kind: Kind::Counter,
        of: Of::Process,
        metrics: dropped,
    },
    Row {
        name: "perf_cpu_clock_info",
        help: "Engine that reads thread CPU time.",
        unit: "",
        kind: Kind::Info,
        of: Of::Process,
        metrics: cpu_clock,
    },
    Row {
        name: "perf_overhead_budget_ratio",
        help: "Share of the process's CPU time that recording may take, over the last one to two minutes.",
        unit: "ratio",
        kind: Kind::Gauge,
        of: Of::Process,
        metrics: |source| budget(source, |budget| budget.allowed),
    },
    Row {
        name: "perf_overhead_ratio",
        help: "Share of the process's CPU time that recording takes, including scrapes and the profiler's own threads, over the last one to two minutes. Estimated.",
        unit: "ratio",
        kind: Kind::Gauge,
        of: Of::Process,
        metrics: |source| budget(source, |budget| budget.achieved),
    },
    Row {
        name: "perf_overhead_floor_ratio",
        help: "Share of the process's CPU time that counting calls takes, over the last one to two minutes; measuring fewer calls cannot reduce it.",
        unit: "ratio",
        kind: Kind::Gauge,
        of: Of::Process,
        metrics: |source| budget(source, |budget| budget.floor),
    },
    Row {
        name: "function_counting_ratio",
        help: "Share of the process's CPU time that counting the function's calls takes, over the last one to two minutes, for the functions with the largest share.",
        unit: "ratio",
        kind: Kind::Gauge,
        of: Of::Process,
        metrics: counting,
    },
    Row {
        name: "perf_push_total",
        help: "Profiles pushed to a server: ok, or failed and lost. One that is retried counts once.",
        unit: "",
        kind: Kind::Counter,
        of: Of::Process,
        metrics: |source| delivered(source, |by| by == DeliveryKind::Push),
    },
    Row {
        name: "perf_push_waiting",
        help: "Profiles that wait for another attempt to push them.",
        unit: "",
        kind: Kind::Gauge,
        of: Of::Process,
        metrics: |source| waiting(source, |by| by == DeliveryKind::Push),
    },
    Row {
        name: "perf_profile_files_total",
        help: "Profiles written to a folder: ok, or failed and lost.",
        unit: "",
        kind: Kind::Counter,
        of: Of::Process,
        metrics: |source| delivered(source, |by| by == DeliveryKind::Files),
    },
    Row {
        name: "perf_otlp_points_total",
        help: "Data points sent to a server of OTLP: ok, or failed and lost. One that is retried counts once.",
        unit: "",
        kind: Kind::Counter,
        of: Of::Process,
        metrics: |source| delivered(source, |by| by == DeliveryKind::Otlp),
    },
    Row {
        name: "perf_otlp_requests_waiting",
        help: "Requests with data points that wait for another attempt to send them.",
        unit: "",
        kind: Kind::Gauge,
        of: Of::Process,
        metrics: |source| waiting(source, |by| by == DeliveryKind::Otlp),
    },
    Row {
        name: "alert_notifications_total",
        help: "Changes of alerts posted to a webhook or an Alertmanager: ok, or failed and lost.",
        unit: "",
        kind: Kind::Counter,
        of: Of::Process,
        metrics: |source| delivered(source, is_of_alerts),
    },
    Row {
        name: "alert_notifications_waiting",
        help: "Changes of alerts that wait for another attempt to post them.",
        unit: "",
        kind: Kind::Gauge,
        of: Of::Process,
        metrics: |source| waiting(source, is_of_alerts),
    },
    Row {
        name: "perf_evicted_connections_total",
        help: "Connections of the endpoint that were closed to make room for others.",
        unit: "",
        kind: Kind::Counter,
        of: Of::Process,
        metrics: |source| single(source.snapshot.profiler.evicted_connections as f64),
    },
    Row {
        name: "perf_absent_readings_info",
        help: "Figures that could not be read, and the reason.",
        unit: "",
        kind: Kind::Info,
        of: Of::Process,
        metrics: absent,
    },
    Row {
        name: "perf_overhead_seconds_total",
        help: "CPU time that the profiler itself took, by purpose. Without a budget, only that of recording. Estimated.",
        unit: "seconds",
        kind: Kind::Counter,
        of: Of::Process,
        metrics: overhead,
    },
];

fn absent(source: Source<'_>) -> Metrics<'_> {
    Box::new(source.snapshot.absent_readings.iter().map(|absent| Metric {
        function: None,
        labels: vec![("what", (&*absent.what).into()), ("why", (&*absent.why).into())],
        value: Value::Number(1.0),
    }))
}

fn overhead(source: Source<'_>) -> Metrics<'_> {
    let parts = &source.snapshot.profiler.overhead_parts;
    let recording = parts.is_empty().then_some(("recording", source.overhead_ns));
    let parts = parts.iter().map(|(name, ns)| (name.as_str(), *ns)).chain(recording);
    Box::new(parts.map(|(name, ns)| Metric {
        function: None,
        labels: vec![("part", name.into())],
        value: Value::Number(seconds(ns)),
    }))
}

fn budget<'a>(source: Source<'a>, value: fn(Budget) -> f64) -> Metrics<'a> {
    optional(source.snapshot.profiler.budget.map(value))
}

fn dropped(source: Source<'_>) -> Metrics<'_> {
    Box::new(source.snapshot.profiler.dropped.iter().map(|(reason, count)| Metric {
        function: None,
        labels: vec![("reason", reason.as_str().into())],
        value: Value::Number(*count as f64),
    }))
}

fn is_of_alerts(by: DeliveryKind) -> bool {
    matches!(by, DeliveryKind::Webhook | DeliveryKind::Alertmanager)
}

fn delivered(source: Source<'_>, is_meant: fn(DeliveryKind) -> bool) -> Metrics<'_> {
    let deliveries = source.snapshot.profiler.deliveries.iter().filter(move |delivery| is_meant(delivery.by));
    Box::new(deliveries.flat_map(|delivery| {
        [("ok", delivery.ok), ("failed", delivery.failed)].map(|(result, count)| Metric {
            function: None,
            labels: vec![("result", result.into()), ("to", delivery.to.as_str().into())],
            value: Value::Number(count as f64),
        })
    }))
}

fn waiting(source: Source<'_>, is_meant: fn(DeliveryKind) -> bool) -> Metrics<'_> {
    let deliveries = source.snapshot.profiler.deliveries.iter().filter(move |delivery| is_meant(delivery.by));
    Box::new(deliveries.map(|delivery| Metric {
        function: None,
        labels: vec![("to", delivery.to.as_str().into())],
        value: Value::Number(delivery.waiting as f64),
    }))
}

fn counting(source: Source<'_>) -> Metrics<'_> {
    Box::new(source.snapshot.profiler.counted.iter().map(|counted| Metric {
        function: None,
        labels: vec![("function", counted.name.as_str().into()), ("module", counted.module.as_str().into())],
        value: Value::Number(counted.share),
    }))
}

fn cpu_clock(source: Source<'_>) -> Metrics<'_> {
    let engine = source.snapshot.profiler.cpu_clock.as_str();
    Box::new(
        (!engine.is_empty())
            .then(|| Metric { function: None, labels: vec![("engine", engine.into())], value: Value::Number(1.0) })
            .into_iter(),
    )
}
