//! One message for each family.

use std::io;

use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value as Number;
use opentelemetry_proto::tonic::metrics::v1::summary_data_point::ValueAtQuantile;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Exemplar as WireExemplar, ExponentialHistogram, ExponentialHistogramDataPoint, Gauge,
    Histogram as ExplicitHistogram, HistogramDataPoint, Metric as WireMetric, NumberDataPoint, Sum, Summary,
    SummaryDataPoint, exemplar,
};

use super::deltas::{Before, Deltas, Since};
use super::names::{Instrument, Named, named};
use crate::export::metrics::family::{Encoding, Head, Metric, UserNative, Value};
use crate::export::safe;
use crate::histogram::NativeBuckets;
use crate::snapshot::Exemplar;

/// The smallest value that is not 0 is a nanosecond.
const ZERO_THRESHOLD: f64 = 0.0;

/// When the figures were taken, and since when they count, in nanoseconds since the Unix epoch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    pub(crate) since: u64,
    pub(crate) taken: u64,
}

/// Metrics of one or several requests.
#[derive(Debug)]
pub(crate) struct Otlp<'a> {
    times: Times,
    /// `None`: all since the start.
    deltas: Option<&'a mut Deltas>,
    metrics: Vec<WireMetric>,
    points: usize,
    left_out: u64,
}

impl<'a> Otlp<'a> {
    pub(crate) fn new(times: Times, deltas: Option<&'a mut Deltas>) -> Self {
        Self { times, deltas, metrics: Vec::new(), points: 0, left_out: 0 }
    }

    /// The number of data points since [`take`](Self::take).
    pub(crate) fn points(&self) -> usize {
        self.points
    }

    /// The number of series for whose differences there is no room.
    pub(crate) fn left_out(&self) -> u64 {
        self.left_out
    }

    pub(crate) fn take(&mut self) -> Vec<WireMetric> {
        self.points = 0;
        std::mem::take(&mut self.metrics)
    }

    fn temporality(&self) -> i32 {
        match self.deltas {
            Some(_) => AggregationTemporality::Delta as i32,
            None => AggregationTemporality::Cumulative as i32,
        }
    }

    /// What is to be sent of a series that sums up, and since when it counts. `None` if there is no
    /// room for its differences.
    fn of(&mut self, named: &Named<'_>, metric: &Metric<'_>, now: Before) -> Option<(Before, u64)> {
        let since = self.times.since;
        let Some(deltas) = &mut self.deltas else { return Some((now, since)) };
        let key = deltas.key(&named.name, metric.all_labels());
        match deltas.since(key, &now) {
            Since::Latest(difference) => {
                let since = difference.at_unix_ns;
                Some((difference, since))
            }
            Since::Start => Some((now, since)),
            Since::NoRoom => {
                self.left_out += 1;
                None
            }
        }
    }

    fn number(&mut self, named: &Named<'_>, metric: &Metric<'_>, value: f64) -> Option<NumberDataPoint> {
        let (value, start_time_unix_nano) = match named.instrument {
            Instrument::Counter => {
                let now = Before { at_unix_ns: self.times.taken, sum: value, ..Before::default() };
                let (sent, since) = self.of(named, metric, now)?;
                (sent.sum, since)
            }
            // Its differences would be of no use without each of them.
            Instrument::UpDownCounter => (value, self.times.since),
            _ => (value, 0),
        };
        Some(NumberDataPoint {
            attributes: attributes(named, metric),
            start_time_unix_nano,
            time_unix_nano: self.times.taken,
            value: Some(Number::AsDouble(value)),
            ..NumberDataPoint::default()
        })
    }

    fn exponential(
        &mut self,
        named: &Named<'_>,
        metric: &Metric<'_>,
        now: Before,
        (zero_threshold, exemplars): (f64, Vec<WireExemplar>),
    ) -> Option<ExponentialHistogramDataPoint> {
        let (sent, start_time_unix_nano) = self.of(named, metric, now)?;
        Some(ExponentialHistogramDataPoint {
            attributes: attributes(named, metric),
            start_time_unix_nano,
            time_unix_nano: self.times.taken,
            count: sent.count,
            // OTLP has no sum where values may be negative.
            sum: sent.negative.is_empty().then_some(sent.sum),
            scale: NativeBuckets::SCHEMA,
            zero_count: sent.zero,
            positive: Some(dense(&sent.positive)),
            negative: (!sent.negative.is_empty()).then(|| dense(&sent.negative)),
            exemplars,
            zero_threshold,
            ..ExponentialHistogramDataPoint::default()
        })
    }

