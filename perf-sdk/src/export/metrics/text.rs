//! Common parts of the two text formats: sample lines, labels, numbers.

use std::borrow::Cow;
use std::fmt::{self, Display};
use std::io::{self, Write};

use super::digits;
use super::family::{Metric, Value};
use crate::base::plain::is_plain;
use crate::export::safe;
use crate::histogram::{Histogram, Scale};
use crate::snapshot::{Exemplar, Figures};

/// Writes the sample lines of metrics.
// PERF: of a histogram there are dozens, so what they have in common is formatted once. All of
// these are used again for the next metric.
#[derive(Debug, Default)]
pub(super) struct Lines {
    name: Vec<u8>,
    /// In braces, or empty.
    labels: Vec<u8>,
    /// Of a histogram: the beginning of the line of a bucket, up to its `le`.
    bucket: Vec<u8>,
    counts: Vec<u64>,
}

impl Lines {
    /// The lines of metrics of one name.
    pub(super) fn write(
        &mut self,
        to: &mut Vec<u8>,
        name: &str,
        metrics: &mut dyn Iterator<Item = Metric<'_>>,
        with_exemplars: bool,
    ) -> io::Result<()> {
        self.name.clear();
        self.name.extend_from_slice(name.as_bytes());
        for metric in metrics {
            self.labels.clear();
            labels(&mut self.labels, metric.function, &metric.labels)?;
            self.metric(to, &metric, with_exemplars)?;
        }
        Ok(())
    }

    fn metric(&mut self, to: &mut Vec<u8>, metric: &Metric<'_>, with_exemplars: bool) -> io::Result<()> {
        match &metric.value {
            Value::Number(value) => self.number(to, b"", *value),
            Value::Distribution { histogram, sum, exemplars } => {
                self.distribution(to, histogram, *sum, if with_exemplars { exemplars } else { &[] })?;
            }
            Value::Buckets { buckets, sum, count } => self.classic(to, buckets, *sum, *count),
            Value::Measured { buckets, sum, count, .. } => self.classic(to, buckets, *sum, *count),
            Value::Quantiles { quantiles, sum, count } => {
                for (quantile, value) in quantiles {
                    to.extend_from_slice(&self.name);
                    before(to, &self.labels, b"quantile");
                    to.extend_from_slice(bound_label(*quantile).as_bytes());
                    to.extend_from_slice(b"\"} ");
                    digits::float(to, *value);
                    to.push(b'\n');
                }
                self.sum_and_count(to, *sum, *count);
            }
        }
        Ok(())
    }

    fn distribution(
        &mut self,
        to: &mut Vec<u8>,
        histogram: &Histogram,
        sum: f64,
        exemplars: &[Exemplar],
    ) -> io::Result<()> {
        self.begin_buckets();
        let scale = histogram.scale();
        let mut counts = std::mem::take(&mut self.counts);
        histogram.classic_counts(&mut counts);
        let mut exemplars = exemplars.iter().peekable();
        let infinite = std::iter::once(&(u64::MAX, "+Inf"));
        for ((bound, le), count) in scale.classic_bounds().iter().chain(infinite).zip(&counts) {
            self.bucket(to, le, *count);
            // Exemplars are sorted. Of two in the same bucket the later one is written.
            let mut newest = None;
            while let Some(exemplar) = exemplars.next_if(|exemplar| exemplar.value_ns <= *bound) {
                newest = Some(exemplar);
            }
            if let Some(exemplar) = newest {
                reference(to, exemplar, scale)?;
            }
            to.push(b'\n');
        }
        self.sum_and_count(to, sum, counts.last().copied().unwrap_or(0));
        self.counts = counts;
        Ok(())
    }

    fn classic(&mut self, to: &mut Vec<u8>, buckets: &[(f64, u64)], sum: f64, count: u64) {
        self.begin_buckets();
        for (bound, count) in buckets {
            self.bucket(to, &bound_label(*bound), *count);
            to.push(b'\n');
        }
        self.bucket(to, "+Inf", count);
        to.push(b'\n');
        self.sum_and_count(to, sum, count);
    }

    fn begin_buckets(&mut self) {
        self.bucket.clear();
        self.bucket.extend_from_slice(&self.name);
        self.bucket.extend_from_slice(b"_bucket");
        before(&mut self.bucket, &self.labels, b"le");
    }

    /// Without the end of the line.
    fn bucket(&self, to: &mut Vec<u8>, le: &str, count: u64) {
        for part in [&self.bucket, le.as_bytes(), b"\"} "] {
            to.extend_from_slice(part);
        }
        digits::whole(to, count);
    }

