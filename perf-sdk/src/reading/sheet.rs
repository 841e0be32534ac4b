//! The readings of one producer.

use super::description::Description;
use super::labels::Labels;

#[derive(Clone, Debug)]
pub(crate) struct Reading {
    pub(crate) description: &'static Description,
    pub(crate) labels: Labels,
    /// A finite number.
    pub(crate) value: f64,
}

/// What could not be read, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Absence {
    pub(crate) what: &'static str,
    pub(crate) why: &'static str,
}

/// Filled anew at each turn, in memory that is used again.
#[derive(Debug, Default)]
pub(crate) struct Sheet {
    readings: Vec<Reading>,
    absences: Vec<Absence>,
}

impl Sheet {
    pub(crate) fn clear(&mut self) {
        self.readings.clear();
        self.absences.clear();
    }

    pub(crate) fn push(&mut self, description: &'static Description, value: f64) {
        self.push_of(description, &Labels::NONE, value);
    }

    /// A value that is not finite is no reading: JSON and averages have no place for it.
    pub(crate) fn push_of(&mut self, description: &'static Description, labels: &Labels, value: f64) {
        if value.is_finite() {
            self.readings.push(Reading { description, labels: labels.clone(), value });
        }
    }

    /// A value, or the reason why there is none.
    pub(crate) fn push_or_absent(&mut self, description: &'static Description, value: Result<f64, &'static str>) {
        match value {
            Ok(value) => self.push(description, value),
            Err(why) => self.absent(description.name, why),
        }
    }

    /// Notes why something is not here: the name of a metric, or what the missing ones have in
    /// common; and the reason.
    pub(crate) fn absent(&mut self, what: &'static str, why: &'static str) {
        self.absences.push(Absence { what, why });
    }

    pub(crate) fn readings(&self) -> &[Reading] {
        &self.readings
    }

    pub(crate) fn absences(&self) -> &[Absence] {
        &self.absences
    }
}
