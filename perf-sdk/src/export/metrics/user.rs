//! The user's own metrics, parsed from the text of their recorder, so that they can be written in
//! every format.

use std::borrow::Cow;
use std::collections::HashMap;

use super::family::{Family, Head, Kind, Metric, Value};

/// Parses Prometheus text 0.0.4. Invalid lines are ignored, because the rest of the scrape is still
/// useful.
///
/// The names are the user's own; see [`Names`](super::names::Names).
pub(super) fn parse(text: &str) -> Vec<Family<'_>> {
    let mut families: Vec<Family<'_>> = Vec::new();
    let mut helps: HashMap<&str, Cow<'_, str>> = HashMap::new();
    for line in text.lines().map(str::trim) {
        if let Some(comment) = line.strip_prefix('#') {
            let mut words = comment.trim_start().splitn(3, ' ');
            match (words.next(), words.next(), words.next()) {
                (Some("HELP"), Some(name), Some(help)) => {
                    helps.insert(name, unescaped(help));
                }
                (Some("TYPE"), Some(name), Some(kind)) => {
                    let help = helps.remove(name).unwrap_or_default();
                    let head = Head { name: name.into(), help, unit: "", kind: kind_of(kind), has_stem: true };
                    families.push(Family { head, metrics: Vec::new() });
                }
                _ => {}
            }
        } else if let Some(sample) = Sample::parse(line) {
            if families.last().is_none_or(|family| sample.part_of(&family.head).is_none()) {
                let head = Head {
                    name: sample.name.into(),
                    help: Cow::default(),
                    unit: "",
                    kind: Kind::Unknown,
                    has_stem: true,
                };
                families.push(Family { head, metrics: Vec::new() });
            }
            if let Some(family) = families.last_mut() {
                family.add(sample);
            }
        }
    }
    families.retain(|family| !family.metrics.is_empty());
    families
}

fn kind_of(text: &str) -> Kind {
    match text.trim() {
        "counter" => Kind::Counter,
        "gauge" => Kind::Gauge,
        "histogram" => Kind::Histogram,
        "summary" => Kind::Summary,
        _ => Kind::Unknown,
    }
}

impl<'a> Family<'a> {
    fn add(&mut self, sample: Sample<'a>) {
        let Some(part) = sample.part_of(&self.head) else { return };
        let Sample { mut labels, value, .. } = sample;
        // The recorder writes this label last. The user may have a label of the same name.
        let mut bound = |name: &str| {
            let at = labels.iter().rposition(|label| label.0 == name)?;
            number(&labels.remove(at).1)
        };
        let (le, quantile) = match self.head.kind {
            Kind::Histogram if part == "_bucket" => (bound("le"), None),
            Kind::Summary if part.is_empty() => (None, bound("quantile")),
            _ => (None, None),
        };
        let labels = usable(labels, self.head.kind);
        let empty = match self.head.kind {
            Kind::Histogram => Value::Buckets { buckets: Vec::new(), sum: 0.0, count: 0 },
            Kind::Summary => Value::Quantiles { quantiles: Vec::new(), sum: 0.0, count: 0 },
            _ => {
                self.metrics.push(Metric { function: None, labels, value: Value::Number(value) });
                return;
            }
        };
        // The lines of one metric are consecutive.
        if self.metrics.last().is_none_or(|last| last.labels != labels) {
            self.metrics.push(Metric { function: None, labels, value: empty });
        }
        match (self.metrics.last_mut().map(|metric| &mut metric.value), part) {
            (Some(Value::Buckets { sum, .. } | Value::Quantiles { sum, .. }), "_sum") => *sum = value,
            (Some(Value::Buckets { count, .. } | Value::Quantiles { count, .. }), "_count") => *count = value as u64,
            (Some(Value::Buckets { buckets, .. }), "_bucket") => {
                buckets.extend(le.filter(|le| le.is_finite()).map(|le| (le, value as u64)));
            }
            (Some(Value::Quantiles { quantiles, .. }), "") => quantiles.extend(quantile.map(|q| (q, value))),
            _ => {}
        }
    }
}