    fn sum_and_count(&self, to: &mut Vec<u8>, sum: f64, count: u64) {
        self.number(to, b"_sum", sum);
        self.begin(to, b"_count");
        digits::whole(to, count);
        to.push(b'\n');
    }

    fn number(&self, to: &mut Vec<u8>, suffix: &[u8], value: f64) {
        self.begin(to, suffix);
        digits::float(to, value);
        to.push(b'\n');
    }

    /// A line, up to its value.
    fn begin(&self, to: &mut Vec<u8>, suffix: &[u8]) {
        for part in [&self.name, suffix, &self.labels, b" "] {
            to.extend_from_slice(part);
        }
    }
}

/// These labels and a further one, up to its value.
fn before(to: &mut Vec<u8>, labels: &[u8], name: &[u8]) {
    match labels.strip_suffix(b"}") {
        Some(open) => {
            to.extend_from_slice(open);
            to.push(b',');
        }
        None => to.push(b'{'),
    }
    to.extend_from_slice(name);
    to.extend_from_slice(b"=\"");
}

/// Labels in braces; nothing if there are none.
fn labels(to: &mut Vec<u8>, function: Option<&Figures<'_>>, labels: &[(&str, Cow<'_, str>)]) -> io::Result<()> {
    let mut before = b'{';
    if let Some(Figures { name, module, is_plain, .. }) = function {
        // PERF: the names of functions are in nearly all lines.
        let parts: [&[u8]; 5] = [b"{function=\"", name.as_bytes(), b"\",module=\"", module.as_bytes(), b"\""];
        if *is_plain {
            parts.into_iter().for_each(|part| to.extend_from_slice(part));
        } else {
            let escaped = |text| Escaped { text, quotes: true };
            write!(to, "{{function=\"{}\",module=\"{}\"", escaped(name), escaped(module))?;
        }
        before = b',';
    }
    for (name, value) in labels {
        to.push(before);
        to.extend_from_slice(name.as_bytes());
        to.extend_from_slice(b"=\"");
        if is_plain(value) {
            to.extend_from_slice(value.as_bytes());
        } else {
            write!(to, "{}", Escaped { text: value, quotes: true })?;
        }
        to.push(b'"');
        before = b',';
    }
    if before == b',' {
        to.push(b'}');
    }
    Ok(())
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

/// An exemplar, at the end of its line.
fn reference(to: &mut Vec<u8>, exemplar: &Exemplar, scale: Scale) -> io::Result<()> {
    let of_trace: Vec<(&str, Cow<'_, str>)> =
        exemplar_labels(exemplar).map(|(name, value)| (name, value.into())).collect();
    to.extend_from_slice(b" # ");
    match of_trace.as_slice() {
        [] => to.extend_from_slice(b"{}"),
        some => labels(to, None, some)?,
    }
    to.push(b' ');
    digits::float(to, exemplar.value_ns as f64 / scale.per_unit() as f64);
    let at = exemplar.at_unix_ns;
    write!(to, " {}.{:03}", at / 1_000_000_000, at / 1_000_000 % 1_000)
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

/// The value of an `le` or `quantile` label, formatted as a Prometheus server formats it when it
/// derives the label from protobuf. Otherwise the same bucket would be another series in another
/// format.
pub(super) fn bound_label(bound: f64) -> String {
    if !bound.is_finite() {
        let mut text = Vec::new();
        digits::float(&mut text, bound);
        return String::from_utf8(text).unwrap_or_default();
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
    fn labels_are_escaped() {
        let text = |function, all: &[_]| {
            let mut text = Vec::new();
            labels(&mut text, function, all).unwrap();
            String::from_utf8(text).unwrap()
        };
        let label = [("a", "x\\y\"z\nü".into())];
        assert_eq!(text(None, &label), "{a=\"x\\\\y\\\"z\\nü\"}");
        assert_eq!(text(None, &[]), "");
        let plain = Figures { name: "f", module: "m::n", is_plain: true, ..Figures::default() };
        assert_eq!(text(Some(&plain), &label), "{function=\"f\",module=\"m::n\",a=\"x\\\\y\\\"z\\nü\"}");
        let other = Figures { name: "<T as \"X\">::f", module: "m\n", ..Figures::default() };
        assert_eq!(text(Some(&other), &[]), "{function=\"<T as \\\"X\\\">::f\",module=\"m\\n\"}");
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
