//! A call tree of bounded size.

use std::borrow::Cow;

use crate::snapshot::{CallNode, Function, ROOT, Snapshot};

/// Weights by which a path may be one of the largest.
const WEIGHTS: usize = 6;
/// The name of what stands for all smaller paths of a caller.
const REST: &str = "(smaller calls)";

/// The snapshot with the `most` largest paths of its tree, and one more for each caller that has
/// smaller ones. Sums stay the same. A path is as large as its largest share of any weight, with
/// callees.
pub(super) fn thinned(snapshot: &Snapshot, most: usize) -> Cow<'_, Snapshot> {
    let tree = &snapshot.tree;
    if tree.len() <= most {
        return Cow::Borrowed(snapshot);
    }
    let mut shares: Vec<[f64; WEIGHTS]> = tree.iter().map(weights).collect();
    let mut all = [0.0; WEIGHTS];
    // Callees come after their callers.
    for at in (0..tree.len()).rev() {
        let own = shares[at];
        let caller = match tree[at].parent {
            ROOT => &mut all,
            parent => &mut shares[parent as usize],
        };
        caller.iter_mut().zip(own).for_each(|(sum, own)| *sum += own);
    }
    let size = |shares: &[f64; WEIGHTS]| {
        let share = |(own, all): (&f64, &f64)| if *all > 0.0 { own / all } else { 0.0 };
        shares.iter().zip(&all).map(share).fold(0.0, f64::max)
    };
    // A caller is at least as large as its callees, and comes before them.
    let mut order: Vec<(f64, usize)> = shares.iter().map(size).zip(0..).collect();
    order.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let mut is_kept = vec![false; tree.len()];
    order.iter().take(most).for_each(|(_, at)| is_kept[*at] = true);

    let mut functions: Vec<Function> = Vec::new();
    let mut of_function: Vec<Option<u32>> = vec![None; snapshot.functions.len()];
    let mut thin: Vec<CallNode> = Vec::new();
    // The new place of a path, and of the rest of its callees; those of the roots are the last.
    let mut places: Vec<u32> = vec![ROOT; tree.len()];
    let mut rests: Vec<Option<u32>> = vec![None; tree.len() + 1];
    let mut rest_function = None;
    for (at, node) in tree.iter().enumerate() {
        let caller = if node.parent == ROOT { ROOT } else { places[node.parent as usize] };
        if is_kept[at] {
            let function = *of_function[node.function as usize].get_or_insert_with(|| {
                functions.push(named(&snapshot.functions[node.function as usize]));
                functions.len() as u32 - 1
            });
            places[at] = thin.len() as u32;
            thin.push(CallNode { function, parent: caller, ..*node });
            continue;
        }
        // Callees of what is left out go with it.
        let is_within = node.parent != ROOT && !is_kept[node.parent as usize];
        let slot = if node.parent == ROOT { tree.len() } else { node.parent as usize };
        let rest = if is_within { Some(caller) } else { rests[slot] };
        let rest = rest.unwrap_or_else(|| {
            let function = *rest_function.get_or_insert_with(|| {
                functions.push(Function { name: REST.to_owned(), ..Function::default() });
                functions.len() as u32 - 1
            });
            thin.push(CallNode { function, parent: caller, ..CallNode::default() });
            thin.len() as u32 - 1
        });
        if !is_within {
            rests[slot] = Some(rest);
        }
        places[at] = rest;
        add(&mut thin[rest as usize], node);
    }
    Cow::Owned(Snapshot { functions, tree: thin, ..without_functions(snapshot) })
}

fn weights(node: &CallNode) -> [f64; WEIGHTS] {
    let own = node.exclusive;
    [
        own.wall_ns.max(0) as f64,
        own.cpu_ns.max(0) as f64,
        own.allocated_bytes.max(0) as f64,
        own.allocations.max(0) as f64,
        node.calls as f64,
        node.live.bytes as f64,
    ]
}

