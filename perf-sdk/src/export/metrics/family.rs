//! What a family of metrics is to all formats.

use std::borrow::Cow;
use std::io;

use crate::histogram::Histogram;
use crate::snapshot::Exemplar;

/// What a family's numbers mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Kind {
    /// Only grows. Its name ends in `_total`, or it is the user's and does not.
    Counter,
    Gauge,
    /// Always 1; says something by its labels. Its name ends in `_info`.
    Info,
    Histogram,
    Summary,
    Unknown,
}

impl Kind {
    /// As OpenMetrics spells it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Info => "info",
            Self::Histogram => "histogram",
            Self::Summary => "summary",
            Self::Unknown => "unknown",
        }
    }
}

/// What is said once of all metrics of one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Head<'a> {
    /// As a query spells it, in every format: with `_total`, with `_info`.
    pub(super) name: Cow<'a, str>,
    pub(super) help: Cow<'a, str>,
    /// The end of the name that is a unit, or nothing.
    pub(super) unit: &'static str,
    pub(super) kind: Kind,
    /// Of a counter whose name ends in `_total`: no other family is called by the rest of it.
    pub(super) has_stem: bool,
}

/// Labels and a value.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Metric<'a> {
    pub(super) labels: Vec<(&'a str, Cow<'a, str>)>,
    pub(super) value: Value<'a>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value<'a> {
    Number(f64),
    /// One of ours: has native buckets too.
    Distribution {
        histogram: &'a Histogram,
        /// In the base unit; no less than in an earlier scrape.
        sum: f64,
        exemplars: &'a [Exemplar],
    },
    /// Somebody else's: (upper bound, cumulative count), without `+Inf`.
    Buckets {
        buckets: Vec<(f64, u64)>,
        sum: f64,
        count: u64,
    },
    /// The user's, of our recorder: the same with native buckets.
    Measured {
        buckets: &'a [(f64, u64)],
        sum: f64,
        count: u64,
        native: &'a UserNative,
    },
    /// (quantile, value).
    Quantiles {
        quantiles: Vec<(f64, f64)>,
        sum: f64,
        count: u64,
    },
}

/// A format. It knows what metrics are; they do not know it.
pub(super) trait Encoding {
    /// Writes one family, or a part of one: `begins` says whether it is the first. Parts of one
    /// family follow each other.
    fn family(
        &mut self,
        head: &Head<'_>,
        begins: bool,
        metrics: &mut dyn Iterator<Item = Metric<'_>>,
    ) -> io::Result<()>;
    /// Writes what ends a document.
    fn end(&mut self) -> io::Result<()>;
}

/// Native buckets as (index, count), ascending, of the schema of our own.
#[derive(Debug, PartialEq)]
pub(crate) struct UserNative {
    pub(crate) zero_count: u64,
    pub(crate) positive: Vec<(i32, u64)>,
    pub(crate) negative: Vec<(i32, u64)>,
}

impl UserNative {
    /// Values up to this count as 0: 2^-64.
    pub(crate) const ZERO_THRESHOLD: f64 = f64::from_bits((1023 - 64) << 52);
}

/// A family that was read.
#[derive(Debug, PartialEq)]
pub(super) struct Family<'a> {
    pub(super) head: Head<'a>,
    pub(super) metrics: Vec<Metric<'a>>,
}
