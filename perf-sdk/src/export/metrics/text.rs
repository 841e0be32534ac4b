//! Common parts of the two text formats: sample lines, labels, numbers.

use std::fmt::{self, Display, Write as _};
use std::io::{self, Write};

use super::family::{Metric, Value};
use crate::export::safe;
use crate::snapshot::Exemplar;

/// Writes the sample lines of metrics.
// PERF: of a histogram there are dozens, so what they have in common is formatted once, and they
// are written as one text. All of these are used again for the next metric.
#[derive(Default)]
pub(super) struct Lines {
    text: String,
    name: String,
    /// In braces, or empty.
    labels: String,
    /// Of a histogram: the beginning of the line of a bucket, up to its `le`.
    bucket: String,
}

impl Lines {
    /// The lines of one metric.
    pub(super) fn write(
        &mut self,
        to: &mut dyn Write,
        name: &str,
        metric: &Metric<'_>,
        with_exemplars: bool,
    ) -> io::Result<()> {
        self.text.clear();
        self.labels.clear();
        name.clone_into(&mut self.name);
        // Writing to a string does not fail.
        let _ = write!(self.labels, "{}", Labels(&metric.labels));
        let _ = self.metric(metric, with_exemplars);
        to.write_all(self.text.as_bytes())
    }

    fn metric(&mut self, metric: &Metric<'_>, with_exemplars: bool) -> fmt::Result {
        match &metric.value {
            Value::Number(value) => self.plain("", Number(*value)),
            Value::Distribution { histogram, sum, exemplars } => {
                self.begin_buckets();
                let per_unit = histogram.scale().per_unit() as f64;
                let mut exemplars = exemplars.iter().filter(|_| with_exemplars).peekable();
                let (bounds, count) = (histogram.scale().classic_bounds(), histogram.count());
                let infinite = std::iter::once((u64::MAX, "+Inf", count));
                let finite =
                    bounds.iter().zip(histogram.classic()).map(|((bound, label), (_, count))| (*bound, *label, count));
                for (bound, le, count) in finite.chain(infinite) {
                    self.bucket(le, count)?;
                    // Exemplars are sorted. Of two in the same bucket the later one is written.
                    let mut newest = None;
                    while let Some(exemplar) = exemplars.next_if(|exemplar| exemplar.value_ns <= bound) {
                        newest = Some(exemplar);
                    }
                    if let Some(exemplar) = newest {
                        write!(self.text, " # {}", Reference { exemplar, per_unit })?;
                    }
                    self.text.push('\n');
                }
                self.sum_and_count(*sum, count)
            }
            Value::Buckets { buckets, sum, count } => self.classic(buckets, *sum, *count),
            Value::Measured { buckets, sum, count, .. } => self.classic(buckets, *sum, *count),
            Value::Quantiles { quantiles, sum, count } => {
                for (quantile, value) in quantiles {
                    let (name, open) = (&self.name, before(&self.labels, "quantile"));
                    writeln!(self.text, "{name}{open}{}\"}} {}", bound_label(*quantile), Number(*value))?;
                }
                self.sum_and_count(*sum, *count)
            }
        }
    }

    fn classic(&mut self, buckets: &[(f64, u64)], sum: f64, count: u64) -> fmt::Result {
        self.begin_buckets();
        for (bound, count) in buckets {
            self.bucket(&bound_label(*bound), *count)?;
            self.text.push('\n');
        }
        self.bucket("+Inf", count)?;
        self.text.push('\n');
        self.sum_and_count(sum, count)
    }

    fn begin_buckets(&mut self) {
        self.bucket.clear();
        for part in [&self.name, "_bucket", &before(&self.labels, "le")] {
            self.bucket.push_str(part);
        }
    }

    /// Without the end of the line.
    fn bucket(&mut self, le: &str, count: u64) -> fmt::Result {
        self.text.push_str(&self.bucket);
        self.text.push_str(le);
        self.text.push_str("\"} ");
        write!(self.text, "{count}")
    }

    fn sum_and_count(&mut self, sum: f64, count: u64) -> fmt::Result {
        self.plain("_sum", Number(sum))?;
        self.plain("_count", count)
    }

    fn plain(&mut self, suffix: &str, value: impl Display) -> fmt::Result {
        for part in [&self.name, suffix, &self.labels] {
            self.text.push_str(part);
        }
        writeln!(self.text, " {value}")
    }
}

/// These labels and a further one, up to its value.
fn before(labels: &str, name: &str) -> String {
    match labels.strip_suffix('}') {
        Some(open) => format!("{open},{name}=\""),
        None => format!("{{{name}=\""),
    }
}

struct Labels<'a>(&'a [(&'a str, std::borrow::Cow<'a, str>)]);

impl Display for Labels<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut before = '{';
        for (name, value) in self.0 {
            write!(f, "{before}{name}=\"{}\"", Escaped { text: value, quotes: true })?;
            before = ',';
        }
        if before == ',' { f.write_str("}") } else { Ok(()) }
    }
}

