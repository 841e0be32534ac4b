//! The call tree, converted to stacks with weights.

use super::Weight;
use crate::snapshot::{Function, ROOT, Snapshot};

/// One path of frames from the outermost to the innermost, with the innermost one's own weight.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stack {
    /// Indices of frames.
    pub(super) path: Vec<u32>,
    pub(super) weight: u64,
}

/// All stacks with a non-zero weight. With `function`, only stacks that contain it, cut so that
/// they begin with it.
pub(super) fn of(snapshot: &Snapshot, weight: Weight, function: Option<&str>) -> Vec<Stack> {
    let wanted = |index: u32| {
        let function_name = function.unwrap_or_default();
        snapshot.functions.get(index as usize).is_some_and(|f| is_called(f, function_name))
    };
    snapshot
        .tree
        .iter()
        .filter_map(|node| {
            let own = weight.of(node);
            if own == 0 {
                return None;
            }
            let mut path = vec![node.function];
            let mut parent = node.parent;
            while parent != ROOT {
                let caller = snapshot.tree.get(parent as usize)?;
                path.push(caller.function);
                parent = caller.parent;
            }
            path.reverse();
            if function.is_some() {
                let from = path.iter().position(|index| wanted(*index))?;
                path.drain(..from);
            }
            Some(Stack { path, weight: own })
        })
        .collect()
}

/// Whether `name` is the function's name, or its `module::name`.
fn is_called(function: &Function, name: &str) -> bool {
    function.name == name
        || name.strip_suffix(function.name.as_str()).and_then(|rest| rest.strip_suffix("::"))
            == Some(function.module.as_str())
}

/// Whether the snapshot has a function of this name.
#[must_use]
pub fn has_function(snapshot: &Snapshot, name: &str) -> bool {
    snapshot.functions.iter().any(|function| is_called(function, name))
}
