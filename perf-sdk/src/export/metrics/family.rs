//! The model of a metric family, common to all formats.

use std::borrow::Cow;
use std::io;

use crate::histogram::Histogram;
use crate::snapshot::{Exemplar, Figures};

/// The type of a family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Kind {
    /// Only increases. The name of one of the profiler's ends in `_total`; a user's need not.
    Counter,
    Gauge,
    /// Always 1; its labels carry the information. Its name ends in `_info`.
    Info,
    Histogram,
    Summary,
    Unknown,
}

impl Kind {
    /// The name in OpenMetrics.
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

/// The head of a family: what is written once for all metrics of one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Head<'a> {
    /// The name in queries, in every format: with `_total`, with `_info`.
    pub(super) name: Cow<'a, str>,
    pub(super) help: Cow<'a, str>,
    /// The unit at the end of the name, or empty.
    pub(super) unit: &'static str,
    pub(super) kind: Kind,
    /// For a counter whose name ends in `_total`: whether the name without it is unused by other
    /// families.
    pub(super) has_stem: bool,
}

/// Labels and a value.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Metric<'a> {
    /// Its name and its module are the first labels.
    pub(super) function: Option<&'a Figures<'a>>,
    /// All others.
    pub(super) labels: Vec<(&'a str, Cow<'a, str>)>,
    pub(super) value: Value<'a>,
}

impl Metric<'_> {
    /// All names and values of labels.
    pub(super) fn all_labels(&self) -> impl Iterator<Item = (&str, &str)> {
        let of_function = self.function.map(|function| [("function", function.name), ("module", function.module)]);
        of_function.into_iter().flatten().chain(self.labels.iter().map(|(name, value)| (*name, &**value)))
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value<'a> {
    Number(f64),
    /// One of the profiler's own, with native buckets.
    Distribution {
        histogram: &'a Histogram,
        /// In the base unit. Never less than in an earlier scrape.
        sum: f64,
        exemplars: &'a [Exemplar],
    },
    /// One read from text: (upper bound, cumulative count), without `+Inf`.
    Buckets {
        buckets: Vec<(f64, u64)>,
        sum: f64,
        count: u64,
    },
    /// One of the user's from this crate's recorder: the same, with native buckets.
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

/// A distribution of one function.
#[derive(Clone, Copy, Debug)]
pub(super) struct Distributed<'a> {
    /// `None` if it is not measured.
    pub(super) histogram: Option<&'a Histogram>,
    pub(super) exemplars: &'a [Exemplar],
}

/// A format. Formats depend on metrics, never the reverse.
pub(super) trait Encoding {
    /// Writes one family, or a part of one. `begins` says whether this is the first part. The parts
    /// of one family are consecutive.
    fn family(
        &mut self,
        head: &Head<'_>,
        begins: bool,
        metrics: &mut dyn Iterator<Item = Metric<'_>>,
    ) -> io::Result<()>;
    /// Writes the end of the document.
    fn end(&mut self) -> io::Result<()>;
}

/// Native buckets as (index, count), ascending, in the same schema as the profiler's own.
#[derive(Debug, PartialEq)]
pub(crate) struct UserNative {
    pub(crate) zero_count: u64,
    pub(crate) positive: Vec<(i32, u64)>,
    pub(crate) negative: Vec<(i32, u64)>,
}

impl UserNative {
    /// Values up to this one count as 0: 2^-64.
    pub(crate) const ZERO_THRESHOLD: f64 = f64::from_bits((1023 - 64) << 52);
}

/// A family that was read from text.
#[derive(Debug, PartialEq)]
pub(super) struct Family<'a> {
    pub(super) head: Head<'a>,
    pub(super) metrics: Vec<Metric<'a>>,
}
