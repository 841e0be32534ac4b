//! Reconciles the times of a call tree, which were estimated for each node independently.
//!
//! Each node's CPU time including callees is estimated from its own calls. Different calls of a
//! callee and of its caller are measured, so the estimates alone would contradict each other: a
//! callee would take longer than its caller. They are reconciled by their variances. A caller takes
//! at least as long as its callees together. Where the two disagree, each is adjusted in proportion
//! to its uncertainty. Time off the CPU is exact, and is added.

use super::basis::{Basis, Estimate};
use super::tree::NodeError;
use super::{CallNode, Function, ROOT};

/// The relative error of the cost of recording callees, because empty calls cost less than calls in
/// a program.
const RECORDER_ERROR: f64 = 0.5;
/// The effect of recording callees on a caller's caches and branch predictions, as a share of its
/// time. In ten programs, sums of callers were off by 1 to 7 %, more than expected from their
/// samples (docs/measurements.md). It is included in the stated error, and not subtracted.
const DISTURBANCE: f64 = 0.03;

/// Intermediate results of one node.
#[derive(Clone, Copy)]
struct Work {
    /// CPU time including callees, without recording.
    cpu: Estimate,
    /// The CPU time of its callees.
    inside: Estimate,
    /// The time for recording callees.
    recorder: f64,
    /// Time off the CPU, including callees.
    absent: f64,
    /// [`ROOT`] if there is none, and so is the sibling.
    first_child: u32,
    sibling: u32,
}

impl Default for Work {
    fn default() -> Self {
        let [cpu, inside] = [Estimate::default(); 2];
        Self { cpu, inside, recorder: 0.0, absent: 0.0, first_child: ROOT, sibling: ROOT }
    }
}

/// A call tree whose times are estimated. Callees come after their callers.
pub(crate) trait EstimatedTree {
    /// The number of nodes.
    fn len(&self) -> usize;
    /// A node's caller, or [`ROOT`].
    fn parent(&self, at: usize) -> u32;
    /// Its finished calls.
    fn calls(&self, at: usize) -> u64;
    fn basis(&self, at: usize) -> Basis;
    /// Sets the times, once for each node.
    fn set(&mut self, at: usize, times: NodeTimes);
}

/// The times of a node: wall time and CPU time in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NodeTimes {
    pub(crate) inclusive: [i64; 2],
    pub(crate) exclusive: [i64; 2],
    pub(crate) error: NodeError,
}

impl EstimatedTree for [CallNode] {
    fn len(&self) -> usize {
        self.len()
    }

    fn parent(&self, at: usize) -> u32 {
        self[at].parent
    }

    fn calls(&self, at: usize) -> u64 {
        self[at].calls
    }

    fn basis(&self, at: usize) -> Basis {
        self[at].basis
    }

    fn set(&mut self, at: usize, times: NodeTimes) {
        let node = &mut self[at];
        [node.inclusive.wall_ns, node.inclusive.cpu_ns] = times.inclusive;
        [node.exclusive.wall_ns, node.exclusive.cpu_ns] = times.exclusive;
        node.error = times.error;
    }
}

/// The part of a node's times, on and off the CPU, that is not in its caller's.
fn outside<T: EstimatedTree + ?Sized>(tree: &T, at: usize) -> [f64; 2] {
    if tree.parent(at) == ROOT { [0.0; 2] } else { tree.basis(at).outside }
}

/// Sets the times of all nodes. Together they take at most the CPU time of the processes, 0 if that
/// is unknown. A tree without a basis, from a snapshot of an older version, is unchanged.
pub(crate) fn reconcile<T: EstimatedTree + ?Sized>(tree: &mut T, process_cpu_ns: u64) {
    if (0..tree.len()).all(|at| tree.basis(at) == Basis::default()) {
        return;
    }
    // The last entry represents the caller of all roots.
    let top = tree.len();
    let mut work = vec![Work::default(); top + 1];
    for at in (0..top).rev() {
        let Basis { absent, recorder, recorder_within, foreign, .. } = tree.basis(at);
        let mine = &mut work[at];
        mine.recorder += recorder_within;
        mine.absent += absent.max(0.0);
        mine.cpu = whole(tree.basis(at).cpu(tree.calls(at)), foreign[0], mine.recorder, mine.inside);
        let mine = *mine;
        let [cpu, absent] = outside(tree, at);
        let caller = tree.parent(at);
        let parent = &mut work[if caller == ROOT { top } else { caller as usize }];
        parent.inside.ns += (mine.cpu.ns - cpu).max(0.0);
        parent.inside.variance += mine.cpu.variance;
        parent.inside.common += mine.cpu.common;
        parent.recorder += mine.recorder + recorder - recorder_within;
        parent.absent += (mine.absent - absent).max(0.0);
        let sibling = std::mem::replace(&mut parent.first_child, at as u32);
        work[at].sibling = sibling;
    }
    work[top].cpu.ns = if process_cpu_ns == 0 { f64::INFINITY } else { process_cpu_ns as f64 };
    share_out(tree, &mut work, top);
    for at in 0..top {
        let inside = share_out(tree, &mut work, at);
        let Work { cpu, absent, first_child, .. } = work[at];
        let basis = tree.basis(at);
        let [foreign_cpu, foreign_absent] = basis.foreign;
        let own = (cpu.ns - inside.ns).max(0.0);
        let disturbed = if first_child == ROOT { 0.0 } else { DISTURBANCE * cpu.ns };
        let inclusive = [cpu.ns + foreign_cpu + absent + foreign_absent, cpu.ns + foreign_cpu];
        let exclusive = [own + basis.absent.max(0.0), own];
        let error = NodeError {
            inclusive: [cpu.variance, cpu.common + disturbed],
            exclusive: [cpu.variance + inside.variance, (cpu.common - inside.common).abs() + disturbed],
        };
        let whole = |times: [f64; 2]| times.map(|ns| ns.round() as i64);
        tree.set(at, NodeTimes { inclusive: whole(inclusive), exclusive: whole(exclusive), error });
    }
}