    /// `buckets` are cumulative, without the last one.
    fn explicit(
        &mut self,
        named: &Named<'_>,
        metric: &Metric<'_>,
        (buckets, sum, count): (&[(f64, u64)], f64, u64),
    ) -> Option<HistogramDataPoint> {
        let mut before = 0;
        let ends = buckets.iter().map(|(_, count)| *count).chain([count]);
        let counts = ends.zip(0..).map(|(end, at)| (at, end.saturating_sub(std::mem::replace(&mut before, end))));
        let now = Before { at_unix_ns: self.times.taken, sum, count, positive: counts.collect(), ..Before::default() };
        let (sent, start_time_unix_nano) = self.of(named, metric, now)?;
        Some(HistogramDataPoint {
            attributes: attributes(named, metric),
            start_time_unix_nano,
            time_unix_nano: self.times.taken,
            count: sent.count,
            sum: buckets.first().is_none_or(|(bound, _)| *bound >= 0.0).then_some(sent.sum),
            bucket_counts: sent.positive.iter().map(|(_, count)| *count).collect(),
            explicit_bounds: buckets.iter().map(|(bound, _)| *bound).collect(),
            ..HistogramDataPoint::default()
        })
    }

    /// Adds a family, or a further part of the latest one.
    fn add(&mut self, named: &Named<'_>, help: &str, data: Data) {
        let latest = self.metrics.last_mut().filter(|latest| latest.name == named.name);
        let data = match latest.and_then(|latest| latest.data.as_mut()) {
            Some(latest) => join(latest, data),
            None => Some(data),
        };
        let Some(data) = data else { return };
        self.metrics.push(WireMetric {
            name: named.name.clone().into_owned(),
            description: safe::label(help).into_owned(),
            unit: named.unit.to_owned(),
            metadata: Vec::new(),
            data: Some(data),
        });
    }
}

