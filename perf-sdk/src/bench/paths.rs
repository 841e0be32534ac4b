//! The paths of callers within an operation.

use crate::snapshot::{CallNode, ROOT, Snapshot};

/// Each node below the calls of `name`, with the full names that lead to it: from the outermost
/// function in the operation to its own.
pub(super) fn paths<'a>(window: &'a Snapshot, name: &str) -> Vec<(Vec<String>, &'a CallNode)> {
    // By node. `None`: it is in no operation.
    let mut all: Vec<Option<Vec<String>>> = Vec::with_capacity(window.tree.len());
    for node in &window.tree {
        let function = &window.functions[node.function as usize];
        all.push(match node.parent {
            ROOT => (function.name == name).then(Vec::new),
            parent => all[parent as usize].as_ref().map(|above| {
                let own = function.full_name();
                above.iter().cloned().chain([own]).collect()
            }),
        });
    }
    let found = all.into_iter().zip(&window.tree).filter_map(|(path, node)| Some((path?, node)));
    let mut found: Vec<(Vec<String>, &CallNode)> =
        found.filter(|(path, node)| !path.is_empty() && node.calls > 0).collect();
    found.sort_by(|one, other| one.0.cmp(&other.0));
    found
}