/// The time of a node including callees: by its own calls, and at least the time of its callees.
fn whole(measured: Option<Estimate>, foreign: f64, recorder: f64, inside: Estimate) -> Estimate {
    let Some(measured) = measured else { return inside };
    let own = Estimate {
        ns: (measured.ns - foreign - recorder).max(0.0),
        common: measured.common + RECORDER_ERROR * recorder,
        ..measured
    };
    if own.ns >= inside.ns {
        return own;
    }
    // Then both estimate the same time. The result is their mean, weighted by certainty.
    let (mine, theirs) = (own.error2(), inside.error2());
    let weight = if mine + theirs > 0.0 { theirs / (mine + theirs) } else { 1.0 };
    let mix = |own: f64, inside: f64| own * weight + inside * (1.0 - weight);
    Estimate {
        ns: mix(own.ns, inside.ns),
        variance: own.variance * weight * weight + inside.variance * (1.0 - weight) * (1.0 - weight),
        common: mix(own.common, inside.common),
    }
}

/// Reduces the times of callees that together exceed their caller's. Returns their final sum.
fn share_out<T: EstimatedTree + ?Sized>(tree: &T, work: &mut [Work], at: usize) -> Estimate {
    let (limit, inside) = (work[at].cpu.ns, work[at].inside);
    let excess = inside.ns - limit;
    if excess <= 0.0 {
        return inside;
    }
    let mut children = Vec::new();
    let mut next = work[at].first_child;
    while next != ROOT {
        children.push(next as usize);
        next = work[next as usize].sibling;
    }
    let uncertain: f64 = children.iter().map(|child| work[*child].cpu.error2()).sum();
    let part = |work: &[Work], child: usize| (work[child].cpu.ns - outside(tree, child)[0]).max(0.0);
    let mut sum = 0.0;
    for child in &children {
        let share = if uncertain > 0.0 { work[*child].cpu.error2() / uncertain } else { 0.0 };
        work[*child].cpu.ns -= (excess * share).min(part(work, *child));
        sum += part(work, *child);
    }
    // If a callee had less time than its share of the reduction, the others take the rest.
    let scale = if sum > 0.0 { limit / sum } else { 0.0 };
    for child in &children {
        work[*child].cpu.ns -= part(work, *child) * (1.0 - scale);
    }
    Estimate { ns: limit, ..inside }
}

/// Standard errors of a function's sums, computed from its nodes.
#[derive(Clone, Copy, Default)]
pub(super) struct Errors {
    inclusive: [f64; 2],
    exclusive: [f64; 2],
    /// Σ w and Σ w² over measured calls.
    weights: [f64; 2],
}

impl Errors {
    pub(super) fn add(&mut self, node: &CallNode, is_outermost: bool) {
        let add = |to: &mut [f64; 2], from: [f64; 2]| (to[0], to[1]) = (to[0] + from[0], to[1] + from[1]);
        add(&mut self.exclusive, node.error.exclusive);
        let Basis { single, stand_for, moments, .. } = node.basis;
        let single = single as f64;
        add(&mut self.weights, [single + stand_for as f64, single + stand_for as f64 + moments[0]]);
        if is_outermost {
            add(&mut self.inclusive, node.error.inclusive);
        }
    }

