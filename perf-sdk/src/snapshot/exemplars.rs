//! Exemplars: traces in which calls ran, at most one for each classic bucket, the latest.

#[cfg(feature = "enabled")]
use serde::{Deserialize, Serialize};

use crate::base::sort;
use crate::histogram::SECONDS_LE;

/// A trace in which one call ran.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "enabled", derive(Serialize, Deserialize))]
#[non_exhaustive]
pub struct Exemplar {
    /// The trace id, lower-case hexadecimal.
    pub trace_id: String,
    /// The span id, lower-case hexadecimal; empty if unknown.
    pub span_id: String,
    /// The wall time of that call.
    pub value_ns: u64,
    /// When it ended, nanoseconds since the Unix epoch.
    pub at_unix_ns: u64,
}

pub(crate) fn merge(into: &mut Vec<Exemplar>, new: impl Iterator<Item = Exemplar>) {
    let bucket = |exemplar: &Exemplar| SECONDS_LE.partition_point(|(le_ns, _)| *le_ns < exemplar.value_ns);
    for exemplar in new {
        match into.iter_mut().find(|old| bucket(old) == bucket(&exemplar)) {
            Some(old) if old.at_unix_ns < exemplar.at_unix_ns => *old = exemplar,
            Some(_) => {}
            None => into.push(exemplar),
        }
    }
    sort::sort_by_key(into, |exemplar| exemplar.value_ns);
}
