//! The order of a snapshot's functions.

use crate::snapshot::{Function, Snapshot};

impl Snapshot {
    /// Sorts functions by module and name, and updates the indices of the tree.
    pub(crate) fn sort_functions(&mut self) {
        let mut order: Vec<usize> = (0..self.functions.len()).collect();
        order.sort_by(|a, b| {
            let key = |i: usize| (&self.functions[i].module, &self.functions[i].name);
            key(*a).cmp(&key(*b))
        });
        let mut new_index = vec![0; order.len()];
        let mut old: Vec<Option<Function>> = std::mem::take(&mut self.functions).into_iter().map(Some).collect();
        for (new, was) in order.into_iter().enumerate() {
            new_index[was] = new as u32;
            self.functions.extend(old[was].take());
        }
        for node in &mut self.tree {
            node.function = new_index[node.function as usize];
        }
    }
}
