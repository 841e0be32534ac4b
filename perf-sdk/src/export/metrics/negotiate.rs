//! Negotiates the format of a scrape.

use std::fmt;

/// A format in which metrics are scraped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// Prometheus text 0.0.4.
    #[default]
    Text,
    /// OpenMetrics 1.0: text with exemplars.
    OpenMetrics,
    /// `io.prometheus.client.MetricFamily`, delimited: classic and native histograms, exemplars.
    Protobuf,
}

impl Format {
    const ALL: [Self; 3] = [Self::Text, Self::OpenMetrics, Self::Protobuf];

    /// The value of the `Content-Type` header.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Protobuf => {
                "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
            }
        }
    }

    /// The format that an `Accept` header requests: the one with the highest `q`, then the most
    /// specific one, then the first. [`Format::Text`] if there is no header, or if it names no
    /// format that exists here: with a response, the scraper can report what is wrong.
    ///
    /// Unknown parameters, including `escaping`, are ignored: all names comply with the strictest
    /// rules, so none needs escaping.
    #[must_use]
    pub fn negotiate(accept: Option<&str>) -> Self {
        let ranges: Vec<Range<'_>> = elements(accept.unwrap_or_default(), ',').filter_map(Range::parse).collect();
        let mut best = (Self::Text, 0, 0, 0);
        for format in Self::ALL {
            // Of the ranges that match a format, only the most specific ones count:
            // `text/plain;q=0, */*` rejects text.
            let exactness = ranges.iter().map(|range| range.matches(format)).max().unwrap_or(0);
            let matching =
                ranges.iter().enumerate().filter(|(_, range)| exactness > 0 && range.matches(format) == exactness);
            let Some((at, range)) = matching.max_by_key(|(at, range)| (range.permille, usize::MAX - at)) else {
                continue;
            };
            let earliness = usize::MAX - at;
            if range.permille > 0 && (range.permille, exactness, earliness) > (best.1, best.2, best.3) {
                best = (format, range.permille, exactness, earliness);
            }
        }
        best.0
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.content_type())
    }
}

/// One media range of an Accept header.
struct Range<'a> {
    kind: &'a str,
    subkind: &'a str,
    version: Option<&'a str>,
    encoding: Option<&'a str>,
    proto: Option<&'a str>,
    permille: u16,
}

impl<'a> Range<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let mut parts = elements(text, ';');
        let (kind, subkind) = parts.next()?.split_once('/')?;
        let mut range = Self {
            kind: kind.trim(),
            subkind: subkind.trim(),
            version: None,
            encoding: None,
            proto: None,
            permille: 1000,
        };
        for part in parts {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let value = Some(value.trim().trim_matches('"'));
            match name.trim().to_ascii_lowercase().as_str() {
                "q" => range.permille = value.and_then(permille)?,
                "version" => range.version = value,
                "encoding" => range.encoding = value,
                "proto" => range.proto = value,
                _ => {}
            }
        }
        Some(range)
    }

    /// 0 if it does not match, higher if it is more specific.
    fn matches(&self, format: Format) -> u8 {
        let (kind, subkind) = match format {
            Format::Text => ("text", "plain"),
            Format::OpenMetrics => ("application", "openmetrics-text"),
            Format::Protobuf => ("application", "vnd.google.protobuf"),
        };
        let exact = self.kind.eq_ignore_ascii_case(kind);
        match self.subkind {
            // A client that accepts anything gets text: it is a person or a simple tool.
            "*" if self.kind == "*" => u8::from(format == Format::Text),
            "*" if exact && format != Format::Protobuf => 2,
            named if exact && named.eq_ignore_ascii_case(subkind) && self.parameters_fit(format) => 3,
            _ => 0,
        }
    }

    fn parameters_fit(&self, format: Format) -> bool {
        match format {
            Format::Text => matches!(self.version, None | Some("0.0.4" | "1.0.0")),
            // 0.0.1 was the draft of the same version.
            Format::OpenMetrics => matches!(self.version, None | Some("1.0.0" | "0.0.1")),
            Format::Protobuf => {
                matches!(self.proto, None | Some("io.prometheus.client.MetricFamily"))
                    && matches!(self.encoding, None | Some("delimited"))
            }
        }
    }
}

/// `q` in thousandths; `None` if it is not a number from 0 to 1.
fn permille(text: &str) -> Option<u16> {
    let q: f64 = text.parse().ok()?;
    (0.0..=1.0).contains(&q).then(|| (q * 1000.0).round() as u16)
}

/// The parts between separators outside of quotes, trimmed, without empty ones.
fn elements(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    text.split(move |c| {
        quoted ^= c == '"';
        c == separator && !quoted
    })
    .map(str::trim)
    .filter(|part| !part.is_empty())
}

#[cfg(test)]
mod tests {
    use super::Format::{self, OpenMetrics, Protobuf, Text};

    #[test]
    fn headers_of_real_scrapers() {
        for (format, accept) in [
            // curl; a browser.
            (Text, "*/*"),
            (Text, "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"),
            // Prometheus 2.5 to 2.4x.
            (OpenMetrics, "application/openmetrics-text; version=0.0.1,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"),
            (
                OpenMetrics,
                "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
            ),
            // The same with native histograms.
            (
                Protobuf,
                "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited,application/openmetrics-text;version=1.0.0;q=0.8,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
            ),
            // Prometheus 3.
            (
                OpenMetrics,
                "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
            ),
            (
                Protobuf,
                "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,application/openmetrics-text;version=1.0.0;escaping=underscores;q=0.5,*/*;q=0.1",
            ),
            // OpenTelemetry collector, VictoriaMetrics agent.
            (
                OpenMetrics,
                "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
            ),
            (Text, "text/plain;version=0.0.4;q=1,*/*;q=0.1"),
        ] {
            assert_eq!(Format::negotiate(Some(accept)), format, "{accept}");
        }
        assert_eq!(Format::negotiate(None), Text);
    }

    #[test]
    fn weights_exactness_and_order() {
        for (format, accept) in [
            (OpenMetrics, "text/plain;q=0.3, application/openmetrics-text;q=0.4"),
            (Text, "text/plain;q=0.4, application/openmetrics-text;q=0.3"),
            (OpenMetrics, "application/openmetrics-text, text/plain"),
            (Text, "text/plain, application/openmetrics-text"),
            (OpenMetrics, "text/*, application/openmetrics-text"),
            (OpenMetrics, "application/*;q=0.9, text/plain;q=0.8"),
            (OpenMetrics, "text/plain;q=0, application/openmetrics-text;q=0.001, */*"),
            (OpenMetrics, "APPLICATION/OpenMetrics-Text ; Version=\"1.0.0\" ; Q=0.9, text/plain;q=0.1"),
            // Versions and encodings that do not exist.
            (Text, "application/openmetrics-text;version=2.0.0, text/plain;q=0.1"),
            (Text, "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=text, */*;q=0.1"),
            (Text, "application/vnd.google.protobuf;proto=other.Message;encoding=delimited"),
            (Protobuf, "application/vnd.google.protobuf"),
            // Invalid headers.
            (Text, ""),
            (Text, ",;,/;q=,,"),
            (Text, "application/openmetrics-text;q=2, image/png"),
            (Text, "application/openmetrics-text;q=NaN"),
            (OpenMetrics, "application/openmetrics-text;note=\"a,b;q=0\""),
        ] {
            assert_eq!(Format::negotiate(Some(accept)), format, "{accept}");
        }
    }
}
