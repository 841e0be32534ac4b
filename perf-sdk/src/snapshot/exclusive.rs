//! What belongs to a function alone, and what it and its callees took together, from the merged tree.

use super::{CallNode, Function, ROOT, Totals};

/// Sums of one merged node that only the exclusive figures need.
#[derive(Clone, Copy, Default)]
pub(super) struct Detour {
    pub(super) outside_parent: Totals,
    pub(super) foreign: Totals,
}

/// What belongs to one merged node besides.
#[derive(Clone, Copy, Default)]
pub(super) struct Beside {
    pub(super) detour: Detour,
    /// What recording its calls cost, which their caller reads as its own time.
    pub(super) recorder_ns: f64,
}

/// A node's own inclusive figures less the children's and less what recording these cost, detours put right.
pub(super) fn share_out(tree: &mut [CallNode], beside: &[Beside]) {
    for (at, Beside { detour, recorder_ns }) in beside.iter().enumerate() {
        let CallNode { parent, inclusive, .. } = tree[at];
        tree[at].exclusive += inclusive - detour.foreign;
        if parent != ROOT {
            let recorder_ns = *recorder_ns as i64;
            let recorder = Totals { wall_ns: recorder_ns, cpu_ns: recorder_ns, ..Totals::default() };
            tree[parent as usize].exclusive -= inclusive - detour.outside_parent + recorder;
        }
    }
}

/// A function's figures from its nodes; its inclusive ones from the nodes that no caller of the same function holds.
pub(super) fn add_up(functions: &mut [Function], tree: &[CallNode]) {
    for node in tree {
        let function = &mut functions[node.function as usize];
        function.exclusive += node.exclusive;
        let mut up = node.parent;
        let mut outermost = true;
        while up != ROOT && outermost {
            let caller = &tree[up as usize];
            outermost = caller.function != node.function;
            up = caller.parent;
        }
        if outermost {
            function.inclusive += node.inclusive;
        }
    }
}
