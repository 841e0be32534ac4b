//! Addition of snapshots.

use std::collections::HashMap;

use crate::base::sort;
use crate::snapshot::distributions;
use crate::snapshot::estimate;
use crate::snapshot::readings;
use crate::snapshot::statement_figures as statements;
use crate::snapshot::sums::Sums;
use crate::snapshot::{ArenaAccount, BumpAccount, CallNode, PoolAccount, ROOT, Snapshot};

impl Snapshot {
    /// Adds what `other` recorded: another process, or another window of the same process.
    /// Functions are matched by module and name, call-tree nodes by their path, arenas and pools by
    /// name. Leaks stay those of this snapshot, if it has any. The window becomes the longer one,
    /// and the time the later one. Current figures are added, as for two processes. Of high-water
    /// marks, the higher one is kept; of memory pressure, that of the process with less memory
    /// left. Of readings, counters are added and gauges are those of the later snapshot: the sum of
    /// two ratios or of one host's memory read twice would mean nothing. So counters of the host
    /// are added too, and of two processes on one host they are twice what the host counted.
    ///
    /// ```
    /// let start = perf_sdk::snapshot();
    /// perf_sdk::measure("work", || ());
    /// let middle = perf_sdk::snapshot();
    /// perf_sdk::measure("work", || ());
    /// let end = perf_sdk::snapshot();
    ///
    /// let mut both = middle.subtract(&start);
    /// both.merge(&end.subtract(&middle));
    /// assert_eq!(both.functions[0].calls.ok, 2);
    /// ```
    ///
    /// **Cost.** As [`subtract`](Self::subtract)'s.
    pub fn merge(&mut self, other: &Self) {
        if self.targets.is_none() || (other.targets.is_some() && other.taken_at_unix_ns > self.taken_at_unix_ns) {
            self.targets.clone_from(&other.targets);
        }
        if self.alerts.is_none() || (other.alerts.is_some() && other.taken_at_unix_ns > self.taken_at_unix_ns) {
            self.alerts.clone_from(&other.alerts);
        }
        readings::add(&mut self.readings, &other.readings, other.taken_at_unix_ns > self.taken_at_unix_ns);
        readings::add_absent(&mut self.absent_readings, &other.absent_readings, &self.readings);
        // If it is unknown for one, it is unknown for both.
        self.cpu_ns = match (self.cpu_ns, other.cpu_ns) {
            (_, theirs) if self.functions.is_empty() => theirs,
            (0, _) | (_, 0) => 0,
            (ours, theirs) => ours + theirs,
        };
        Sums::of(self.functions.len(), &self.tree).take_from(&mut self.functions);
        let their_sums = Sums::of(other.functions.len(), &other.tree);
        let mut index: HashMap<(String, String), u32> =
            self.functions.iter().zip(0..).map(|(f, i)| ((f.module.clone(), f.name.clone()), i)).collect();
        let functions: Vec<u32> = other
            .functions
            .iter()
            .enumerate()
            .map(|(their_at, theirs)| {
                let next = self.functions.len() as u32;
                let at = *index.entry((theirs.module.clone(), theirs.name.clone())).or_insert(next);
                match self.functions.get_mut(at as usize) {
                    Some(ours) => ours.add(theirs),
                    None => self.functions.push(theirs.clone()),
                }
                their_sums.take(their_at, &mut self.functions[at as usize]);
                at
            })
            .collect();
        let mut paths: HashMap<(u32, u32), u32> =
            self.tree.iter().zip(0..).map(|(node, i)| ((node.parent, node.function), i)).collect();
        let mut nodes: Vec<u32> = Vec::with_capacity(other.tree.len());
        for theirs in &other.tree {
            let parent = if theirs.parent == ROOT { ROOT } else { nodes[theirs.parent as usize] };
            let function = functions[theirs.function as usize];
            let next = self.tree.len() as u32;
            let at = *paths.entry((parent, function)).or_insert(next);
            if at == next {
                self.tree.push(CallNode { function, parent, ..CallNode::default() });
            }
            nodes.push(at);
            let ours = &mut self.tree[at as usize];
            ours.calls += theirs.calls;
            ours.samples += theirs.samples;
            ours.running += theirs.running;
            ours.inclusive += theirs.inclusive;
            ours.exclusive += theirs.exclusive;
            ours.basis = ours.basis.plus(theirs.basis);
            ours.live.add(&theirs.live);
        }
        estimate::reconcile(&mut self.tree[..], self.cpu_ns);
        Sums::of(self.functions.len(), &self.tree).add_to(&mut self.functions);
        self.taken_at_unix_ns = self.taken_at_unix_ns.max(other.taken_at_unix_ns);
        self.window_ns = self.window_ns.max(other.window_ns);
        self.has_allocations |= other.has_allocations;
        match (&mut self.allocator, &other.allocator) {
            (Some(ours), Some(theirs)) => ours.add(theirs),
            (None, Some(theirs)) => self.allocator = Some(theirs.clone()),
            (_, None) => {}
        }
        match (&mut self.heap, &other.heap) {
            (Some(ours), Some(theirs)) => ours.add(theirs),
            (None, Some(_)) => self.heap = other.heap,
            (_, None) => {}
        }
        add_by(&mut self.arenas, &other.arenas, |arena| &arena.name, ArenaAccount::add);
        add_by(&mut self.pools, &other.pools, |pool| &pool.name, PoolAccount::add);
        add_by(&mut self.bumps, &other.bumps, |bump| &bump.pool.name, BumpAccount::add);
        match (&mut self.pressure, &other.pressure) {
            (Some(ours), Some(theirs)) => ours.add(theirs),
            (None, Some(theirs)) => self.pressure = Some(theirs.clone()),
            (_, None) => {}
        }
        match (&mut self.stacks, &other.stacks) {
            (Some(ours), Some(theirs)) => ours.add(theirs),
            (None, Some(theirs)) => self.stacks = Some(theirs.clone()),
            (_, None) => {}
        }
        self.locks.add(&other.locks);
        distributions::add(&mut self.distributions, &other.distributions);
        statements::add(&mut self.statements, &other.statements);
        if self.leaks.is_none() {
            self.leaks.clone_from(&other.leaks);
        }
        self.profiler.add(&other.profiler);
        self.sort_functions();
    }
}

/// Adds each item to the one with the same name. The result is sorted by name.
fn add_by<T: Clone>(ours: &mut Vec<T>, theirs: &[T], name: fn(&T) -> &str, add: fn(&mut T, &T)) {
    for their in theirs {
        match ours.iter_mut().find(|our| name(our) == name(their)) {
            Some(our) => add(our, their),
            None => ours.push(their.clone()),
        }
    }
    sort::sort_by(ours, |a, b| name(a).cmp(name(b)));
}