impl Encoding for Otlp<'_> {
    fn family(
        &mut self,
        head: &Head<'_>,
        _begins: bool,
        metrics: &mut dyn Iterator<Item = Metric<'_>>,
    ) -> io::Result<()> {
        let named = named(head);
        let (mut numbers, mut exponential, mut explicit, mut summaries) = (vec![], vec![], vec![], vec![]);
        for metric in metrics {
            self.points += 1;
            match &metric.value {
                Value::Number(value) => numbers.extend(self.number(&named, &metric, *value)),
                Value::Distribution { histogram, sum, exemplars } => {
                    let now = Before {
                        at_unix_ns: self.times.taken,
                        sum: *sum,
                        count: histogram.count(),
                        zero: histogram.zero_count(),
                        positive: positive(histogram.schema_buckets()),
                        negative: Vec::new(),
                    };
                    let exemplars = exemplars.iter().filter_map(wire_exemplar).collect();
                    exponential.extend(self.exponential(&named, &metric, now, (ZERO_THRESHOLD, exemplars)));
                }
                Value::Measured { sum, count, native, .. } => {
                    let now = Before {
                        at_unix_ns: self.times.taken,
                        sum: *sum,
                        count: *count,
                        zero: native.zero_count,
                        positive: native.positive.clone(),
                        negative: native.negative.clone(),
                    };
                    exponential.extend(self.exponential(
                        &named,
                        &metric,
                        now,
                        (UserNative::ZERO_THRESHOLD, Vec::new()),
                    ));
                }
                Value::Buckets { buckets, sum, count } => {
                    explicit.extend(self.explicit(&named, &metric, (buckets, *sum, *count)));
                }
                Value::Quantiles { quantiles, sum, count } => summaries.push(SummaryDataPoint {
                    attributes: attributes(&named, &metric),
                    start_time_unix_nano: self.times.since,
                    time_unix_nano: self.times.taken,
                    count: *count,
                    sum: *sum,
                    quantile_values: quantiles
                        .iter()
                        .map(|(quantile, value)| ValueAtQuantile { quantile: *quantile, value: *value })
                        .collect(),
                    flags: 0,
                }),
            }
        }
        let (sums, all) = (self.temporality(), AggregationTemporality::Cumulative as i32);
        let of_numbers = |data_points| match named.instrument {
            Instrument::Counter => Data::Sum(Sum { data_points, aggregation_temporality: sums, is_monotonic: true }),
            Instrument::UpDownCounter => {
                Data::Sum(Sum { data_points, aggregation_temporality: all, is_monotonic: false })
            }
            _ => Data::Gauge(Gauge { data_points }),
        };
        if !numbers.is_empty() {
            self.add(&named, &head.help, of_numbers(numbers));
        }
        if !exponential.is_empty() {
            let data = ExponentialHistogram { data_points: exponential, aggregation_temporality: sums };
            self.add(&named, &head.help, Data::ExponentialHistogram(data));
        }
        if !explicit.is_empty() {
            let data = ExplicitHistogram { data_points: explicit, aggregation_temporality: sums };
            self.add(&named, &head.help, Data::Histogram(data));
        }
        if !summaries.is_empty() {
            self.add(&named, &head.help, Data::Summary(Summary { data_points: summaries }));
        }
        Ok(())
    }

    fn end(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Adds the points of `more`, or returns it if it is of another kind.
fn join(latest: &mut Data, more: Data) -> Option<Data> {
    match (latest, more) {
        (Data::Sum(to), Data::Sum(more)) => to.data_points.extend(more.data_points),
        (Data::Gauge(to), Data::Gauge(more)) => to.data_points.extend(more.data_points),
        (Data::ExponentialHistogram(to), Data::ExponentialHistogram(more)) => to.data_points.extend(more.data_points),
        (Data::Histogram(to), Data::Histogram(more)) => to.data_points.extend(more.data_points),
        (Data::Summary(to), Data::Summary(more)) => to.data_points.extend(more.data_points),
        (_, more) => return Some(more),
    }
    None
}

fn attributes(named: &Named<'_>, metric: &Metric<'_>) -> Vec<KeyValue> {
    metric.all_labels().map(|(name, value)| text(named.attribute(name), &safe::label(value))).collect()
}

pub(super) fn text(key: &str, value: &str) -> KeyValue {
    let value = Some(AnyValue { value: Some(any_value::Value::StringValue(value.to_owned())) });
    KeyValue { key: key.to_owned(), value, ..KeyValue::default() }
}

#[allow(clippy::cast_sign_loss, reason = "counts, which are not negative")]
fn positive(buckets: Vec<(i32, i64)>) -> Vec<(i32, u64)> {
    buckets.into_iter().map(|(index, count)| (index, count.max(0) as u64)).collect()
}

/// All buckets from the first to the last. Prometheus numbers a bucket by its upper bound, OTLP by
/// its lower one.
fn dense(buckets: &[(i32, u64)]) -> Buckets {
    let used = || buckets.iter().filter(|(_, count)| *count > 0);
    let (Some((first, _)), Some((last, _))) = (used().next(), used().next_back()) else { return Buckets::default() };
    let mut bucket_counts = vec![0; (last - first) as usize + 1];
    used().for_each(|(index, count)| bucket_counts[(index - first) as usize] = *count);
    Buckets { offset: first - 1, bucket_counts }
}

/// `None` if its trace is none of OpenTelemetry.
fn wire_exemplar(exemplar: &Exemplar) -> Option<WireExemplar> {
    let trace_id = bytes(&exemplar.trace_id, 16)?;
    Some(WireExemplar {
        filtered_attributes: Vec::new(),
        time_unix_nano: exemplar.at_unix_ns,
        span_id: bytes(&exemplar.span_id, 8).unwrap_or_default(),
        trace_id,
        value: Some(exemplar::Value::AsDouble(exemplar.value_ns as f64 / 1e9)),
    })
}

fn bytes(hexadecimal: &str, length: usize) -> Option<Vec<u8>> {
    if hexadecimal.len() != 2 * length || !hexadecimal.is_ascii() {
        return None;
    }
    (0..length).map(|at| u8::from_str_radix(hexadecimal.get(2 * at..2 * at + 2)?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::Exposition;
    use crate::snapshot::{Function, Snapshot};

    fn metrics(snapshot: &Snapshot, user: Option<&str>, taken: u64, deltas: Option<&mut Deltas>) -> Vec<WireMetric> {
        let mut pieces = Exposition::new().pieces(snapshot, None, user, Vec::new());
        let mut otlp = Otlp::new(Times { since: 1, taken }, deltas);
        while pieces.encode_otlp(&mut otlp).unwrap() {}
        assert!(otlp.points() > 0);
        otlp.take()
    }

    fn of<'a>(metrics: &'a [WireMetric], name: &str) -> &'a Data {
        metrics.iter().find(|metric| metric.name == name).unwrap().data.as_ref().unwrap()
    }

    fn busy(calls: u64) -> Snapshot {
        let mut function = Function { name: "f".into(), module: "m".into(), ..Function::default() };
        function.calls.ok = calls;
        (0..calls).for_each(|_| function.wall.record(1_000_000_000, 1));
        function.exemplars = vec![Exemplar {
            trace_id: "4bf92f3577b34da6a3ce929d0e0e4736".into(),
            span_id: "00f067aa0ba902b7".into(),
            value_ns: 1_000_000_000,
            at_unix_ns: 7,
        }];
        Snapshot { functions: vec![function], ..Snapshot::default() }
    }

    #[test]
    fn buckets_are_numbered_by_their_lower_bound() {
        let metrics = metrics(&busy(3), None, 5, None);
        let Data::ExponentialHistogram(histogram) = of(&metrics, "function_calls_duration_seconds") else { panic!() };
        assert_eq!(histogram.aggregation_temporality, AggregationTemporality::Cumulative as i32);
        let point = &histogram.data_points[0];
        assert_eq!((point.count, point.sum, point.scale), (3, Some(3.0), 5));
        assert_eq!((point.start_time_unix_nano, point.time_unix_nano), (1, 5));
        // One second is the upper bound of (2^(-1/32), 1], which OTLP numbers −1.
        assert_eq!(point.positive, Some(Buckets { offset: -1, bucket_counts: vec![3] }));
        let exemplar = &point.exemplars[0];
        assert_eq!((exemplar.trace_id[0], exemplar.span_id.len(), exemplar.time_unix_nano), (0x4b, 8, 7));
    }

    #[test]
    fn differences_are_those_since_the_last_time() {
        let mut deltas = Deltas::default();
        let counted = |metrics: &[WireMetric]| {
            let Data::Sum(sum) = of(metrics, "function_calls").clone() else { panic!() };
            assert!(sum.is_monotonic);
            let ok = sum
                .data_points
                .into_iter()
                .find(|point| point.attributes.iter().any(|one| *one == text("result", "ok")));
            let ok = ok.unwrap();
            (ok.value, ok.start_time_unix_nano, sum.aggregation_temporality)
        };
        let delta = AggregationTemporality::Delta as i32;
        let first = metrics(&busy(3), None, 5, Some(&mut deltas));
        assert_eq!(counted(&first), (Some(Number::AsDouble(3.0)), 1, delta));
        let second = metrics(&busy(10), None, 8, Some(&mut deltas));
        assert_eq!(counted(&second), (Some(Number::AsDouble(7.0)), 5, delta));
        let Data::ExponentialHistogram(histogram) = of(&second, "function_calls_duration_seconds") else { panic!() };
        let point = &histogram.data_points[0];
        assert_eq!((point.count, point.sum, point.start_time_unix_nano), (7, Some(7.0), 5));
    }

    #[test]
    fn the_users_metrics_keep_their_kinds() {
        let user = "# TYPE a_total counter\na_total 3\n# TYPE b gauge\nb{x=\"y\"} -1.5\n# TYPE c histogram\nc_bucket{le=\"1\"} 2\n\
                    c_bucket{le=\"+Inf\"} 4\nc_sum 9\nc_count 4\n# TYPE d summary\nd{quantile=\"0.5\"} 7\nd_sum 8\nd_count 2\n";
        let metrics = metrics(&Snapshot::default(), Some(user), 5, None);
        let Data::Sum(a) = of(&metrics, "a") else { panic!() };
        assert_eq!((a.is_monotonic, a.data_points[0].value), (true, Some(Number::AsDouble(3.0))));
        let Data::Gauge(b) = of(&metrics, "b") else { panic!() };
        assert_eq!(b.data_points[0].attributes, [text("x", "y")]);
        let Data::Histogram(c) = of(&metrics, "c") else { panic!() };
        let c = &c.data_points[0];
        assert_eq!((&*c.bucket_counts, &*c.explicit_bounds, c.sum), ([2, 2].as_slice(), [1.0].as_slice(), Some(9.0)));
        let Data::Summary(d) = of(&metrics, "d") else { panic!() };
        assert_eq!((d.data_points[0].count, d.data_points[0].quantile_values[0].value), (2, 7.0));
    }
}
