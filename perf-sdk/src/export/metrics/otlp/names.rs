//! Names: those of a scrape, without `_total`, and what OpenTelemetry itself has named is in
//! [`MAPPED`].
//!
//! The unit stays part of the name, though OpenTelemetry's conventions are against it: without it,
//! `function_sampled_cpu_seconds_total` and `function_sampled_cpu_ratio` would be one metric. A
//! server that makes Prometheus's names of these, as Prometheus and the Collector do, makes those
//! of a scrape: it adds `_total`, and the unit where it is missing.

use std::borrow::Cow;

use crate::export::metrics::family::{Head, Kind};

/// What a metric is in OTLP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Instrument {
    /// A sum that only grows.
    Counter,
    /// A sum that also falls: of which there is so much now.
    UpDownCounter,
    Gauge,
    Histogram,
    Summary,
}

/// A metric of ours that OpenTelemetry's semantic conventions have a name for. Those of requests
/// and databases are stable, those of processes in development.
struct Mapped {
    ours: &'static str,
    name: &'static str,
    unit: &'static str,
    instrument: Instrument,
    /// Attributes in the place of labels.
    attributes: &'static [(&'static str, &'static str)],
}

const ROUTE: &[(&str, &str)] = &[("method", "http.request.method"), ("route", "http.route")];

const MAPPED: &[Mapped] = &[
    mapped("http_request_duration_seconds", "http.server.request.duration", "s", Instrument::Histogram, ROUTE),
    mapped("http_requests_in_flight", "http.server.active_requests", "{request}", Instrument::UpDownCounter, ROUTE),
    mapped("process_cpu_seconds_total", "process.cpu.time", "s", Instrument::Counter, &[]),
    mapped(
        "process_open_fds",
        "process.unix.file_descriptor.count",
        "{file_descriptor}",
        Instrument::UpDownCounter,
        &[],
    ),
    mapped("process_resident_memory_bytes", "process.memory.usage", "By", Instrument::UpDownCounter, &[]),
    mapped("process_threads", "process.thread.count", "{thread}", Instrument::UpDownCounter, &[]),
    mapped("process_virtual_memory_bytes", "process.memory.virtual", "By", Instrument::UpDownCounter, &[]),
    mapped("query_duration_seconds", "db.client.operation.duration", "s", Instrument::Histogram, &[]),
];

const fn mapped(
    ours: &'static str,
    name: &'static str,
    unit: &'static str,
    instrument: Instrument,
    attributes: &'static [(&'static str, &'static str)],
) -> Mapped {
    Mapped { ours, name, unit, instrument, attributes }
}

/// How a family is called.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Named<'a> {
    pub(super) name: Cow<'a, str>,
    /// By the Unified Code for Units of Measure.
    pub(super) unit: &'static str,
    pub(super) instrument: Instrument,
    attributes: &'static [(&'static str, &'static str)],
}

impl Named<'_> {
    pub(super) fn attribute<'b>(&self, label: &'b str) -> &'b str {
        self.attributes.iter().find(|(ours, _)| *ours == label).map_or(label, |(_, attribute)| attribute)
    }
}

pub(super) fn named<'a>(head: &'a Head<'_>) -> Named<'a> {
    if let Some(mapped) = MAPPED.iter().find(|mapped| mapped.ours == head.name) {
        let Mapped { name, unit, instrument, attributes, .. } = *mapped;
        return Named { name: name.into(), unit, instrument, attributes };
    }
    let (instrument, stem) = match head.kind {
        Kind::Counter => (Instrument::Counter, head.name.strip_suffix("_total").unwrap_or(&head.name)),
        Kind::Gauge | Kind::Info | Kind::Unknown => (Instrument::Gauge, &*head.name),
        Kind::Histogram => (Instrument::Histogram, &*head.name),
        Kind::Summary => (Instrument::Summary, &*head.name),
    };
    Named { name: stem.into(), unit: unit(head), instrument, attributes: &[] }
}

fn unit(head: &Head<'_>) -> &'static str {
    match head.unit {
        "seconds" => "s",
        "bytes" => "By",
        "hertz" => "Hz",
        "ratio" => "1",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::metrics::families;

    fn head(name: &'static str, unit: &'static str, kind: Kind) -> Head<'static> {
        Head { name: name.into(), help: "".into(), unit, kind, has_stem: true }
    }

    #[test]
    fn total_is_no_part_of_the_name() {
        for (name, unit, kind, expected) in [
            ("function_self_seconds_total", "seconds", Kind::Counter, ("function_self_seconds", "s")),
            ("function_calls_total", "", Kind::Counter, ("function_calls", "")),
            ("function_sample_ratio", "ratio", Kind::Gauge, ("function_sample_ratio", "1")),
            ("allocator_active_bytes", "bytes", Kind::Gauge, ("allocator_active_bytes", "By")),
            ("perf_heap_info", "", Kind::Info, ("perf_heap_info", "")),
            ("requests_seen", "", Kind::Counter, ("requests_seen", "")),
            ("process_cpu_seconds_total", "seconds", Kind::Counter, ("process.cpu.time", "s")),
        ] {
            let head = head(name, unit, kind);
            let named = named(&head);
            assert_eq!((&*named.name, named.unit), expected, "{name}");
        }
    }

    #[test]
    fn names_are_unique() {
        let heads: Vec<_> = families::rows().map(|row| row.head()).collect();
        let mut all: Vec<_> = heads.iter().map(|head| named(head).name).collect();
        let number = all.len();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), number);
    }

    #[test]
    fn labels_that_have_a_name_become_attributes() {
        let head = head("http_request_duration_seconds", "seconds", Kind::Histogram);
        let named = named(&head);
        assert_eq!((named.attribute("route"), named.attribute("status")), ("http.route", "status"));
    }
}
