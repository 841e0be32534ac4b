//! The readings of one producer.

use super::description::Description;
use super::labels::Labels;

#[derive(Clone, Debug)]
pub(crate) struct Reading {
    pub(crate) description: &'static Description,
    pub(crate) labels: Labels,
    pub(crate) value: f64,
}

/// Filled anew at each turn, in memory that is used again.
#[derive(Debug, Default)]
pub(crate) struct Sheet {
    readings: Vec<Reading>,
    absences: Vec<super::Absence>,
}

impl Sheet {
    pub(crate) fn clear(&mut self) {
        self.readings.clear();
        self.absences.clear();
    }

    pub(crate) fn push(&mut self, description: &'static Description, value: f64) {
        self.push_of(description, &Labels::NONE, value);
    }

    pub(crate) fn push_of(&mut self, description: &'static Description, labels: &Labels, value: f64) {
        self.readings.push(Reading { description, labels: labels.clone(), value });
    }

    /// Notes why something is not here: what it is, and the reason.
    pub(crate) fn absent(&mut self, what: &'static str, why: &'static str) {
        self.absences.push(super::Absence { what, why });
    }

    pub(crate) fn readings(&self) -> &[Reading] {
        &self.readings
    }

    pub(crate) fn absences(&self) -> &[super::Absence] {
        &self.absences
    }
}
