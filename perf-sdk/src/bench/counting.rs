//! Exact counts of an operation: calls and the shape of the call tree from the snapshot,
//! allocations from the thread's tallies.

use super::answer::{Counts, PathCounts};
use super::paths::paths;
use crate::collect;
use crate::memory::{self, Tallies};
use crate::rate::Rate;
use crate::record::{self, Rule, measure};
use crate::snapshot::{CallNode, Snapshot};

/// From now on, every call of the process is measured, whatever rates attributes
/// say: own allocations are then exact.
pub(super) fn measure_all() {
    record::set_recording(true);
    record::add_rules(&[Rule::rate("*".to_owned(), Some(Rate::ALWAYS))]);
}

/// Counts `iterations` operations after some that are not counted. `name` names their place in the
/// call tree; it is not in the result.
pub(super) fn count(name: &'static str, call: &mut dyn FnMut(), warm_up: u32, iterations: u32) -> Counts {
    let run = |times: u32, call: &mut dyn FnMut()| (0..times).for_each(|_| measure(name, &mut *call));
    run(warm_up, call);
    // Twice: what the first one makes is there at the second.
    memory::uncounted(collect::take);
    let before = memory::uncounted(collect::take);
    let start = Tallies::now();
    run(iterations, call);
    let spent = Tallies::now().since(&start);
    let window = memory::uncounted(collect::take).subtract(&before);
    Counts {
        iterations,
        has_allocations: memory::is_counting(),
        allocations: spent.allocations,
        bytes: spent.allocated_bytes,
        reallocations: spent.reallocations,
        tree: tree(&window, name),
    }
}

fn tree(window: &Snapshot, name: &str) -> Vec<PathCounts> {
    let counts = |(path, node): (Vec<String>, &CallNode)| {
        let function = &window.functions[node.function as usize];
        let is_exact = node.samples == node.calls && function.bytes.is_some();
        let own = [node.exclusive.allocations, node.exclusive.allocated_bytes];
        let own = own.map(|figure| u64::try_from(figure).unwrap_or(0));
        PathCounts { path, calls: node.calls, own: is_exact.then_some(own.into()) }
    };
    paths(window, name).into_iter().map(counts).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_counted_by_their_path() {
        let mut call = || {
            measure("counting, outer", || {
                for _ in 0..3 {
                    measure("counting, inner", || ());
                }
            });
            measure("counting, inner", || ());
        };
        let counts = count("counting, the operation", &mut call, 2, 10);
        let name = |path: &PathCounts| {
            let last = |name: &String| name.rsplit("::").next().unwrap().to_owned();
            (path.path.iter().map(last).collect::<Vec<_>>().join(" > "), path.calls)
        };
        let seen: Vec<_> = counts.tree.iter().map(name).collect();
        let expected = [("counting, inner", 10), ("counting, outer", 10), ("counting, outer > counting, inner", 30)];
        assert_eq!(seen, expected.map(|(name, calls)| (name.to_owned(), calls)));
        assert_eq!(counts.iterations, 10);
    }
}