/// One line: `name{label="value",…} value [timestamp]`.
struct Sample<'a> {
    name: &'a str,
    labels: Vec<(&'a str, Cow<'a, str>)>,
    value: f64,
}

impl<'a> Sample<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let end = line.find(['{', ' ', '\t'])?;
        let (name, mut rest) = line.split_at(end);
        let mut labels: Vec<(&str, Cow<'_, str>)> = Vec::new();
        if let Some(inside) = rest.strip_prefix('{') {
            rest = inside;
            loop {
                rest = rest.trim_start_matches([',', ' ']);
                if let Some(after) = rest.strip_prefix('}') {
                    rest = after;
                    break;
                }
                let (label, after) = rest.split_once("=\"")?;
                let end = closing_quote(after)?;
                labels.push((label.trim(), unescaped(&after[..end])));
                rest = &after[end + 1..];
            }
        }
        let value = number(rest.split_ascii_whitespace().next()?)?;
        let are_names =
            is_name(name, true) && labels.iter().all(|(label, _)| label.is_empty() || is_name(label, false));
        are_names.then_some(Self { name, labels, value })
    }

    /// The suffix by which this sample belongs to the family. `None` if it does not.
    fn part_of(&self, head: &Head<'_>) -> Option<&'a str> {
        let suffix = self.name.strip_prefix(head.name.as_ref())?;
        let belongs = match head.kind {
            Kind::Histogram => matches!(suffix, "_bucket" | "_sum" | "_count"),
            Kind::Summary => matches!(suffix, "" | "_sum" | "_count"),
            _ => suffix.is_empty(),
        };
        belongs.then_some(suffix)
    }
}

/// Labels that every reader accepts. Otherwise one series would invalidate the whole scrape.
pub(super) fn usable<'a>(labels: Vec<(&'a str, Cow<'a, str>)>, kind: Kind) -> Vec<(&'a str, Cow<'a, str>)> {
    let mut usable: Vec<(&str, Cow<'_, str>)> = Vec::with_capacity(labels.len());
    for (name, value) in labels {
        let name = match (name, kind) {
            ("", _) => "label_",
            ("__name__", _) => "label___name__",
            ("le", Kind::Histogram) => "label_le",
            ("quantile", Kind::Summary) => "label_quantile",
            (name, _) => name,
        };
        // The recorder may have made names equal when it replaced invalid characters.
        if usable.iter().all(|(known, _)| *known != name) {
            usable.push((name, value));
        }
    }
    usable
}

/// Whether all formats accept this as a name. An invalid name would make the whole scrape
/// unreadable.
pub(super) fn is_name(text: &str, may_have_colons: bool) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || (may_have_colons && byte == b':');
    text.bytes().all(fits) && text.bytes().next().is_some_and(|first| !first.is_ascii_digit())
}

fn closing_quote(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.bytes().position(|byte| {
        let closes = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        closes
    })
}

fn unescaped(text: &str) -> Cow<'_, str> {
    if !text.contains('\\') {
        return text.into();
    }
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        match (c, characters.clone().next()) {
            ('\\', Some(next @ ('\\' | '"' | 'n'))) => {
                plain.push(if next == 'n' { '\n' } else { next });
                characters.next();
            }
            _ => plain.push(c),
        }
    }
    plain.into()
}

