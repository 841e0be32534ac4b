//! What a target or an alert is about.

use std::fmt;

use super::function::{Aggregate, CallFigure, Formula, MetricFunction, Parameters};
use super::unit::Dimension;

/// A metric function with its arguments, or a reading.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Metric {
    /// Absent for a reading.
    pub(crate) function: Option<&'static MetricFunction>,
    /// Of the function, or of the reading.
    pub(crate) name: String,
    pub(crate) arguments: Vec<Argument>,
    /// Of the readings that count. Labels that are not named here may have any value.
    pub(crate) labels: Vec<(String, String)>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Argument {
    /// Of a function, a cache, a pool.
    Name(String),
    Metric(Metric),
}

impl Metric {
    /// The name of the function, the cache or the pool that it is of.
    pub(crate) fn subject(&self) -> Option<&str> {
        match self.arguments.first() {
            Some(Argument::Name(name)) => Some(name),
            _ => None,
        }
    }

    /// The metric at this place of the arguments.
    pub(crate) fn argument(&self, at: usize) -> Option<&Self> {
        match self.arguments.get(at) {
            Some(Argument::Metric(metric)) => Some(metric),
            _ => None,
        }
    }

    /// The function of the program of whose calls it is. A rate may also be of a counter with this
    /// name.
    pub(crate) fn profiled_function(&self) -> Option<&str> {
        match self.function?.formula {
            Formula::Calls(_) | Formula::Rate => self.subject(),
            _ => None,
        }
    }

    /// The function of the program and its figure, if it is one.
    pub(crate) fn calls(&self) -> Option<(&str, CallFigure)> {
        match self.function?.formula {
            Formula::Calls(figure) => Some((self.subject()?, figure)),
            _ => None,
        }
    }

    pub(crate) fn dimension(&self) -> Dimension {
        let Some(function) = self.function else { return Dimension::of_reading(&self.name) };
        let of_argument = || self.argument(0).map_or(Dimension::Count, Self::dimension);
        match (function.dimension, function.formula) {
            (Some(dimension), _) => dimension,
            // Only the name of a counter tells its unit.
            (None, Formula::Rate) => {
                let name = self.subject().or(self.argument(0).map(|counter| counter.name.as_str()));
                match name.filter(|name| name.ends_with("_total")) {
                    Some(name) => Dimension::of_reading(name).per_time(),
                    None => Dimension::Rate,
                }
            }
            (None, Formula::Over(Aggregate::Trend)) => of_argument().per_time(),
            (None, _) => of_argument(),
        }
    }

    /// Whether its value is that of a time, not the latest one.
    pub(crate) fn is_of_a_window(&self) -> bool {
        !matches!(self.function.map(|function| function.formula), None | Some(Formula::Gauge(_)))
    }

    /// The reading of which it is: itself, or its argument.
    fn reading(&self) -> &Self {
        match (self.function, self.argument(0)) {
            (Some(_), Some(argument)) => argument.reading(),
            _ => self,
        }
    }

    /// The name and the labels of the reading of which it is, if it is of one.
    pub(crate) fn read_from(&self) -> (&str, Vec<(String, String)>) {
        let reading = self.reading();
        let name = match reading.function.map(|function| function.formula) {
            Some(Formula::Gauge(name)) => name,
            _ => &reading.name,
        };
        (name, reading.reading_labels())
    }

    /// The same metric of the one reading that has these labels.
    pub(crate) fn of_labels(&self, labels: &[(String, String)]) -> Self {
        let mut one = self.clone();
        match one.arguments.first_mut() {
            Some(Argument::Metric(argument)) => *argument = argument.of_labels(labels),
            _ => one.labels = labels.to_vec(),
        }
        one
    }

    /// The labels by which its readings are found.
    pub(crate) fn reading_labels(&self) -> Vec<(String, String)> {
        let mut labels = self.labels.clone();
        if let Some(Parameters::Thing(label) | Parameters::ThingOrAll(label)) = self.function.map(|f| f.parameters)
            && let Some(subject) = self.subject()
        {
            labels.insert(0, (label.to_owned(), subject.to_owned()));
        }
        labels
    }
}

/// A text in double quotes.
pub(super) fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// The text that is parsed to the same metric.
impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        if !self.arguments.is_empty() {
            let arguments = self.arguments.iter().map(|argument| match argument {
                Argument::Name(name) => quoted(name),
                Argument::Metric(metric) => metric.to_string(),
            });
            write!(f, "({})", arguments.collect::<Vec<_>>().join(", "))?;
        }
        if !self.labels.is_empty() {
            let labels = self.labels.iter().map(|(name, value)| format!("{name}={}", quoted(value)));
            write!(f, "{{{}}}", labels.collect::<Vec<_>>().join(", "))?;
        }
        Ok(())
    }
}
