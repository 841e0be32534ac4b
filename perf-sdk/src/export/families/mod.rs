//! The metrics: one table, whichever format they are written in. A new metric is a new row, in the file of what it is about.

mod functions;
mod memory;
mod pools;
mod profiler;
mod stacks;

use std::borrow::Cow;
use std::io;
use std::ops::Range;

use super::floors::{Floor, Raised};
use super::user::UserNative;
use crate::histogram::Histogram;
use crate::snapshot::{Exemplar, Function, Snapshot};

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
    /// Writes one family, or a part of one: `begins` says whether it is the first. Parts of one family follow each other.
    fn family(
        &mut self,
        head: &Head<'_>,
        begins: bool,
        metrics: &mut dyn Iterator<Item = Metric<'_>>,
    ) -> io::Result<()>;
    /// Writes what ends a document.
    fn end(&mut self) -> io::Result<()>;
}

/// What a row is computed from.
#[derive(Clone, Debug)]
pub(super) struct Source<'a> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) floors: &'a Raised,
    /// Of the snapshot's functions.
    pub(super) range: Range<usize>,
}

impl<'a> Source<'a> {
    fn functions(self) -> impl Iterator<Item = (&'a Function, &'a Floor)> {
        let functions = self.snapshot.functions.iter().zip(&self.floors.functions);
        functions.skip(self.range.start).take(self.range.len())
    }
}

type Metrics<'a> = Box<dyn Iterator<Item = Metric<'a>> + 'a>;

/// One of our metrics.
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) help: &'static str,
    pub(super) unit: &'static str,
    pub(super) kind: Kind,
    /// Else of the process.
    pub(super) is_per_function: bool,
    pub(super) metrics: for<'a> fn(Source<'a>) -> Metrics<'a>,
}

impl Row {
    pub(super) fn head(&self) -> Head<'static> {
        Head { name: self.name.into(), help: self.help.into(), unit: self.unit, kind: self.kind, has_stem: true }
    }
}

/// All of ours, in the order in which they are written.
const TABLES: [&[Row]; 5] = [functions::ROWS, memory::ROWS, pools::ROWS, stacks::ROWS, profiler::ROWS];

/// The row of a number; `None` beyond the last.
pub(super) fn row(mut at: usize) -> Option<&'static Row> {
    for table in TABLES {
        match table.get(at) {
            Some(row) => return Some(row),
            None => at -= table.len(),
        }
    }
    None
}

pub(super) fn rows() -> impl Iterator<Item = &'static Row> {
    TABLES.into_iter().flatten()
}

fn seconds(ns: u64) -> f64 {
    ns as f64 / 1e9
}

fn single<'a>(value: f64) -> Metrics<'a> {
    Box::new(std::iter::once(Metric { labels: Vec::new(), value: Value::Number(value) }))
}

fn optional<'a>(value: Option<f64>) -> Metrics<'a> {
    Box::new(value.into_iter().map(|value| Metric { labels: Vec::new(), value: Value::Number(value) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_end_as_their_kind_and_unit_demand() {
        for row in rows() {
            assert_eq!(row.name.ends_with("_total"), row.kind == Kind::Counter, "{}", row.name);
            assert_eq!(row.name.ends_with("_info"), row.kind == Kind::Info, "{}", row.name);
            let stem = row.name.strip_suffix("_total").unwrap_or(row.name);
            assert!(row.unit.is_empty() || stem.ends_with(&format!("_{}", row.unit)), "{}", row.name);
            assert!(row.help.ends_with('.'), "{}", row.name);
        }
    }
}