fn add(to: &mut CallNode, node: &CallNode) {
    to.calls += node.calls;
    to.samples += node.samples;
    to.running += node.running;
    to.exclusive += node.exclusive;
    to.live.add(&node.live);
}

/// What the viewer shows of a function.
fn named(function: &Function) -> Function {
    Function {
        name: function.name.clone(),
        module: function.module.clone(),
        file: function.file.clone(),
        line: function.line,
        ..Function::default()
    }
}

/// What documents are made of, besides functions and the tree.
fn without_functions(snapshot: &Snapshot) -> Snapshot {
    Snapshot {
        taken_at_unix_ns: snapshot.taken_at_unix_ns,
        window_ns: snapshot.window_ns,
        cpu_ns: snapshot.cpu_ns,
        has_allocations: snapshot.has_allocations,
        heap: snapshot.heap,
        profiler: snapshot.profiler.clone(),
        ..Snapshot::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::Totals;

    fn node(function: u32, parent: u32, wall_ns: i64, calls: u64) -> CallNode {
        let exclusive = Totals { wall_ns, ..Totals::default() };
        CallNode { function, parent, calls, samples: calls, exclusive, ..CallNode::default() }
    }

    #[test]
    fn the_largest_paths_stay_and_sums_are_the_same() {
        let functions = ["main", "large", "small", "tiny", "inner"]
            .map(|name| Function { name: name.into(), ..Function::default() });
        let tree = vec![
            node(0, ROOT, 10, 1),
            node(1, 0, 900, 1),
            node(2, 0, 20, 1),
            node(4, 2, 5, 1),
            node(3, 0, 4, 1),
            node(3, ROOT, 3, 1),
            node(4, 1, 50, 100),
        ];
        let snapshot = Snapshot { functions: functions.into(), tree, window_ns: 7, ..Snapshot::default() };
        assert!(matches!(thinned(&snapshot, 7), Cow::Borrowed(_)));
        let thin = thinned(&snapshot, 3);
        let path = |at: usize| {
            let node = &thin.tree[at];
            let parent = (node.parent != ROOT).then_some(node.parent);
            (thin.functions[node.function as usize].name.as_str(), parent, node.exclusive.wall_ns, node.calls)
        };
        let paths: Vec<_> = (0..thin.tree.len()).map(path).collect();
        assert_eq!(
            paths,
            [
                ("main", None, 10, 1),
                ("large", Some(0), 900, 1),
                (REST, Some(0), 29, 3),
                (REST, None, 3, 1),
                ("inner", Some(1), 50, 100),
            ]
        );
        assert_eq!((thin.functions.len(), thin.window_ns), (4, 7));
    }

    #[test]
    fn any_tree_is_bounded_and_loses_nothing() {
        let mut random = 0x9e37_79b9_7f4a_7c15_u64;
        let mut next = |below: u64| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            (random >> 20) % below
        };
        for most in [1, 10, 100] {
            let functions = (0..50).map(|n| Function { name: format!("f{n}"), ..Function::default() }).collect();
            let tree: Vec<CallNode> = (0..400_u64)
                .map(|at| {
                    let parent = if at == 0 || next(4) == 0 { ROOT } else { next(at) as u32 };
                    node(next(50) as u32, parent, next(1_000) as i64, next(9))
                })
                .collect();
            let snapshot = Snapshot { functions, tree, ..Snapshot::default() };
            let thin = thinned(&snapshot, most);
            assert!(thin.tree.len() <= 2 * most + 1, "{} of {most}", thin.tree.len());
            let sum = |snapshot: &Snapshot| -> (i64, u64) {
                let own = snapshot.tree.iter().map(|node| node.exclusive.wall_ns).sum();
                (own, snapshot.tree.iter().map(|node| node.calls).sum())
            };
            assert_eq!(sum(&thin), sum(&snapshot));
            let is_ordered = |(node, at): (&CallNode, u32)| node.parent == ROOT || node.parent < at;
            assert!(thin.tree.iter().zip(0..).all(is_ordered));
        }
    }
}
