//! One of the profiler's metrics: its description, and how its values are derived from a snapshot.

use std::ops::Range;

use super::family::{Head, Kind, Metric, Value};
use super::floors::{Floor, Raised};
use crate::snapshot::{Function, Snapshot};

/// The data from which a row is computed.
#[derive(Clone, Debug)]
pub(super) struct Source<'a> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) floors: &'a Raised,
    /// The range of the snapshot's functions.
    pub(super) range: Range<usize>,
}

impl<'a> Source<'a> {
    pub(super) fn functions(self) -> impl Iterator<Item = (&'a Function, &'a Floor)> {
        let functions = self.snapshot.functions.iter().zip(&self.floors.functions);
        functions.skip(self.range.start).take(self.range.len())
    }
}

pub(super) type Metrics<'a> = Box<dyn Iterator<Item = Metric<'a>> + 'a>;

/// One of the profiler's metrics.
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) help: &'static str,
    pub(super) unit: &'static str,
    pub(super) kind: Kind,
    /// False: it has one value for the whole process.
    pub(super) is_per_function: bool,
    pub(super) metrics: for<'a> fn(Source<'a>) -> Metrics<'a>,
}

impl Row {
    pub(super) fn head(&self) -> Head<'static> {
        Head { name: self.name.into(), help: self.help.into(), unit: self.unit, kind: self.kind, has_stem: true }
    }
}

pub(super) fn seconds(ns: u64) -> f64 {
    ns as f64 / 1e9
}

pub(super) fn single<'a>(value: f64) -> Metrics<'a> {
    Box::new(std::iter::once(Metric { labels: Vec::new(), value: Value::Number(value) }))
}

pub(super) fn optional<'a>(value: Option<f64>) -> Metrics<'a> {
    Box::new(value.into_iter().map(|value| Metric { labels: Vec::new(), value: Value::Number(value) }))
}
