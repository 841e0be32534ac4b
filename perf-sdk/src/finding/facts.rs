//! A snapshot, as rules ask for it.

use std::time::Duration;

use crate::expression::{Aggregate, CallFigure};
use crate::snapshot::{Function, Reading, Snapshot};
use crate::target::{Figure, Figures, Window};

/// The time below which a snapshot says nothing about a program.
const LEAST_SECONDS: f64 = 2.0;

pub(super) struct Facts<'a> {
    pub(super) snapshot: &'a Snapshot,
    /// The recorded time.
    pub(super) seconds: f64,
    /// CPU time of the process in it. 0 if it is unknown.
    pub(super) cpu_seconds: f64,
    /// What was before. Absent without a history.
    pub(super) past: Option<Past<'a>>,
}

/// The history of a process.
pub(super) struct Past<'a> {
    pub(super) figures: &'a dyn Figures,
    pub(super) at_unix_ns: u64,
}

impl Past<'_> {
    fn window(&self, ago: Duration, length: Duration) -> Window {
        Window { at_unix_ns: self.at_unix_ns.saturating_sub(ago.as_nanos() as u64), length }
    }

    pub(super) fn functions(&self) -> Vec<String> {
        self.figures.functions()
    }

    /// A figure of a function's calls in a window that ended some time ago.
    pub(super) fn calls(&self, function: &str, figure: CallFigure, ago: Duration, length: Duration) -> Option<Figure> {
        self.figures.calls(function, figure, self.window(ago, length)).ok()
    }

    /// The mean of a reading in the window that ends now.
    pub(super) fn mean(&self, name: &str, label: (&str, &str), length: Duration) -> Option<Figure> {
        self.reading(name, label, Aggregate::Mean, length)
    }

    /// The highest value of a reading in the window that ends now.
    pub(super) fn peak(&self, name: &str, label: (&str, &str), length: Duration) -> Option<Figure> {
        self.reading(name, label, Aggregate::Peak, length)
    }

    fn reading(&self, name: &str, (label, value): (&str, &str), of: Aggregate, length: Duration) -> Option<Figure> {
        let labels = [(label.to_owned(), value.to_owned())];
        self.figures.reading(name, &labels, of, self.window(Duration::ZERO, length)).ok()
    }
}

impl<'a> Facts<'a> {
    /// `None` of a snapshot that is too short.
    pub(super) fn of(snapshot: &'a Snapshot, past: Option<Past<'a>>) -> Option<Self> {
        let seconds = snapshot.window_ns as f64 * 1e-9;
        let facts = Self { snapshot, seconds, cpu_seconds: snapshot.cpu_ns as f64 * 1e-9, past };
        (seconds >= LEAST_SECONDS).then_some(facts)
    }

    pub(super) fn functions(&self) -> impl Iterator<Item = &'a Function> {
        self.snapshot.functions.iter()
    }

    fn named(&self, name: &'a str) -> impl Iterator<Item = &'a Reading> {
        self.snapshot.readings.iter().filter(move |reading| reading.name == name)
    }

    /// The readings of a name, each with the value of a label.
    pub(super) fn by(&self, name: &'a str, label: &'a str) -> impl Iterator<Item = (&'a str, f64)> {
        self.named(name).filter_map(move |reading| Some((reading.labels.get(label)?.as_str(), reading.value)))
    }

    /// The sum of the readings of a name that have this value of a label.
    pub(super) fn sum_of(&self, name: &'a str, label: &'a str, value: &str) -> f64 {
        self.by(name, label).filter(|(known, _)| *known == value).map(|(_, value)| value).sum()
    }

    /// The only reading of a name.
    pub(super) fn reading(&self, name: &'a str) -> Option<f64> {
        self.named(name).next().map(|reading| reading.value)
    }

    /// The values of a label that readings of a name have, each once.
    pub(super) fn subjects(&self, name: &'a str, label: &'a str) -> Vec<&'a str> {
        let mut all: Vec<&str> = self.by(name, label).map(|(subject, _)| subject).collect();
        all.sort_unstable();
        all.dedup();
        all
    }
}

/// Seconds of a sum in nanoseconds.
pub(super) fn seconds(ns: i64) -> f64 {
    ns.max(0) as f64 * 1e-9
}
