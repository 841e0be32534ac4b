//! Delimited `io.prometheus.client.MetricFamily` messages: each histogram has classic and native
//! buckets.

use std::io;

use prost::Message as _;

use super::family::{Encoding, Head, Kind, Metric, UserNative, Value};
use super::text::exemplar_labels;
use crate::export::safe;
use crate::histogram::{self, BucketSpan, Histogram, NativeBuckets};
use crate::snapshot::Exemplar;

/// The messages of `io/prometheus/client/metrics.proto`, proto2: the fields that are written, with
/// their numbers.
mod wire {
    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct MetricFamily {
        #[prost(string, optional, tag = "1")]
        pub(super) name: Option<String>,
        #[prost(string, optional, tag = "2")]
        pub(super) help: Option<String>,
        #[prost(enumeration = "MetricType", optional, tag = "3")]
        pub(super) r#type: Option<i32>,
        #[prost(message, repeated, tag = "4")]
        pub(super) metric: Vec<Metric>,
        #[prost(string, optional, tag = "5")]
        pub(super) unit: Option<String>,
    }

    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
    #[repr(i32)]
    pub(super) enum MetricType {
        Counter = 0,
        Gauge = 1,
        Summary = 2,
        Untyped = 3,
        Histogram = 4,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Metric {
        #[prost(message, repeated, tag = "1")]
        pub(super) label: Vec<LabelPair>,
        #[prost(message, optional, tag = "2")]
        pub(super) gauge: Option<Number>,
        #[prost(message, optional, tag = "3")]
        pub(super) counter: Option<Number>,
        #[prost(message, optional, tag = "4")]
        pub(super) summary: Option<Summary>,
        #[prost(message, optional, tag = "5")]
        pub(super) untyped: Option<Number>,
        #[prost(message, optional, tag = "7")]
        pub(super) histogram: Option<Histogram>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct LabelPair {
        #[prost(string, optional, tag = "1")]
        pub(super) name: Option<String>,
        #[prost(string, optional, tag = "2")]
        pub(super) value: Option<String>,
    }

    /// `Gauge`, `Counter` and `Untyped` have the same fields, as far as they are written.
    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Number {
        #[prost(double, optional, tag = "1")]
        pub(super) value: Option<f64>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Summary {
        #[prost(uint64, optional, tag = "1")]
        pub(super) sample_count: Option<u64>,
        #[prost(double, optional, tag = "2")]
        pub(super) sample_sum: Option<f64>,
        #[prost(message, repeated, tag = "3")]
        pub(super) quantile: Vec<Quantile>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Quantile {
        #[prost(double, optional, tag = "1")]
        pub(super) quantile: Option<f64>,
        #[prost(double, optional, tag = "2")]
        pub(super) value: Option<f64>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Histogram {
        #[prost(uint64, optional, tag = "1")]
        pub(super) sample_count: Option<u64>,
        #[prost(double, optional, tag = "2")]
        pub(super) sample_sum: Option<f64>,
        #[prost(message, repeated, tag = "3")]
        pub(super) bucket: Vec<Bucket>,
        #[prost(sint32, optional, tag = "5")]
        pub(super) schema: Option<i32>,
        #[prost(double, optional, tag = "6")]
        pub(super) zero_threshold: Option<f64>,
        #[prost(uint64, optional, tag = "7")]
        pub(super) zero_count: Option<u64>,
        #[prost(message, repeated, tag = "9")]
        pub(super) negative_span: Vec<BucketSpan>,
        #[prost(sint64, repeated, packed = "false", tag = "10")]
        pub(super) negative_delta: Vec<i64>,
        #[prost(message, repeated, tag = "12")]
        pub(super) positive_span: Vec<BucketSpan>,
        #[prost(sint64, repeated, packed = "false", tag = "13")]
        pub(super) positive_delta: Vec<i64>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Bucket {
        #[prost(uint64, optional, tag = "1")]
        pub(super) cumulative_count: Option<u64>,
        #[prost(double, optional, tag = "2")]
        pub(super) upper_bound: Option<f64>,
        #[prost(message, optional, tag = "3")]
        pub(super) exemplar: Option<Exemplar>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct BucketSpan {
        #[prost(sint32, optional, tag = "1")]
        pub(super) offset: Option<i32>,
        #[prost(uint32, optional, tag = "2")]
        pub(super) length: Option<u32>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Exemplar {
        #[prost(message, repeated, tag = "1")]
        pub(super) label: Vec<LabelPair>,
        #[prost(double, optional, tag = "2")]
        pub(super) value: Option<f64>,
        #[prost(message, optional, tag = "3")]
        pub(super) timestamp: Option<Timestamp>,
    }

    /// `google.protobuf.Timestamp`.
    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Timestamp {
        #[prost(int64, tag = "1")]
        pub(super) seconds: i64,
        #[prost(int32, tag = "2")]
        pub(super) nanos: i32,
    }
}

/// Values up to this one count as 0: 2^-128, as in Prometheus's own clients. The smallest non-zero
/// value of the profiler is a nanosecond, so only true zeros count as 0. A threshold above 0 also
/// distinguishes an empty native histogram from a histogram that has only classic buckets.
const ZERO_THRESHOLD: f64 = f64::from_bits((1023 - 128) << 52);

/// One message for each family, preceded by its length.
pub(super) struct Protobuf<'a> {
    to: &'a mut Vec<u8>,
}

impl<'a> Protobuf<'a> {
    pub(super) fn new(to: &'a mut Vec<u8>) -> Self {
        Self { to }
    }
}

impl Encoding for Protobuf<'_> {
    fn family(
        &mut self,
        head: &Head<'_>,
        _begins: bool,
        metrics: &mut dyn Iterator<Item = Metric<'_>>,
    ) -> io::Result<()> {
        let kind = match head.kind {
            Kind::Counter => wire::MetricType::Counter,
            Kind::Gauge | Kind::Info => wire::MetricType::Gauge,
            Kind::Histogram => wire::MetricType::Histogram,
            Kind::Summary => wire::MetricType::Summary,
            Kind::Unknown => wire::MetricType::Untyped,
        };
        let family = wire::MetricFamily {
            name: Some(head.name.clone().into_owned()),
            help: (!head.help.is_empty()).then(|| safe::label(&head.help).into_owned()),
            r#type: Some(kind as i32),
            metric: metrics.map(|metric| one(head.kind, &metric)).collect(),
            unit: (!head.unit.is_empty()).then(|| head.unit.to_owned()),
        };
        family.encode_length_delimited(self.to)?;
        Ok(())
    }

    fn end(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn one(kind: Kind, metric: &Metric<'_>) -> wire::Metric {
    let mut message = wire::Metric {
        label: metric.all_labels().map(|(name, value)| pair(name, value)).collect(),
        ..wire::Metric::default()
    };
    match &metric.value {
        Value::Number(value) => {
            let number = Some(wire::Number { value: Some(*value) });
            match kind {
                Kind::Counter => message.counter = number,
                Kind::Gauge | Kind::Info => message.gauge = number,
                _ => message.untyped = number,
            }
        }
        Value::Distribution { histogram, sum, exemplars } => {
            message.histogram = Some(both(histogram, *sum, exemplars));
        }
        Value::Buckets { buckets, sum, count } => {
            message.histogram = Some(wire::Histogram {
                sample_count: Some(*count),
                sample_sum: Some(*sum),
                bucket: buckets.iter().map(|(bound, count)| bucket(*bound, *count)).collect(),
                ..wire::Histogram::default()
            });
        }
        Value::Measured { buckets, sum, count, native } => {
            let (positive_span, positive_delta) = runs(&native.positive);
            let (negative_span, negative_delta) = runs(&native.negative);
            message.histogram = Some(wire::Histogram {
                sample_count: Some(*count),
                sample_sum: Some(*sum),
                bucket: buckets.iter().map(|(bound, count)| bucket(*bound, *count)).collect(),
                schema: Some(NativeBuckets::SCHEMA),
                zero_threshold: Some(UserNative::ZERO_THRESHOLD),
                zero_count: Some(native.zero_count),
                negative_span,
                negative_delta,
                positive_span,
                positive_delta,
            });
        }
        Value::Quantiles { quantiles, sum, count } => {
            let quantile = |(q, v): &(f64, f64)| wire::Quantile { quantile: Some(*q), value: Some(*v) };
            message.summary = Some(wire::Summary {
                sample_count: Some(*count),
                sample_sum: Some(*sum),
                quantile: quantiles.iter().map(quantile).collect(),
            });
        }
    }
    message
}

fn pair(name: &str, value: &str) -> wire::LabelPair {
    wire::LabelPair { name: Some(name.to_owned()), value: Some(safe::label(value).into_owned()) }
}

/// Converts the user's native buckets to runs.
fn runs(buckets: &[(i32, u64)]) -> (Vec<wire::BucketSpan>, Vec<i64>) {
    let signed = buckets.iter().map(|(index, count)| (*index, i64::try_from(*count).unwrap_or(i64::MAX)));
    let (spans, deltas) = histogram::runs(signed);
    (spans.iter().map(span).collect(), deltas)
}

fn span(span: &BucketSpan) -> wire::BucketSpan {
    wire::BucketSpan { offset: Some(span.offset), length: Some(span.length) }
}

fn bucket(bound: f64, count: u64) -> wire::Bucket {
    wire::Bucket { cumulative_count: Some(count), upper_bound: Some(bound), exemplar: None }
}

/// Classic and native buckets of one histogram. A server uses those that it is configured for.
fn both(histogram: &Histogram, sum: f64, exemplars: &[Exemplar]) -> wire::Histogram {
    let native = histogram.native();
    let per_unit = histogram.scale().per_unit() as f64;
    let bounds = histogram.scale().classic_bounds();
    let mut buckets: Vec<wire::Bucket> = bounds
        .iter()
        .zip(histogram.classic())
        .map(|((bound, _), (_, count))| bucket(*bound as f64 / per_unit, count))
        .collect();
    for exemplar in exemplars {
        let at = bounds.partition_point(|(bound, _)| *bound < exemplar.value_ns);
        if at == buckets.len() {
            // Written only to carry the exemplar; otherwise readers derive this bucket from the
            // count.
            buckets.push(bucket(f64::INFINITY, histogram.count()));
        }
        buckets[at].exemplar = Some(wire::Exemplar {
            label: exemplar_labels(exemplar).map(|(name, value)| pair(name, value)).collect(),
            value: Some(exemplar.value_ns as f64 / per_unit),
            timestamp: Some(wire::Timestamp {
                seconds: (exemplar.at_unix_ns / 1_000_000_000) as i64,
                nanos: (exemplar.at_unix_ns % 1_000_000_000) as i32,
            }),
        });
    }
    wire::Histogram {
        sample_count: Some(histogram.count()),
        sample_sum: Some(sum),
        bucket: buckets,
        schema: Some(NativeBuckets::SCHEMA),
        zero_threshold: Some(ZERO_THRESHOLD),
        zero_count: Some(native.zero_count),
        positive_span: native.spans.iter().map(span).collect(),
        positive_delta: native.deltas,
        ..wire::Histogram::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::{Exposition, Format};
    use crate::snapshot::{Function, Snapshot};

    fn scrape(snapshot: &Snapshot, user: Option<&str>) -> Vec<wire::MetricFamily> {
        let mut body = Vec::new();
        Exposition::new().write(Format::Protobuf, snapshot, user, &mut body).unwrap();
        let mut rest = body.as_slice();
        let mut families = Vec::new();
        while !rest.is_empty() {
            families.push(wire::MetricFamily::decode_length_delimited(&mut rest).unwrap());
        }
        families
    }

    fn exemplar(value_ns: u64) -> Exemplar {
        Exemplar {
            trace_id: "4bf92f3577b34da6a3ce929d0e0e4736".into(),
            span_id: String::new(),
            value_ns,
            at_unix_ns: 1_700_000_000_123_456_789,
        }
    }

    #[test]
    fn a_histogram_has_classic_and_native_buckets_and_exemplars() {
        let mut function = Function { name: "f".into(), module: "m".into(), ..Function::default() };
        for ns in [0, 700, 1_000_000_000, 1_000_000_001, 60_000_000_000] {
            function.wall.record(ns, 1);
        }
        function.exemplars = vec![exemplar(700), exemplar(60_000_000_000)];
        let snapshot = Snapshot { functions: vec![function], ..Snapshot::default() };
        let families = scrape(&snapshot, None);
        let family = families.iter().find(|f| f.name.as_deref() == Some("function_calls_duration_seconds")).unwrap();
        assert_eq!(family.r#type, Some(wire::MetricType::Histogram as i32));
        let histogram = family.metric[0].histogram.as_ref().unwrap();
        assert_eq!(histogram.sample_count, Some(5));
        assert_eq!(histogram.zero_count, Some(1));
        assert_eq!(histogram.schema, Some(5));
        let spanned: u32 = histogram.positive_span.iter().filter_map(|span| span.length).sum();
        assert_eq!(spanned as usize, histogram.positive_delta.len());
        let one_second = histogram.bucket.iter().find(|b| b.upper_bound == Some(1.0)).unwrap();
        assert_eq!(one_second.cumulative_count, Some(3));
        let with_exemplars: Vec<_> =
            histogram.bucket.iter().filter_map(|b| Some((b.upper_bound?, b.exemplar.as_ref()?.value?))).collect();
        assert_eq!(with_exemplars, [(1e-6, 7e-7), (f64::INFINITY, 60.0)]);
        let labels = &histogram.bucket[1].exemplar.as_ref().unwrap().label;
        assert_eq!(labels.len(), 1, "an empty span id is left out");
    }

    #[test]
    fn the_zero_threshold_is_below_a_nanosecond_and_above_zero() {
        assert_eq!(ZERO_THRESHOLD, 2_f64.powi(-128));
    }

    #[test]
    fn the_users_metrics_keep_their_kinds() {
        let user = "# TYPE a_total counter\na_total 3\n# TYPE b gauge\nb{x=\"y\"} -1.5\n# TYPE c histogram\nc_bucket{le=\"1\"} 2\n\
                    c_bucket{le=\"+Inf\"} 4\nc_sum 9\nc_count 4\n# TYPE d summary\nd{quantile=\"0.5\"} 7\nd_sum 8\nd_count 2\n";
        let families: Vec<_> = scrape(&Snapshot::default(), Some(user))
            .into_iter()
            .filter(|f| f.name.as_ref().unwrap().len() <= 7)
            .collect();
        let [a, b, c, d] = families.as_slice() else { panic!("{families:?}") };
        assert_eq!(a.metric[0].counter, Some(wire::Number { value: Some(3.0) }));
        assert_eq!(b.metric[0].gauge, Some(wire::Number { value: Some(-1.5) }));
        assert_eq!(b.metric[0].label, [pair("x", "y")]);
        let histogram = c.metric[0].histogram.as_ref().unwrap();
        assert_eq!(
            (histogram.sample_count, histogram.sample_sum, histogram.bucket.as_slice()),
            (Some(4), Some(9.0), [bucket(1.0, 2)].as_slice())
        );
        assert_eq!((histogram.schema, histogram.zero_threshold), (None, None), "it has no native buckets");
        let summary = d.metric[0].summary.as_ref().unwrap();
        assert_eq!((summary.sample_count, summary.quantile.len()), (Some(2), 1));
    }
}
