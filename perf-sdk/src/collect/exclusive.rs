//! What belongs to a function alone, from the merged tree: sums that are not estimated together.

use crate::snapshot::{CallNode, ROOT, Totals};

/// Sums of one merged node that only the exclusive figures need.
#[derive(Clone, Copy, Default)]
pub(super) struct Detour {
    pub(super) outside_parent: Totals,
    pub(super) foreign: Totals,
}

/// A node's own inclusive figures less the children's, detours put right.
pub(super) fn share_out(tree: &mut [CallNode], detours: &[Detour]) {
    for (at, detour) in detours.iter().enumerate() {
        let CallNode { parent, inclusive, .. } = tree[at];
        tree[at].exclusive += inclusive - detour.foreign;
        if parent != ROOT {
            tree[parent as usize].exclusive -= inclusive - detour.outside_parent;
        }
    }
}
