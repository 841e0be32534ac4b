//! The merged call tree of a scrape: the basis of times, and nothing else.

use crate::base::hash::mixed;
use crate::base::places::Places;
use crate::snapshot::{Basis, EstimatedTree, NodeTimes, ROOT};

/// No entry.
const NONE: u32 = u32::MAX;

/// One function reached by one path of callers. Of [`Basis`], what few nodes have is elsewhere.
struct Node {
    function: u32,
    parent: u32,
    calls: u64,
    single: u64,
    single_cpu: f64,
    absent: f64,
    recorder: f64,
    /// An index into `spreads`, or none.
    spread: u32,
    /// An index into `detours`, or none.
    detour: u32,
    /// Whether none of its callers is the same function.
    is_outermost: bool,
}

#[derive(Default)]
struct Spread {
    picked: u64,
    stand_for: u64,
    picked_cpu: f64,
    moments: [f64; 3],
}

#[derive(Default)]
struct Detour {
    recorder_within: f64,
    outside: [f64; 2],
    foreign: [f64; 2],
}

/// Of one function: its time excluding callees, by the clock and on the CPU, and the error of it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct OwnTimes {
    pub(super) ns: [i64; 2],
    error: [f64; 2],
}

#[derive(Default)]
pub(super) struct Tree {
    nodes: Vec<Node>,
    spreads: Vec<Spread>,
    detours: Vec<Detour>,
    /// By caller and function.
    places: Places,
    /// By function.
    own: Vec<OwnTimes>,
}

fn hash_of(parent: u32, function: u32) -> u64 {
    mixed(parent as usize, function as usize)
}

impl Tree {
    /// Room for a tree of so many nodes.
    pub(super) fn expect(&mut self, nodes: usize) {
        if self.nodes.is_empty() {
            self.nodes.reserve_exact(nodes);
        }
    }

    /// The node of `function` that `parent` called. `near` is where it may be.
    pub(super) fn node(&mut self, parent: u32, function: u32, near: u32) -> u32 {
        let is_meant = |nodes: &[Node], at: u32| {
            nodes.get(at as usize).is_some_and(|node| (node.parent, node.function) == (parent, function))
        };
        if is_meant(&self.nodes, near) {
            return near;
        }
        let hash = hash_of(parent, function);
        if let Some(at) = self.places.find(hash, |at| is_meant(&self.nodes, at)) {
            return at;
        }
        let at = self.nodes.len() as u32;
        let mut up = parent;
        while up != ROOT && self.nodes[up as usize].function != function {
            up = self.nodes[up as usize].parent;
        }
        self.nodes.push(Node {
            function,
            parent,
            calls: 0,
            single: 0,
            single_cpu: 0.0,
            absent: 0.0,
            recorder: 0.0,
            spread: NONE,
            detour: NONE,
            is_outermost: up == ROOT,
        });
        let nodes = &self.nodes;
        self.places.insert(hash, at, |at| hash_of(nodes[at as usize].parent, nodes[at as usize].function));
        at
    }

    /// Whether there is a node with this path, the outermost caller first.
    pub(super) fn is_path(&self, functions: impl Iterator<Item = Option<u32>>) -> bool {
        let mut at = ROOT;
        for function in functions {
            let Some(function) = function else { return false };
            let node = self.places.find(hash_of(at, function), |place| {
                let node = &self.nodes[place as usize];
                (node.parent, node.function) == (at, function)
            });
            let Some(node) = node else { return false };
            at = node;
        }
        at != ROOT
    }

    /// Adds what a thread recorded of a node. Returns whether none of its callers is the same
    /// function.
    pub(super) fn add(&mut self, at: u32, calls: u64, basis: &Basis) -> bool {
        let node = &mut self.nodes[at as usize];
        node.calls += calls;
        node.single += basis.single;
        node.single_cpu += basis.single_cpu;
        node.absent += basis.absent;
        node.recorder += basis.recorder;
        if basis.picked != 0 || basis.stand_for != 0 || basis.picked_cpu != 0.0 || basis.moments != [0.0; 3] {
            let spread = or_new(&mut self.spreads, &mut node.spread);
            spread.picked += basis.picked;
            spread.stand_for += basis.stand_for;
            spread.picked_cpu += basis.picked_cpu;
            add(&mut spread.moments, basis.moments);
        }
        if basis.recorder_within != 0.0 || basis.outside != [0.0; 2] || basis.foreign != [0.0; 2] {
            let detour = or_new(&mut self.detours, &mut node.detour);
            detour.recorder_within += basis.recorder_within;
            add(&mut detour.outside, basis.outside);
            add(&mut detour.foreign, basis.foreign);
        }
        node.is_outermost
    }

    /// The times of so many functions. All of them take at most this CPU time, 0 if it is unknown.
    pub(super) fn own_times(&mut self, functions: usize, process_cpu_ns: u64) -> Vec<OwnTimes> {
        self.own = vec![OwnTimes::default(); functions];
        crate::snapshot::reconcile(self, process_cpu_ns);
        std::mem::take(&mut self.own)
    }
}

fn add<const N: usize>(sums: &mut [f64; N], more: [f64; N]) {
    sums.iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
}

/// The entry with this index, which is a new one if there is none.
fn or_new<'a, T: Default>(entries: &'a mut Vec<T>, index: &mut u32) -> &'a mut T {
    if *index == NONE {
        *index = entries.len() as u32;
        entries.push(T::default());
    }
    &mut entries[*index as usize]
}

impl OwnTimes {
    /// The standard error, in nanoseconds.
    pub(super) fn error_ns(&self) -> u64 {
        let [variance, common] = self.error;
        (variance + common * common).sqrt().round() as u64
    }
}

impl EstimatedTree for Tree {
    fn len(&self) -> usize {
        self.nodes.len()
    }

    fn parent(&self, at: usize) -> u32 {
        self.nodes[at].parent
    }

    fn calls(&self, at: usize) -> u64 {
        self.nodes[at].calls
    }

    fn basis(&self, at: usize) -> Basis {
        let Node { single, single_cpu, absent, recorder, spread, detour, .. } = self.nodes[at];
        let mut basis = Basis { single, single_cpu, absent, recorder, ..Basis::default() };
        if let Some(Spread { picked, stand_for, picked_cpu, moments }) = self.spreads.get(spread as usize) {
            (basis.picked, basis.stand_for) = (*picked, *stand_for);
            (basis.picked_cpu, basis.moments) = (*picked_cpu, *moments);
        }
        if let Some(Detour { recorder_within, outside, foreign }) = self.detours.get(detour as usize) {
            (basis.recorder_within, basis.outside, basis.foreign) = (*recorder_within, *outside, *foreign);
        }
        basis
    }

    fn set(&mut self, at: usize, times: NodeTimes) {
        let own = &mut self.own[self.nodes[at].function as usize];
        own.ns.iter_mut().zip(times.exclusive).for_each(|(sum, ns)| *sum = sum.wrapping_add(ns));
        add(&mut own.error, times.error.exclusive);
    }
}
