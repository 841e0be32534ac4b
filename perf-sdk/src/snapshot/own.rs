//! The calling thread's own scopes.

use super::Totals;
use super::hash::FastMap;
use super::threads;
use crate::memory;
use crate::record::{self, Node};

/// One path of callers on one thread.
pub(crate) struct ScopeTotals {
    /// Names from the outermost scope on, ` → ` in between.
    pub(crate) path: String,
    /// Without its callees' part, of ended calls.
    pub(crate) own: Totals,
}

/// Those that the calling thread has been in so far; none where it has no record.
pub(crate) fn own_scopes() -> Vec<ScopeTotals> {
    memory::uncounted(|| {
        let Some(record) = record::current() else { return Vec::new() };
        // Parents come first.
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
            scopes.push(ScopeTotals { path, own: reading.sums });
        }
        scopes
    })
}
