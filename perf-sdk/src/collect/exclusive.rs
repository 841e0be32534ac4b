//! Computes exclusive figures from the merged tree, for sums other than times.

use crate::snapshot::{CallNode, ROOT, Totals};

/// Corrections of one merged node that only exclusive figures need.
#[derive(Clone, Copy, Default)]
pub(super) struct Detour {
    pub(super) outside_parent: Totals,
    pub(super) foreign: Totals,
}

/// Sets a node's exclusive figures: its inclusive figures minus those of its children, corrected by
/// the detours.
pub(super) fn share_out(tree: &mut [CallNode], detours: &[Detour]) {
    for (at, detour) in detours.iter().enumerate() {
        let CallNode { parent, inclusive, .. } = tree[at];
        tree[at].exclusive += inclusive - detour.foreign;
        if parent != ROOT {
            tree[parent as usize].exclusive -= inclusive - detour.outside_parent;
        }
    }
}
