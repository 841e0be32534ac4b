//! The calling thread's own scopes.

use super::threads;
use crate::base::hash::FastMap;
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
        // Parents come before their children.
        let nodes = threads::read(record).nodes;
        let mut scopes: Vec<ScopeTotals> = Vec::with_capacity(nodes.len());
        let mut places: FastMap<*const Node, usize> = FastMap::default();
        for reading in &nodes {
            let parent = reading.node.parent().and_then(|parent| places.get(&std::ptr::from_ref(parent)).copied());
            let name = reading.node.site().map_or("", |site| site.label().name.as_str());
            let path = match parent {
                Some(parent) => {
                    scopes[parent].own -= reading.sums;
                    format!("{} → {name}", scopes[parent].path)
                }
                None => name.to_owned(),
            };
            places.insert(reading.node, scopes.len());
            scopes.push(ScopeTotals { node: reading.node, path, own: reading.sums });
        }
        scopes
    })
}
