//! One of the profiler's metrics: its description, and how its values are derived from a snapshot.

use super::family::{Distributed, Head, Kind, Metric, Value};
use super::floors::Floor;
use crate::snapshot::{Figures, FunctionPart, Snapshot};

/// The data from which a row is computed.
#[derive(Clone, Debug)]
pub(super) struct Source<'a> {
    /// It may be without functions: those are in `functions`.
    pub(super) snapshot: &'a Snapshot,
    /// The high-water mark of the snapshot's figure.
    pub(super) overhead_ns: u64,
    /// The functions of which metrics are wanted.
    pub(super) functions: &'a [Figures<'a>],
    /// One for each of them.
    pub(super) floors: &'a [Floor],
    /// One for each of them, if the row is one of distributions.
    pub(super) distributions: &'a [Distributed<'a>],
}

impl<'a> Source<'a> {
    pub(super) fn of_process(snapshot: &'a Snapshot, overhead_ns: u64) -> Self {
        Self { snapshot, overhead_ns, functions: &[], floors: &[], distributions: &[] }
    }

    pub(super) fn functions(self) -> impl Iterator<Item = (&'a Figures<'a>, &'a Floor)> {
        self.functions.iter().zip(self.floors)
    }
}

pub(super) type Metrics<'a> = Box<dyn Iterator<Item = Metric<'a>> + 'a>;

/// What the values of a row belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Of {
    Process,
    /// Each function, of which this part is needed.
    Functions(FunctionPart),
}

/// One of the profiler's metrics.
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) help: &'static str,
    pub(super) unit: &'static str,
    pub(super) kind: Kind,
    pub(super) of: Of,
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
    Box::new(std::iter::once(Metric { function: None, labels: Vec::new(), value: Value::Number(value) }))
}

pub(super) fn optional<'a>(value: Option<f64>) -> Metrics<'a> {
    Box::new(value.into_iter().map(|value| Metric { function: None, labels: Vec::new(), value: Value::Number(value) }))
}
