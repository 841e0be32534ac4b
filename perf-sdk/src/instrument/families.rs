//! The registries of all kinds that are in use, and what is done with all of them.

use std::sync::OnceLock;

use super::closures::{self, Asker};
use super::kind::Kind;
use super::uses;
use crate::base::fork::{self, Hook};
use crate::reading::{Producer, Sheet};
use crate::snapshot::Distribution;

/// The instruments of one kind, of whatever type.
pub(super) trait Family: Sync {
    fn read(&self, into: &mut Sheet);
    fn distributions(&self, into: &mut Vec<Distribution>);
    /// Takes no lock and does not allocate.
    fn reset(&self);
}

static FAMILIES: [OnceLock<&'static dyn Family>; Kind::ALL.len()] = [const { OnceLock::new() }; Kind::ALL.len()];

/// Adds the registry of a kind. A second one of the same kind is ignored.
pub(super) fn add(kind: Kind, family: &'static dyn Family) {
    fork::register(&HOOK);
    let _ = FAMILIES[kind as usize].set(family);
}

fn all() -> impl Iterator<Item = &'static dyn Family> {
    FAMILIES.iter().filter_map(|family| family.get().copied())
}

static HOOK: Hook = Hook { before: None, child: forked };

/// A forked child begins at zero.
fn forked() {
    uses::reset();
    all().for_each(Family::reset);
}

/// The name on the board of readings.
pub(crate) const NAME: &str = "instruments";

/// The counters and gauges of all instruments at this moment.
pub(crate) fn read() -> Sheet {
    let mut sheet = Sheet::default();
    read_into(&mut sheet);
    sheet
}

fn read_into(sheet: &mut Sheet) {
    all().for_each(|family| family.read(sheet));
    closures::read(sheet);
}

/// The histograms of all instruments.
pub(crate) fn distributions() -> Vec<Distribution> {
    let mut distributions = Vec::new();
    all().for_each(|family| family.distributions(&mut distributions));
    distributions
}

/// Shows the readings of all instruments at intervals, and has the closures asked.
#[derive(Debug, Default)]
pub(crate) struct Instruments(Asker);

impl Producer for Instruments {
    fn name(&self) -> &'static str {
        NAME
    }

    fn read(&mut self, into: &mut Sheet) {
        self.0.turn();
        read_into(into);
    }
}
