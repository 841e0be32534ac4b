//! Metrics of the stack sampler.

use crate::export::metrics::family::{Kind, Metric, Value};
use crate::export::metrics::row::{Metrics, Of, Row, Source, optional, seconds};
use crate::snapshot::StackSampling;

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "stack_samples_total",
        help: "Stack samples.",
        unit: "",
        kind: Kind::Counter,
        of: Of::Process,
        metrics: |source| of(source, |stacks| Some(stacks.samples as f64)),
    },
    Row {
        name: "stack_sampled_seconds_total",
        help: "CPU time for which stack samples stand.",
        unit: "seconds",
        kind: Kind::Counter,
        of: Of::Process,
        metrics: |source| of(source, |stacks| Some(seconds(stacks.sampled_ns))),
    },
    Row {
        name: "stack_coverage_ratio",
        help: "CPU time for which stack samples stand, as a share of the process's CPU time since sampling began.",
        unit: "ratio",
        kind: Kind::Gauge,
        of: Of::Process,
        metrics: |source| of(source, StackSampling::coverage),
    },
    Row {
        name: "stack_handler_seconds_total",
        help: "CPU time of sampling signals and their handlers.",
        unit: "seconds",
        kind: Kind::Counter,
        of: Of::Process,
        metrics: |source| of(source, |stacks| Some(seconds(stacks.handler_ns))),
    },
    Row {
        name: "stack_samples_incomplete_total",
        help: "Stack samples without their outermost frames, with the innermost frame only, or without any frame because there was no room.",
        unit: "",
        kind: Kind::Counter,
        of: Of::Process,
        metrics: |source| {
            labelled(source, "missing", |stacks| {
                vec![("outermost", stacks.cut), ("callers", stacks.leaf_only), ("all", stacks.folded)]
            })
        },
    },
    Row {
        name: "stack_threads",
        help: "Threads whose stacks are sampled, and those that are not, because of system limits or because they block the signal.",
        unit: "",
        kind: Kind::Gauge,
        of: Of::Process,
        metrics: |source| {
            labelled(source, "state", |stacks| vec![("sampled", stacks.threads), ("refused", stacks.refused)])
        },
    },
    Row {
        name: "stack_engine_info",
        help: "Engine that signals threads to sample their stacks.",
        unit: "",
        kind: Kind::Info,
        of: Of::Process,
        metrics: |source| {
            let engines = source.snapshot.stacks.iter().map(|stacks| Metric {
                function: None,
                labels: vec![("engine", stacks.engine.as_str().into())],
                value: Value::Number(1.0),
            });
            Box::new(engines)
        },
    },
];

fn of<'a>(source: Source<'a>, value: fn(&StackSampling) -> Option<f64>) -> Metrics<'a> {
    optional(source.snapshot.stacks.as_ref().and_then(value))
}

fn labelled<'a>(
    source: Source<'a>,
    label: &'static str,
    values: fn(&StackSampling) -> Vec<(&'static str, u64)>,
) -> Metrics<'a> {
    let values = source.snapshot.stacks.as_ref().map(values).unwrap_or_default();
    Box::new(values.into_iter().map(move |(name, value)| Metric {
        function: None,
        labels: vec![(label, name.into())],
        value: Value::Number(value as f64),
    }))
}
