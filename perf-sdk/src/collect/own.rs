//! The calling thread's own scopes.

use super::threads::ThreadReading;
use crate::memory;
use crate::record::{self, Node};
use crate::snapshot::Totals;

/// One path of callers on one thread.
pub(crate) struct ScopeTotals {
    /// Distinguishes it from other paths with the same names.
    pub(crate) node: *const Node,
    /// Names from the outermost scope on, joined by ` → `.
    pub(crate) path: String,
    /// The sums of ended calls, excluding callees.
    pub(crate) own: Totals,
}

/// The scopes of the calling thread so far, including those of earlier owners of its record.
pub(crate) fn own_scopes() -> Vec<ScopeTotals> {
    memory::uncounted(|| {
        // The thread gets its record now, because a record that it took later might not be empty.
        let Some(record) = record::current_or_new() else { return Vec::new() };
        let mut reading = ThreadReading::default();
        reading.read(record);
        let mut scopes: Vec<ScopeTotals> = Vec::with_capacity(reading.len());
        // Of each node its scope.
        let mut places = vec![0; reading.len()];
        for (at, node) in reading.callers_first() {
            let parent = reading.parent(node).map(|parent| places[parent]);
            let name = node.node.site().map_or("", |site| site.label().name.as_str());
            let path = match parent {
                Some(parent) => {
                    let parent: &mut ScopeTotals = &mut scopes[parent];
                    parent.own -= node.sums;
                    format!("{} → {name}", parent.path)
                }
                None => name.to_owned(),
            };
            places[at] = scopes.len();
            scopes.push(ScopeTotals { node: node.node, path, own: node.sums });
        }
        scopes
    })
}
