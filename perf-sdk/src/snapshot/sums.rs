//! Computes a function's figures from its nodes in the tree.

use super::estimate::Errors;
use super::{CallNode, Function, ROOT, Totals};

/// The sums of each function, inclusive and exclusive. Inclusive sums are those of nodes without a
/// caller of the same function.
pub(crate) struct Sums {
    functions: Vec<(Totals, Totals, Errors)>,
}

impl Sums {
    pub(crate) fn of(functions: usize, tree: &[CallNode]) -> Self {
        let mut sums = vec![(Totals::default(), Totals::default(), Errors::default()); functions];
        for node in tree {
            let mut up = node.parent;
            let mut is_outermost = true;
            while up != ROOT && is_outermost {
                let caller = &tree[up as usize];
                is_outermost = caller.function != node.function;
                up = caller.parent;
            }
            let (inclusive, exclusive, errors) = &mut sums[node.function as usize];
            *exclusive += node.exclusive;
            if is_outermost {
                *inclusive += node.inclusive;
            }
            errors.add(node, is_outermost);
        }
        Self { functions: sums }
    }

    /// Adds them to further figures of functions, such as those of calls without a node in the
    /// tree.
    pub(crate) fn add_to(&self, functions: &mut [Function]) {
        for (function, (inclusive, exclusive, errors)) in functions.iter_mut().zip(&self.functions) {
            function.inclusive += *inclusive;
            function.exclusive += *exclusive;
            errors.put_into(function);
        }
    }

    /// Subtracts them, which leaves the further figures of functions.
    pub(super) fn take_from(&self, functions: &mut [Function]) {
        functions.iter_mut().enumerate().for_each(|(at, function)| self.take(at, function));
    }

    /// The same for one function: `function` is this function, or a sum that includes it.
    pub(super) fn take(&self, at: usize, function: &mut Function) {
        let (inclusive, exclusive, _) = &self.functions[at];
        function.inclusive -= *inclusive;
        function.exclusive -= *exclusive;
    }

    /// The further figures of `function`, inclusive and exclusive.
    pub(super) fn beside(&self, at: usize, function: &Function) -> (Totals, Totals) {
        let (inclusive, exclusive, _) = &self.functions[at];
        (function.inclusive - *inclusive, function.exclusive - *exclusive)
    }
}
