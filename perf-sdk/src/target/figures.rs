//! What is asked of the history.

use std::time::Duration;

use crate::expression::{Aggregate, CallFigure};

/// When targets are judged.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    /// Nanoseconds since the Unix epoch.
    pub(crate) at_unix_ns: u64,
    /// For how long the program has had traffic. A name that was not seen in some minutes of it is
    /// unknown; before, it may still come.
    pub(crate) traffic: Duration,
}

/// The time that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    /// Its end, in nanoseconds since the Unix epoch.
    pub(crate) at_unix_ns: u64,
    pub(crate) length: Duration,
}

/// A value over a window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Figure {
    /// In seconds, bytes, shares of 1, things, or these per second.
    pub(crate) value: f64,
    /// The number of calls, or of values of a reading, on which it rests.
    pub(crate) events: u64,
    /// The part of the window for which there is data: less than all of it in a program that
    /// started later.
    pub(crate) covered: Duration,
}

/// Why there is no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    /// Nothing of this name was seen since the start.
    Unknown,
    /// Nothing happened in the window.
    NoData,
    /// The history never covers such a window.
    NotCovered {
        /// The longest window that it covers.
        longest: Duration,
    },
    /// Several readings have these labels.
    Ambiguous {
        /// Labels that tell them apart.
        labels: String,
    },
    /// It cannot be had here.
    Unavailable { reason: String },
}

/// The figures of the program: the history, a snapshot, or a simulation.
pub(crate) trait Figures {
    /// A figure of a function's calls. The events of shares, rates and quantiles are calls; those
    /// of a share of slower calls are the measured ones.
    fn calls(&self, function: &str, figure: CallFigure, window: Window) -> Result<Figure, Missing>;

    /// A reading. Labels that are not named may have any value: then the growth of counters is
    /// added up, and several gauges are ambiguous. The events are its values in the window.
    fn reading(
        &self,
        name: &str,
        labels: &[(String, String)],
        how: Aggregate,
        window: Window,
    ) -> Result<Figure, Missing>;

    /// A saved snapshot, if there is one. Windows do not matter to it.
    fn baseline(&self) -> Option<&dyn Figures> {
        None
    }

    /// The functions of which there is a history.
    fn functions(&self) -> Vec<String> {
        Vec::new()
    }

    /// The labels that tell several readings of one name apart: for each of them those that no
    /// other question needs.
    fn label_sets(&self, _name: &str, _labels: &[(String, String)]) -> Vec<Vec<(String, String)>> {
        Vec::new()
    }

    /// Functions and readings that were seen, to suggest what was meant by an unknown name.
    fn names(&self) -> Vec<String> {
        Vec::new()
    }
}
