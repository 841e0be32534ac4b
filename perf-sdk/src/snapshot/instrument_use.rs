//! What a function used of an instrument.

use std::cmp::Ordering;

#[cfg(feature = "enabled")]
use serde::{Deserialize, Serialize};

use crate::base::units;

/// The use that one function made of one cache, pool, queue, reader or other
/// [instrument](crate::instrument), excluding its profiled callees.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "enabled", derive(Serialize, Deserialize))]
#[non_exhaustive]
pub struct InstrumentUse {
    /// `cache`, `pool`, `queue`, `io`, `lazy`, `db` or `server`.
    pub kind: String,
    /// The name that was given to the instrument.
    pub name: String,
    /// The number of operations: lookups, checkouts, items sent or received, reads and writes.
    pub operations: u64,
    /// The bytes that were read or written, where that is known.
    pub bytes: u64,
    /// The time that the function waited for them, in nanoseconds. It is part of the function's
    /// exclusive time.
    pub wait_ns: u64,
}

impl InstrumentUse {
    /// The figures, in words.
    pub(crate) fn said(&self) -> String {
        let bytes = if self.bytes > 0 { format!(", {}", units::bytes(self.bytes as f64)) } else { String::new() };
        let (operations, wait) = (units::count(self.operations as f64), units::time(self.wait_ns as f64));
        format!("{operations} operations{bytes}, {wait} waited")
    }

    fn order(&self, other: &Self) -> Ordering {
        (&self.kind, &self.name).cmp(&(&other.kind, &other.name))
    }
}

/// Adds the uses of another thread, or of another snapshot. They are sorted by kind and name.
pub(crate) fn add_uses(ours: &mut Vec<InstrumentUse>, theirs: impl IntoIterator<Item = InstrumentUse>) {
    for their in theirs {
        match ours.binary_search_by(|our| our.order(&their)) {
            Ok(at) => {
                let our = &mut ours[at];
                our.operations = our.operations.saturating_add(their.operations);
                our.bytes = our.bytes.saturating_add(their.bytes);
                our.wait_ns = our.wait_ns.saturating_add(their.wait_ns);
            }
            Err(at) => ours.insert(at, their),
        }
    }
}

/// What was used since `earlier`.
pub(in crate::snapshot) fn uses_since(now: &[InstrumentUse], earlier: &[InstrumentUse]) -> Vec<InstrumentUse> {
    let was = |now: &InstrumentUse| earlier.iter().find(|was| was.order(now) == Ordering::Equal);
    let of = |now: &InstrumentUse| match was(now) {
        Some(was) => InstrumentUse {
            operations: now.operations.saturating_sub(was.operations),
            bytes: now.bytes.saturating_sub(was.bytes),
            wait_ns: now.wait_ns.saturating_sub(was.wait_ns),
            ..now.clone()
        },
        None => now.clone(),
    };
    now.iter().map(of).filter(|one| one.operations > 0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(name: &str, operations: u64, bytes: u64, wait_ns: u64) -> InstrumentUse {
        InstrumentUse { kind: "cache".to_owned(), name: name.to_owned(), operations, bytes, wait_ns }
    }

    #[test]
    fn a_window_plus_the_time_before_is_the_whole() {
        let early = vec![one("b", 1, 2, 3), one("c", 1, 1, 1)];
        let late = vec![one("a", 5, 0, 9), one("b", 4, 2, 30), one("c", 1, 1, 1)];
        let window = uses_since(&late, &early);
        assert_eq!(window, [one("a", 5, 0, 9), one("b", 3, 0, 27)]);
        let mut sum = early;
        add_uses(&mut sum, window);
        assert_eq!(sum, late);
    }
}
