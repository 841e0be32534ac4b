//! Subtraction of snapshots: a window.

use std::collections::HashMap;

use crate::snapshot::distributions;
use crate::snapshot::estimate;
use crate::snapshot::readings;
use crate::snapshot::statement_figures as statements;
use crate::snapshot::sums::Sums;
use crate::snapshot::{ArenaAccount, BumpAccount, CallNode, Function, PoolAccount, ROOT, Snapshot, Totals};

impl Snapshot {
    /// The changes since `earlier`, a snapshot of the same process: a window.
    ///
    /// Counts, sums and histograms are differences. Running calls are those of this snapshot, and
    /// the part of their elapsed time inside the window is included. Functions and paths without
    /// any activity in the window are omitted. A difference may be negative if `earlier` is from
    /// another process, or was read while a call ended. It is then 0, except for exclusive sums.
    /// Current figures (allocator, arenas, objects in use, limits, high-water marks, gauges among
    /// the readings) are those of this snapshot.
    ///
    /// ```
    /// perf_sdk::measure("before", || ());
    /// let earlier = perf_sdk::snapshot();
    /// perf_sdk::measure("work", || ());
    /// let window = perf_sdk::snapshot().subtract(&earlier);
    /// let names: Vec<&str> = window.functions.iter().map(|function| function.name.as_str()).collect();
    /// assert_eq!(names, ["work"]);
    /// ```
    ///
    /// **Cost.** Linear in functions, nodes of the call tree and cells of histograms of both.
    #[must_use]
    pub fn subtract(&self, earlier: &Self) -> Self {
        let before: HashMap<(&str, &str), (usize, &Function)> = earlier
            .functions
            .iter()
            .enumerate()
            .map(|(at, f)| ((f.module.as_str(), f.name.as_str()), (at, f)))
            .collect();
        let [now_sums, was_sums] = [self, earlier].map(|one| Sums::of(one.functions.len(), &one.tree));
        let mut functions: Vec<Function> = self
            .functions
            .iter()
            .enumerate()
            .map(|(at, now)| {
                let (mut inclusive, mut exclusive) = now_sums.beside(at, now);
                let since = match before.get(&(now.module.as_str(), now.name.as_str())) {
                    Some((at, before)) => {
                        let was = was_sums.beside(*at, before);
                        (inclusive, exclusive) = ((inclusive - was.0).clamped(), exclusive - was.1);
                        now.since(before, earlier.taken_at_unix_ns)
                    }
                    None => now.clone(),
                };
                Function { inclusive, exclusive, ..since }
            })
            .collect();
        let mut tree = self.tree_since(earlier);
        let cpu_ns = self.cpu_ns.saturating_sub(earlier.cpu_ns);
        estimate::reconcile(&mut tree[..], cpu_ns);
        Sums::of(functions.len(), &tree).add_to(&mut functions);
        let (profiler, window_ns) =
            (self.profiler.since(&earlier.profiler), self.window_ns.saturating_sub(earlier.window_ns));
        let allocator = self.allocator.clone();
        let arenas = since_by(&self.arenas, &earlier.arenas, |arena| &arena.name, ArenaAccount::since);
        let pools = since_by(&self.pools, &earlier.pools, |pool| &pool.name, PoolAccount::since);
        let bumps = since_by(&self.bumps, &earlier.bumps, |bump| &bump.pool.name, BumpAccount::since);
        let pressure = self.pressure.as_ref().map(|now| match &earlier.pressure {
            Some(was) => now.since(was),
            None => now.clone(),
        });
        let (leaks, targets, alerts) = (self.leaks.clone(), self.targets.clone(), self.alerts.clone());
        let stacks = self.stacks.as_ref().map(|stacks| match &earlier.stacks {
            Some(earlier) => stacks.since(earlier),
            None => stacks.clone(),
        });
        let locks = self.locks.since(&earlier.locks);
        let readings = readings::since(&self.readings, &earlier.readings);
        let absent_readings = self.absent_readings.clone();
        let distributions = distributions::since(&self.distributions, &earlier.distributions);
        let statements = statements::since(&self.statements, &earlier.statements);
        Self {
            functions,
            tree,
            allocator,
            arenas,
            pools,
            bumps,
            pressure,
            stacks,
            locks,
            leaks,
            targets,
            alerts,
            readings,
            absent_readings,
            distributions,
            statements,
            profiler,
            window_ns,
            cpu_ns,
            ..*self
        }
        .without_empty()
    }

