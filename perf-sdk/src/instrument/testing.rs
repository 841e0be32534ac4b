//! What an instrument shows in a snapshot.

use crate::snapshot::{Distribution, InstrumentUse, Reading, Snapshot};

/// A reading with only the label `kind="name"`.
pub(super) fn value(seen: &Snapshot, metric: &str, kind: &str, name: &str) -> Option<f64> {
    value_of(seen, metric, &[(kind, name)])
}

/// A reading with exactly these labels.
pub(super) fn value_of(seen: &Snapshot, metric: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let is_it = |reading: &&Reading| {
        reading.name == metric
            && reading.labels.len() == labels.len()
            && labels.iter().all(|(name, value)| reading.labels.get(*name).is_some_and(|label| label == value))
    };
    seen.readings.iter().find(is_it).map(|reading| reading.value)
}

/// The histograms with the label `kind="name"`, and possibly further ones.
pub(super) fn all_of<'a>(seen: &'a Snapshot, metric: &str, kind: &str, name: &str) -> Vec<&'a Distribution> {
    let is_it = |one: &&Distribution| one.name == metric && one.labels.get(kind).is_some_and(|label| label == name);
    seen.distributions.iter().filter(is_it).collect()
}

/// What a function used of an instrument.
pub(super) fn used<'a>(seen: &'a Snapshot, function: &str, name: &str) -> Option<&'a InstrumentUse> {
    let function = seen.functions.iter().find(|one| one.name == function)?;
    function.instruments.iter().find(|one| one.name == name)
}
