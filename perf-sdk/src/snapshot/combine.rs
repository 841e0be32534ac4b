//! Addition and subtraction of snapshots.

use std::collections::HashMap;

use super::estimate;
use super::readings;
use super::sums::Sums;
use super::{ArenaAccount, BumpAccount, CallNode, Function, PoolAccount, ROOT, Snapshot, Totals};

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
        let (now_sums, was_sums) = (self.sums(), earlier.sums());
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
        estimate::reconcile(&mut tree, cpu_ns);
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
        let leaks = self.leaks.clone();
        let stacks = self.stacks.as_ref().map(|stacks| match &earlier.stacks {
            Some(earlier) => stacks.since(earlier),
            None => stacks.clone(),
        });
        let locks = self.locks.since(&earlier.locks);
        let readings = readings::since(&self.readings, &earlier.readings);
        let absent_readings = self.absent_readings.clone();
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
            readings,
            absent_readings,
            profiler,
            window_ns,
            cpu_ns,
            ..*self
        }
        .without_empty()
    }

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
        readings::add(&mut self.readings, &other.readings, other.taken_at_unix_ns > self.taken_at_unix_ns);
        readings::add_absent(&mut self.absent_readings, &other.absent_readings, &self.readings);
        // If it is unknown for one, it is unknown for both.
        self.cpu_ns = match (self.cpu_ns, other.cpu_ns) {
            (_, theirs) if self.functions.is_empty() => theirs,
            (0, _) | (_, 0) => 0,
            (ours, theirs) => ours + theirs,
        };
        self.sums().take_from(&mut self.functions);
        let their_sums = other.sums();
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
        estimate::reconcile(&mut self.tree, self.cpu_ns);
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
        if self.leaks.is_none() {
            self.leaks.clone_from(&other.leaks);
        }
        self.profiler.add(&other.profiler);
        self.sort_functions();
    }

    fn sums(&self) -> Sums {
        Sums::of(self.functions.len(), &self.tree)
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

/// The counts since `earlier`, for each item that exists now. New items are unchanged.
fn since_by<T: Clone>(now: &[T], earlier: &[T], name: fn(&T) -> &str, since: fn(&T, &T) -> T) -> Vec<T> {
    let window = |now: &T| match earlier.iter().find(|was| name(was) == name(now)) {
        Some(was) => since(now, was),
        None => now.clone(),
    };
    now.iter().map(window).collect()
}

/// Adds each item to the one with the same name. The result is sorted by name.
fn add_by<T: Clone>(ours: &mut Vec<T>, theirs: &[T], name: fn(&T) -> &str, add: fn(&mut T, &T)) {
    for their in theirs {
        match ours.iter_mut().find(|our| name(our) == name(their)) {
            Some(our) => add(our, their),
            None => ours.push(their.clone()),
        }
    }
    ours.sort_by(|a, b| name(a).cmp(name(b)));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::PressureAccount;

    fn function(name: &str, calls: u64, wall_ns: u64) -> Function {
        let mut function = Function { name: name.into(), module: "m".into(), ..Function::default() };
        function.calls.ok = calls;
        function.wall.record(wall_ns, calls);
        function.inclusive.wall_ns = (calls * wall_ns) as i64;
        function
    }

    fn node(function: u32, parent: u32, calls: u64, wall_ns: i64) -> CallNode {
        let inclusive = Totals { wall_ns, ..Totals::default() };
        CallNode { function, parent, calls, samples: calls, inclusive, exclusive: inclusive, ..CallNode::default() }
    }

    fn snapshot(functions: Vec<Function>, tree: Vec<CallNode>) -> Snapshot {
        Snapshot { functions, tree, window_ns: 10, ..Snapshot::default() }
    }

    #[test]
    fn a_window_holds_only_what_happened_in_it() {
        let early = snapshot(
            vec![function("idle", 5, 100), function("outer", 1, 1_000)],
            vec![node(1, ROOT, 1, 1_000), node(0, 0, 5, 500), node(0, ROOT, 2, 200)],
        );
        let late = snapshot(
            vec![function("fresh", 2, 10), function("idle", 5, 100), function("outer", 3, 1_000)],
            vec![node(2, ROOT, 3, 3_000), node(1, 0, 5, 500), node(0, 0, 2, 20), node(1, ROOT, 2, 200)],
        );
        let window = late.subtract(&early);
        let names: Vec<&str> = window.functions.iter().map(|f| f.name.as_str()).collect();
        assert_eq!(names, ["fresh", "outer"]);
        assert_eq!(window.functions[1].calls.ok, 2);
        assert_eq!(window.functions[1].wall.count(), 2);
        assert_eq!(window.tree, [node(1, ROOT, 2, 2_000), node(0, 0, 2, 20)]);
    }

    #[test]
    fn early_and_window_make_late() {
        let early = snapshot(vec![function("a", 3, 50)], vec![node(0, ROOT, 3, 150)]);
        let mut late =
            snapshot(vec![function("a", 3, 50), function("b", 1, 7)], vec![node(0, ROOT, 3, 150), node(1, 0, 1, 7)]);
        late.window_ns = 25;
        let mut sum = early.clone();
        let mut window = late.subtract(&early);
        window.window_ns = 25;
        sum.merge(&window);
        assert_eq!(sum, late);
    }

    fn pool(name: &str, n: u64) -> PoolAccount {
        let counted =
            PoolAccount { taken: 9 * n, made: 8 * n, first: n, beyond: 2 * n, poisoned: 3 * n, ..Default::default() };
        let dropped = PoolAccount { unfit: 4 * n, surplus: 5 * n, trimmed: 6 * n, timeouts: 7 * n, ..counted };
        PoolAccount { name: name.into(), outstanding: 40 + n, idle: 50 + n, ..dropped }
    }

    fn holding(n: u64) -> Snapshot {
        let arena = ArenaAccount {
            name: "arena".into(),
            total_bytes: 100 * n,
            allocations: 10 * n,
            refused: 2 * n,
            refused_extents: 3 * n,
            exceeded_extents: 4 * n,
            allocated_bytes: 70 + n,
            high_water_bytes: 90 + n,
            active_bytes: 80 + n,
            hard_limit_bytes: Some(1_000),
            ..ArenaAccount::default()
        };
        let bump = BumpAccount {
            pool: pool("bump", n),
            used_bytes: 5 * n,
            held_bytes: 6 * n,
            high_water_bytes: 7 + n,
            idle_bytes: 8 + n,
        };
        let mut pressure = PressureAccount {
            reliefs: 2 * n,
            trimmed: 3 * n,
            used_bytes: 60 + n,
            limit_bytes: 100,
            ..Default::default()
        };
        pressure.pauses.record(1_000, n);
        Snapshot {
            arenas: vec![arena],
            pools: vec![pool("pool", n)],
            bumps: vec![bump],
            pressure: Some(pressure),
            ..Snapshot::default()
        }
    }

    #[test]
    fn a_window_has_the_counts_and_the_final_figures_of_arenas_and_pools() {
        let window = holding(5).subtract(&holding(2));
        let (counted, now) = (holding(3), holding(5));
        let arena =
            ArenaAccount { allocated_bytes: 75, high_water_bytes: 95, active_bytes: 85, ..counted.arenas[0].clone() };
        assert_eq!(window.arenas, [arena]);
        let pool = PoolAccount { outstanding: 45, idle: 55, ..counted.pools[0].clone() };
        assert_eq!(window.pools, [pool]);
        let bump = BumpAccount {
            pool: PoolAccount { outstanding: 45, idle: 55, ..counted.bumps[0].pool.clone() },
            high_water_bytes: 12,
            idle_bytes: 13,
            ..counted.bumps[0].clone()
        };
        assert_eq!(window.bumps, [bump]);
        let (window, now) = (window.pressure.unwrap(), now.pressure.unwrap());
        assert_eq!((window.reliefs, window.trimmed, window.pauses.count()), (6, 9, 3));
        assert_eq!((window.used_bytes, window.limit_bytes), (now.used_bytes, now.limit_bytes));
        let fresh = holding(5).subtract(&Snapshot::default());
        assert_eq!((fresh.arenas, fresh.pools, fresh.bumps), (holding(5).arenas, holding(5).pools, holding(5).bumps));
    }

    #[test]
    fn pools_of_the_same_name_are_added_up() {
        let mut sum = holding(3);
        sum.merge(&holding(4));
        let arena = ArenaAccount {
            allocated_bytes: 147,
            high_water_bytes: 94,
            active_bytes: 167,
            hard_limit_bytes: Some(2_000),
            ..holding(7).arenas[0].clone()
        };
        assert_eq!(sum.arenas, [arena]);
        assert_eq!(sum.pools, [PoolAccount { outstanding: 87, idle: 107, ..pool("pool", 7) }]);
        assert_eq!((sum.bumps.len(), sum.bumps[0].used_bytes, sum.bumps[0].pool.taken), (1, 35, 63));
        assert_eq!((sum.bumps[0].high_water_bytes, sum.bumps[0].idle_bytes), (11, 23));
        let pressure = sum.pressure.unwrap();
        assert_eq!((pressure.reliefs, pressure.pauses.count(), pressure.used_bytes), (14, 7, 64));
        let other = Snapshot { pools: vec![pool("another", 1)], ..Snapshot::default() };
        let mut sum = holding(3);
        sum.merge(&other);
        assert_eq!(sum.pools, [pool("another", 1), pool("pool", 3)]);
    }

    #[test]
    fn a_snapshot_minus_itself_is_empty() {
        let all = snapshot(vec![function("a", 3, 50)], vec![node(0, ROOT, 3, 150)]);
        let none = all.subtract(&all);
        assert!(none.functions.is_empty() && none.tree.is_empty());
    }
}