    fn tree_since(&self, earlier: &Self) -> Vec<CallNode> {
        // A path in the earlier tree: the index of the earlier parent, and the function's name.
        let name = |snapshot: &Self, node: &CallNode| {
            let function = &snapshot.functions[node.function as usize];
            (function.module.clone(), function.name.clone())
        };
        let mut before: HashMap<(u32, (String, String)), u32> = HashMap::with_capacity(earlier.tree.len());
        for (node, at) in earlier.tree.iter().zip(0..) {
            before.insert((node.parent, name(earlier, node)), at);
        }
        let mut matched: Vec<Option<u32>> = Vec::with_capacity(self.tree.len());
        self.tree
            .iter()
            .map(|now| {
                let parent = if now.parent == ROOT { Some(ROOT) } else { matched[now.parent as usize] };
                let was = parent.and_then(|parent| before.get(&(parent, name(self, now))).copied());
                matched.push(was);
                match was.map(|at| &earlier.tree[at as usize]) {
                    Some(was) => CallNode {
                        calls: now.calls.saturating_sub(was.calls),
                        samples: now.samples.saturating_sub(was.samples),
                        inclusive: (now.inclusive - was.inclusive).clamped(),
                        exclusive: now.exclusive - was.exclusive,
                        basis: now.basis.since(was.basis),
                        live: now.live.since(&was.live),
                        ..*now
                    },
                    None => *now,
                }
            })
            .collect()
    }

    /// Removes nodes and functions without any activity, but keeps callers of others.
    fn without_empty(mut self) -> Self {
        let mut kept: Vec<bool> = self
            .tree
            .iter()
            .map(|node| {
                node.calls > 0
                    || node.running > 0
                    || node.live.bytes > 0
                    || node.live.grown_bytes != 0
                    || node.inclusive != Totals::default()
            })
            .collect();
        for at in (0..self.tree.len()).rev() {
            let parent = self.tree[at].parent;
            if kept[at] && parent != ROOT {
                kept[parent as usize] = true;
            }
        }
        let mut used: Vec<bool> = self.functions.iter().map(|f| f.calls.total() > 0 || f.running > 0).collect();
        for (node, _) in self.tree.iter().zip(&kept).filter(|(_, kept)| **kept) {
            used[node.function as usize] = true;
        }
        let functions = renumbered(&used);
        let nodes = renumbered(&kept);
        self.tree = self
            .tree
            .iter()
            .zip(&kept)
            .filter(|(_, kept)| **kept)
            .map(|(node, _)| CallNode {
                function: functions[node.function as usize],
                parent: if node.parent == ROOT { ROOT } else { nodes[node.parent as usize] },
                ..*node
            })
            .collect();
        let mut flags = used.iter();
        self.functions.retain(|_| flags.next().copied().unwrap_or(false));
        self
    }
}

/// The counts since `earlier`, for each item that exists now. New items are unchanged.
fn since_by<T: Clone>(now: &[T], earlier: &[T], name: fn(&T) -> &str, since: fn(&T, &T) -> T) -> Vec<T> {
    let window = |now: &T| match earlier.iter().find(|was| name(was) == name(now)) {
        Some(was) => since(now, was),
        None => now.clone(),
    };
    now.iter().map(window).collect()
}

/// The new index of each item that is kept.
fn renumbered(kept: &[bool]) -> Vec<u32> {
    kept.iter()
        .scan(0, |next, kept| {
            let at = *next;
            *next += u32::from(*kept);
            Some(at)
        })
        .collect()
}