    pub(super) fn put_into(self, function: &mut Function) {
        let error = |[variance, common]: [f64; 2]| (variance + common * common).sqrt().round() as u64;
        function.inclusive_error_ns = error(self.inclusive);
        function.exclusive_error_ns = error(self.exclusive);
        let [sum, squares] = self.weights;
        function.effective_samples =
            if squares > 0.0 { (sum * sum / squares).round() as u64 } else { function.samples };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A node with `calls` calls.
    fn node(parent: u32, calls: u64, basis: Basis) -> CallNode {
        CallNode { parent, calls, basis, ..CallNode::default() }
    }

    /// Every call was measured.
    fn single(calls: u64, cpu: f64) -> Basis {
        Basis { single: calls, single_cpu: cpu, ..Basis::default() }
    }

    /// A hundred calls with time `each` ± `deviation` were measured, each with this weight.
    fn picked(weight: u64, each: f64, deviation: f64) -> Basis {
        let spread = 100.0 * weight as f64 * (weight - 1) as f64;
        Basis {
            picked: 100,
            stand_for: 100 * weight,
            picked_cpu: 100.0 * weight as f64 * each,
            moments: [spread, spread * each, spread * (each * each + deviation * deviation)],
            ..Basis::default()
        }
    }

    fn times(tree: &[CallNode]) -> Vec<[i64; 4]> {
        let all = |node: &CallNode| {
            [node.inclusive.wall_ns, node.inclusive.cpu_ns, node.exclusive.wall_ns, node.exclusive.cpu_ns]
        };
        tree.iter().map(all).collect()
    }

    #[test]
    fn fully_measured_times_are_unchanged() {
        let waits = Basis { absent: 400.0, ..single(2, 3_000.0) };
        let mut tree = [node(ROOT, 1, single(1, 10_000.0)), node(0, 2, waits), node(1, 5, single(5, 1_000.0))];
        reconcile(&mut tree[..], 1_000_000);
        let expected = [[10_400, 10_000, 7_000, 7_000], [3_400, 3_000, 2_400, 2_000], [1_000, 1_000, 1_000, 1_000]];
        assert_eq!(times(&tree), expected);
    }

    #[test]
    fn the_less_certain_time_is_adjusted() {
        // The callee seems to take 24,000 of the 10,000 that are known precisely.
        let callee = picked(8, 30.0, 100.0);
        let mut tree = [node(ROOT, 1, single(1, 10_000.0)), node(0, 800, callee)];
        reconcile(&mut tree[..], 0);
        let [[_, caller, _, own], [_, callee, ..]] = times(&tree)[..] else { panic!() };
        assert!((10_000..=10_200).contains(&caller) && callee == caller && own == 0, "{:?}", times(&tree));
        // And with the roles exchanged.
        let mut tree = [node(ROOT, 800, picked(8, 12.0, 500.0)), node(0, 800, single(800, 20_000.0))];
        reconcile(&mut tree[..], 0);
        let [[_, caller, ..], [_, callee, ..]] = times(&tree)[..] else { panic!() };
        assert!((18_000..=20_000).contains(&callee) && callee == caller, "{:?}", times(&tree));
    }

    #[test]
    fn any_tree_becomes_consistent() {
        let mut random = 0x9e37_79b9_7f4a_7c15_u64;
        let mut next = |below: u64| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            (random >> 20) % below
        };
        for _ in 0..if cfg!(miri) { 5 } else { 2_000 } {
            let mut tree = Vec::new();
            for at in 0..1 + next(30) {
                let parent = if at == 0 || next(5) == 0 { ROOT } else { next(at) as u32 };
                let weight = 1 << next(10);
                let each = next(10_000) as f64;
                let mut basis = match next(3) {
                    0 => Basis::default(),
                    1 => single(100, 100.0 * each),
                    _ if weight > 1 => picked(weight, each, next(5_000) as f64),
                    _ => single(100, each),
                };
                basis.absent = next(1_000) as f64;
                basis.recorder = next(100_000) as f64;
                tree.push(node(parent, 100 * weight + next(50), basis));
            }
            let limit = 1 + next(10_000_000);
            reconcile(&mut tree[..], limit);
            let mut inside = vec![[0; 2]; tree.len() + 1];
            for node in &tree {
                let place = if node.parent == ROOT { tree.len() } else { node.parent as usize };
                inside[place][0] += node.inclusive.wall_ns;
                inside[place][1] += node.inclusive.cpu_ns;
                assert!(node.exclusive.cpu_ns >= 0 && node.inclusive.cpu_ns <= node.inclusive.wall_ns, "{node:?}");
            }
            // Each figure is rounded independently.
            let slack = tree.len() as i64;
            for (node, [wall, cpu]) in tree.iter().zip(&inside) {
                let [most_wall, most_cpu] = [node.inclusive.wall_ns + slack, node.inclusive.cpu_ns + slack];
                assert!(*wall <= most_wall && *cpu <= most_cpu, "{node:?}: {wall} {cpu}");
            }
            assert!(inside[tree.len()][1] <= limit as i64 + slack, "{limit}: {tree:?}");
        }
    }

    #[test]
    fn a_tree_of_an_older_version_is_unchanged() {
        let old = CallNode { parent: ROOT, calls: 3, ..CallNode::default() };
        let mut tree =
            [CallNode { inclusive: crate::snapshot::Totals { wall_ns: 7, cpu_ns: 5, ..old.inclusive }, ..old }];
        let before = tree;
        reconcile(&mut tree[..], 1);
        assert_eq!(tree, before);
    }
}