/// Accepts `NaN`, `+Inf` and `-Inf` in any case, as any language writes them.
fn number(text: &str) -> Option<f64> {
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(family: &Family<'_>) -> Vec<f64> {
        let number = |metric: &Metric<'_>| match metric.value {
            Value::Number(value) => value,
            _ => panic!("{metric:?}"),
        };
        family.metrics.iter().map(number).collect()
    }

    #[test]
    fn reads_all_kinds() {
        let families = parse(
            "# HELP jobs_total jobs \\\\ done\\n\n# TYPE jobs_total counter\njobs_total{queue=\"a\\\"b,c} d\",kind=\"x\\\\\"} 3\njobs_total 4\n\n\
             # TYPE depth gauge\ndepth NaN\ndepth{q=\"\"} -inf 1700000000000\n\n\
             # TYPE took histogram\ntook_bucket{r=\"1\",le=\"0.5\"} 1\ntook_bucket{r=\"1\",le=\"+Inf\"} 2\ntook_sum{r=\"1\"} 7.5\ntook_count{r=\"1\"} 2\n\
             took_bucket{r=\"2\",le=\"0.5\"} 0\ntook_bucket{r=\"2\",le=\"+Inf\"} 0\ntook_sum{r=\"2\"} 0\ntook_count{r=\"2\"} 0\n\n\
             # TYPE size summary\nsize{quantile=\"0.9\"} 8\nsize{quantile=\"1\"} 9\nsize_sum 17\nsize_count 2\n\n\
             loose 5\n",
        );
        let [jobs, depth, took, size, loose] = families.as_slice() else { panic!("{families:?}") };
        assert_eq!((jobs.head.kind, jobs.head.help.as_ref()), (Kind::Counter, "jobs \\ done\n"));
        assert_eq!(jobs.metrics[0].labels, [("queue", "a\"b,c} d".into()), ("kind", "x\\".into())]);
        assert_eq!(numbers(jobs), [3.0, 4.0]);
        assert!(numbers(depth)[0].is_nan() && numbers(depth)[1] == f64::NEG_INFINITY);
        assert_eq!(took.metrics.len(), 2);
        assert_eq!(took.metrics[0].labels, [("r", "1".into())]);
        assert_eq!(took.metrics[0].value, Value::Buckets { buckets: vec![(0.5, 1)], sum: 7.5, count: 2 });
        assert_eq!(
            size.metrics[0].value,
            Value::Quantiles { quantiles: vec![(0.9, 8.0), (1.0, 9.0)], sum: 17.0, count: 2 }
        );
        assert_eq!((loose.head.kind, numbers(loose)), (Kind::Unknown, vec![5.0]));
    }

    #[test]
    fn invalid_lines_are_ignored() {
        for text in [
            "",
            "# TYPE",
            "# TYPE x",
            "x",
            "x{",
            "x{a",
            "x{a=",
            "x{a=\"",
            "x{a=\"b\"",
            "x{a=\"b\"} z",
            "{} 1",
            "x{a=\"\\\"} 1",
            "# é",
            "x é",
            "é 1",
            "0x 1",
            "x{é=\"1\"} 1",
            "x{a:b=\"1\"} 1",
        ] {
            assert_eq!(parse(text), [], "{text}");
        }
        assert_eq!(parse("x{a=\"1\",a=\"2\"} 1")[0].metrics[0].labels, [("a", "1".into())]);
    }

    #[test]
    fn labels_that_readers_reject_are_renamed() {
        let families = parse(
            "# TYPE x gauge\nx{=\"1\",__name__=\"y\",le=\"2\"} 1\n\
             # TYPE took histogram\ntook_bucket{le=\"mine\",le=\"0.5\"} 1\ntook_bucket{le=\"mine\",le=\"+Inf\"} 1\n\
             took_sum{le=\"mine\"} 7\ntook_count{le=\"mine\"} 1\n\
             # TYPE size summary\nsize{quantile=\"a\",quantile=\"0.9\"} 8\nsize_count{quantile=\"a\"} 2\n",
        );
        let [x, took, size] = families.as_slice() else { panic!("{families:?}") };
        assert_eq!(x.metrics[0].labels, [("label_", "1".into()), ("label___name__", "y".into()), ("le", "2".into())]);
        assert_eq!((took.metrics.len(), &took.metrics[0].labels), (1, &vec![("label_le", "mine".into())]));
        assert_eq!(took.metrics[0].value, Value::Buckets { buckets: vec![(0.5, 1)], sum: 7.0, count: 1 });
        assert_eq!((size.metrics.len(), &size.metrics[0].labels), (1, &vec![("label_quantile", "a".into())]));
        assert_eq!(size.metrics[0].value, Value::Quantiles { quantiles: vec![(0.9, 8.0)], sum: 0.0, count: 2 });
    }
}