/// A label's value, or a help text, with the escapes of the format.
pub(super) struct Escaped<'a> {
    pub(super) text: &'a str,
    /// Whether double quotes are escaped too.
    pub(super) quotes: bool,
}

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = safe::label(self.text);
        let mut rest = text.as_ref();
        while let Some(at) = rest.find(|c| matches!(c, '\\' | '\n') || (c == '"' && self.quotes)) {
            f.write_str(&rest[..at])?;
            f.write_str(match rest.as_bytes()[at] {
                b'\\' => "\\\\",
                b'\n' => "\\n",
                _ => "\\\"",
            })?;
            rest = &rest[at + 1..];
        }
        f.write_str(rest)
    }
}

/// An exemplar, as written after the `#`.
struct Reference<'a> {
    exemplar: &'a Exemplar,
    per_unit: f64,
}

impl Display for Reference<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Exemplar { value_ns, at_unix_ns, .. } = self.exemplar;
        let labels: Vec<(&str, std::borrow::Cow<'_, str>)> =
            exemplar_labels(self.exemplar).map(|(name, value)| (name, value.into())).collect();
        let labels = Labels(&labels).to_string();
        let labels = if labels.is_empty() { "{}" } else { &labels };
        let (seconds, ms) = (at_unix_ns / 1_000_000_000, at_unix_ns / 1_000_000 % 1_000);
        write!(f, "{labels} {} {seconds}.{ms:03}", Number(*value_ns as f64 / self.per_unit))
    }
}

/// The maximum number of characters of all names and values together.
const EXEMPLAR_CHARACTERS: usize = 128;

/// The labels of an exemplar, without those that would make it too long.
pub(super) fn exemplar_labels(exemplar: &Exemplar) -> impl Iterator<Item = (&'static str, &str)> {
    let mut left = EXEMPLAR_CHARACTERS;
    [("trace_id", exemplar.trace_id.as_str()), ("span_id", exemplar.span_id.as_str())].into_iter().filter(
        move |(name, value)| {
            let length = name.len() + safe::label(value).chars().count();
            let fits = !value.is_empty() && length <= left;
            left -= if fits { length } else { 0 };
            fits
        },
    )
}

/// A sample's value, as the formats write it.
pub(super) struct Number(pub(super) f64);

impl Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            n if n.is_nan() => f.write_str("NaN"),
            n if n.is_infinite() => f.write_str(if n > 0.0 { "+Inf" } else { "-Inf" }),
            n if n == 0.0 || (1e-6..1e16).contains(&n.abs()) => write!(f, "{n}"),
            n => write!(f, "{n:e}"),
        }
    }
}

/// The value of an `le` or `quantile` label, formatted as a Prometheus server formats it when it
/// derives the label from protobuf. Otherwise the same bucket would be another series in another
/// format.
pub(super) fn bound_label(bound: f64) -> String {
    if !bound.is_finite() {
        return Number(bound).to_string();
    }
    let scientific = format!("{bound:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    match exponent.parse::<i32>() {
        Ok(exponent) if bound != 0.0 && !(-4..6).contains(&exponent) => {
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{digits}e{sign}{:02}", exponent.abs())
        }
        _ => {
            let plain = bound.to_string();
            if plain.contains('.') { plain } else { format!("{plain}.0") }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::histogram::Scale;

    #[test]
    fn bounds_are_formatted_as_a_server_formats_them() {
        for (bound, label) in [
            (0.0, "0.0"),
            (1.0, "1.0"),
            (0.5, "0.5"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (2.5e-7, "2.5e-07"),
            (100_000.0, "100000.0"),
            (123_456.5, "123456.5"),
            (1e6, "1e+06"),
            (1.5e100, "1.5e+100"),
            (-2.0, "-2.0"),
            (f64::INFINITY, "+Inf"),
        ] {
            assert_eq!(bound_label(bound), label);
        }
        for scale in [Scale::Seconds, Scale::Bytes] {
            for (bound, label) in scale.classic_bounds() {
                assert_eq!(bound_label(*bound as f64 / scale.per_unit() as f64), *label);
            }
        }
    }

    #[test]
    fn numbers_are_read_back_exactly() {
        for n in [0.0, 1.0, -3.5, 1e-9, 0.1 + 0.2, 123_456_789.123, 1e300, f64::MIN_POSITIVE, 9_007_199_254_740_993.0] {
            assert_eq!(Number(n).to_string().parse::<f64>().unwrap(), n);
        }
        assert_eq!(Number(f64::NAN).to_string(), "NaN");
        assert_eq!(Number(f64::NEG_INFINITY).to_string(), "-Inf");
    }

    #[test]
    fn labels_are_escaped() {
        let labels = [("a", "x\\y\"z\nü".into())];
        assert_eq!(Labels(&labels).to_string(), "{a=\"x\\\\y\\\"z\\nü\"}");
        assert_eq!(Labels(&[]).to_string(), "");
        assert_eq!(Escaped { text: "say \"\\\"\n", quotes: false }.to_string(), "say \"\\\\\"\\n");
    }

    #[test]
    fn an_exemplar_is_not_longer_than_allowed() {
        let exemplar = Exemplar { trace_id: "a".repeat(100), span_id: "b".repeat(30), ..Exemplar::default() };
        assert_eq!(exemplar_labels(&exemplar).map(|label| label.0).collect::<Vec<_>>(), ["trace_id"]);
        let exemplar = Exemplar { trace_id: "a".repeat(200), span_id: "b".repeat(30), ..Exemplar::default() };
        assert_eq!(exemplar_labels(&exemplar).map(|label| label.0).collect::<Vec<_>>(), ["span_id"]);
    }
}
