//! At most one exemplar a classic bucket: the newest.

use super::Exemplar;
use crate::histogram::SECONDS_LE;

pub(crate) fn merge(into: &mut Vec<Exemplar>, new: impl Iterator<Item = Exemplar>) {
    let bucket = |exemplar: &Exemplar| SECONDS_LE.partition_point(|(le_ns, _)| *le_ns < exemplar.value_ns);
    for exemplar in new {
        match into.iter_mut().find(|old| bucket(old) == bucket(&exemplar)) {
            Some(old) if old.at_unix_ns < exemplar.at_unix_ns => *old = exemplar,
            Some(_) => {}
            None => into.push(exemplar),
        }
    }
    into.sort_by_key(|exemplar| exemplar.value_ns);
}
