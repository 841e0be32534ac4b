//! Folds the records of all threads into one snapshot.

use std::collections::{HashMap, VecDeque};
use std::ptr;
use std::time::{SystemTime, UNIX_EPOCH};

use super::exclusive::{self, Detour};
use super::measured::Measured;
use super::threads::{self, NodeReading, ShardReader, ThreadReading};
use crate::base::hash::FastMap;
use crate::base::prefetch::prefetch;
use crate::base::sort;
use crate::clock;
use crate::histogram::{Histogram, Scale};
use crate::memory;
use crate::record::{self, Cost, Counter, LockKind, Node, Parts, SharedSite, SiteShard, ThreadRecord};
use crate::scope::Site;
use crate::snapshot::{
    self, CallNode, Calls, CountingCost, Function, FutureTotals, Heap, LockContention, Locks, ProfilerStats, ROOT,
    Snapshot, Sums, Totals,
};

/// The number of shards that are prefetched before they are read.
const AHEAD: usize = 2;

/// A snapshot of everything recorded so far.
pub(crate) fn take() -> Snapshot {
    memory::uncounted(|| {
        let mut snapshot = fold(None).snapshot;
        snapshot.sort_functions();
        snapshot
    })
}

/// With `later`, functions have neither names nor distributions, and it says where to find these.
pub(super) fn fold(later: Option<Later>) -> Folded {
    record::refresh_cost();
    let estimated_calls = record::estimated_calls();
    let mut fold = Fold { cost: record::cost(), estimated_calls, later, ..Fold::default() };
    let mut threads = 0;
    for record in record::records() {
        threads += u64::from(record.owner().is_some());
        fold.thread(record);
    }
    record::shared_sites().for_each(|shared| fold.shared(shared));
    fold.finish(threads)
}

/// What was folded. The functions are not sorted.
pub(super) struct Folded {
    pub(super) snapshot: Snapshot,
    /// One site of each function.
    #[cfg_attr(not(feature = "serve"), allow(dead_code))]
    pub(super) sites: Vec<&'static Site>,
    #[cfg_attr(not(feature = "serve"), allow(dead_code))]
    pub(super) later: Option<Later>,
}

/// Where the distributions of functions are.
#[derive(Default)]
pub(super) struct Later {
    pub(super) threads: Vec<&'static ThreadRecord>,
    pub(super) shards: Vec<LaterShard>,
    /// Each with its function.
    pub(super) shared: Vec<(u32, &'static SharedSite)>,
    /// Of each function, whether CPU times and bytes are measured.
    has: Vec<[bool; 2]>,
}

/// What one thread recorded of one function.
#[cfg_attr(not(feature = "serve"), allow(dead_code))]
pub(super) struct LaterShard {
    pub(super) shard: &'static SiteShard,
    pub(super) function: u32,
    /// An index into `threads`.
    pub(super) thread: u32,
}

impl Later {
    fn add(&mut self, shard: &'static SiteShard, function: u32, has: [bool; 2]) {
        let thread = self.threads.len() as u32 - 1;
        self.shards.push(LaterShard { shard, function, thread });
        self.note(function, has);
    }

    fn note(&mut self, function: u32, [has_cpu, has_bytes]: [bool; 2]) {
        let [cpu, bytes] = &mut self.has[function as usize];
        (*cpu, *bytes) = (*cpu | has_cpu, *bytes | has_bytes);
    }
}

fn counted(site: &Site, share: f64) -> CountingCost {
    let label = site.label();
    CountingCost { name: label.name.clone(), module: label.module.clone(), share }
}

#[derive(Default)]
struct Fold {
    cost: Cost,
    /// Keyed by the address of the node.
    estimated_calls: HashMap<usize, u64>,
    by_site: FastMap<*const Site, u32>,
    by_label: HashMap<(&'static str, &'static str), u32>,
    functions: Vec<Function>,
    /// One entry for each function.
    sites: Vec<&'static Site>,
    /// One entry for each function, if distributions are read at once.
    measured: Vec<Measured>,
    later: Option<Later>,
    by_path: FastMap<(u32, u32), u32>,
    tree: Vec<CallNode>,
    detours: Vec<Detour>,
    measured_calls: u64,
    passed_calls: u64,
    /// Ticks that the CPU clock took to ask the kernel.
    asked_ticks: u64,
}

impl Fold {
    fn thread(&mut self, record: &'static ThreadRecord) {
        let reading = threads::read(record);
        self.expect_those_of(record, &reading);
        self.nodes(&reading);
        self.measured_calls += record.rehearsals.get();
        self.shards(record);
    }

    /// Threads have much the same functions and nodes. A vector that grows takes up to thrice of
    /// what is in it, for a moment.
    fn expect_those_of(&mut self, record: &'static ThreadRecord, reading: &ThreadReading) {
        if self.tree.is_empty() {
            self.tree.reserve_exact(reading.nodes.len());
            self.detours.reserve_exact(reading.nodes.len());
        }
        if self.functions.is_empty() {
            let sites = std::iter::successors(record.newest_shard(), |shard| shard.older()).count();
            self.functions.reserve_exact(sites);
            self.sites.reserve_exact(sites);
        }
    }

    /// PERF: with many functions on many threads, nothing is in the caches. So some shards ahead,
    /// it prefetches a shard, then the histogram to which it is added, then the cells of both.
    fn shards(&mut self, record: &'static ThreadRecord) {
        let mut reader = ShardReader::of(record);
        if let Some(later) = &mut self.later {
            later.threads.push(record);
        }
        let mut coming = VecDeque::with_capacity(AHEAD + 1);
        let mut last = record.newest_shard();
        loop {
            if let Some(shard) = last {
                let index = self.function(shard.site);
                self.measured.get(index as usize).into_iter().for_each(prefetch);
                coming.push_back((shard, index));
                last = shard.older();
                last.into_iter().for_each(prefetch);
            }
            if let Some((next, index)) = coming.get(1)
                && let Some(measured) = self.measured.get(*index as usize)
            {
                next.prefetch_cells();
                measured.prefetch_cells();
            }
            if last.is_none() || coming.len() > AHEAD {
                let Some((shard, index)) = coming.pop_front() else { return };
                let options = shard.site.options();
                let (has_cpu, has_bytes) = (options.cpu && clock::engine().is_some(), options.alloc && record.counting);
                match &mut self.later {
                    Some(later) => later.add(shard, index, [has_cpu, has_bytes]),
                    None => self.measured[index as usize].add(reader.read(shard), has_cpu, has_bytes),
                }
                self.shard(record, shard, index);
            }
        }
    }

    fn function(&mut self, site: &'static Site) -> u32 {
        if let Some(index) = self.by_site.get(&ptr::from_ref(site)) {
            return *index;
        }
        let label = site.label();
        let next = self.functions.len() as u32;
        let index = *self.by_label.entry((&label.module, &label.name)).or_insert(next);
        if index == next {
            self.sites.push(site);
            if let Some(later) = &mut self.later {
                self.functions.push(Function::default());
                later.has.push([false; 2]);
            } else {
                self.functions.push(Function {
                    name: label.name.clone(),
                    module: label.module.clone(),
                    file: site.source().file.to_owned(),
                    line: site.source().line,
                    is_lazy: site.options().lazy,
                    ..Function::default()
                });
                self.measured.push(Measured::default());
            }
        }
        self.by_site.insert(ptr::from_ref(site), index);
        index
    }

    fn nodes(&mut self, reading: &ThreadReading) {
        let mut merged: FastMap<*const Node, u32> =
            FastMap::with_capacity_and_hasher(reading.nodes.len(), Default::default());
        for node in &reading.nodes {
            let NodeReading { node: place, outcomes, samples, sums, detours, running, basis, recursions } = node;
            let Some(site) = place.site() else { continue };
            let parent = place.parent().and_then(|parent| merged.get(&ptr::from_ref(parent)).copied()).unwrap_or(ROOT);
            let function = self.function(site);
            let next = self.tree.len() as u32;
            let index = *self.by_path.entry((parent, function)).or_insert(next);
            if index == next {
                self.tree.push(CallNode { function, parent, ..CallNode::default() });
                self.detours.push(Detour::default());
            }
            merged.insert(ptr::from_ref(*place), index);
            let estimated = self.estimated_calls.get(&ptr::from_ref(*place).addr()).copied().unwrap_or(0);
            let mut calls = Calls { ok: outcomes[0], error: outcomes[1], panic: outcomes[2], cancelled: outcomes[3] };
            let passed = calls.total().saturating_sub(*samples);
            self.measured_calls += samples;
            self.passed_calls += passed;
            let mut basis = *basis;
            basis.single_cpu = sums.cpu_ns as f64 - basis.picked_cpu;
            basis.recorder = self.cost.of(*samples, passed, site.rate());
            basis.recorder_within = basis.recorder * *recursions as f64 / calls.total().max(1) as f64;
            calls.ok += estimated;
            let merged = &mut self.tree[index as usize];
            merged.calls += calls.total();
            merged.samples += samples;
            merged.running += running;
            merged.inclusive += *sums;
            if let Some((outside_parent, foreign)) = detours.as_deref() {
                let times = |totals: &Totals| [totals.cpu_ns as f64, totals.off_cpu_ns() as f64];
                (basis.outside, basis.foreign) = (times(outside_parent), times(foreign));
                let detour = &mut self.detours[index as usize];
                detour.outside_parent += *outside_parent;
                detour.foreign += *foreign;
            }
            merged.basis = merged.basis.plus(basis);
            let function = &mut self.functions[function as usize];
            function.samples += samples;
            function.one_in = function.one_in.max(site.rate());
            function.estimated_calls += estimated;
            function.rests |= site.rests();
            function.calls.add(&calls);
            if *running > 0 && place.shard().is_none_or(|shard| shard.future().is_none()) {
                function.running += running;
            }
        }
    }

    /// Everything but the distributions.
    fn shard(&mut self, record: &ThreadRecord, shard: &'static SiteShard, index: u32) {
        let function = &mut self.functions[index as usize];
        if let Some(future) = shard.future() {
            let totals = function.future.get_or_insert_with(FutureTotals::default);
            let ns = |sum: &Counter| record.wall.signed_ns(sum.get_signed()).max(0) as u64;
            let (finished, started) = (future.finished.get(), future.started.get());
            totals.polls += future.polls.get();
            totals.busy_ns += ns(&future.busy);
            totals.idle_ns += ns(&future.idle);
            totals.longest_poll_ns = totals.longest_poll_ns.max(ns(&future.longest_poll));
            self.measured_calls += future.polls.get();
            // A future may end on another thread than it began on. The difference is correct only
            // for all threads together.
            function.running = function.running.wrapping_add(started).wrapping_sub(finished);
        }
        self.asked_ticks += shard.asked.get();
        if self.later.is_some() {
            return;
        }
        if let Some(exemplars) = shard.exemplars() {
            snapshot::merge_exemplars(&mut function.exemplars, exemplars.read().map(|(_, exemplar)| exemplar));
        }
        if let Some(text) = shard.site.last_error().get() {
            function.last_error = Some(text);
        }
    }

    /// Calls without a node in the tree. Their time in the tree is their caller's, or the overflow
    /// node's.
    fn shared(&mut self, shared: &'static SharedSite) {
        let Some(site) = shared.site() else { return };
        let clock = clock::wall();
        let (outcomes, samples, running) = shared.calls();
        let sums = shared.sums();
        let index = self.function(site);
        let function = &mut self.functions[index as usize];
        let calls = Calls { ok: outcomes[0], error: outcomes[1], panic: outcomes[2], cancelled: outcomes[3] };
        self.measured_calls += samples;
        self.passed_calls += calls.total().saturating_sub(samples);
        function.calls.add(&calls);
        function.samples += samples;
        function.one_in = function.one_in.max(site.rate());
        function.running = function.running.wrapping_add(running);
        function.inclusive += Totals {
            wall_ns: clock.signed_ns(sums.wall),
            cpu_ns: clock.signed_ns(sums.cpu),
            allocated_bytes: sums.allocated_bytes as i64,
            allocations: sums.allocations as i64,
            freed_bytes: sums.freed_bytes as i64,
            frees: sums.frees as i64,
            reallocations: sums.reallocations as i64,
        };
        let options = site.options();
        let (has_cpu, has_bytes) = (options.cpu && clock::engine().is_some(), options.alloc && memory::is_counting());
        if let Some(later) = &mut self.later {
            later.shared.push((index, shared));
            later.note(index, [has_cpu, has_bytes]);
            return;
        }
        let [wall, cpu, bytes] = shared.histograms();
        let mut parts = Parts { wall, ..Parts::new() };
        if has_cpu {
            parts.cpu = cpu;
        }
        if has_bytes {
            parts.bytes = bytes;
        }
        self.measured[index as usize].add(&parts, has_cpu, has_bytes);
    }

    fn finish(mut self, threads: u64) -> Folded {
        exclusive::share_out(&mut self.tree, &self.detours);
        let cpu_ns = clock::process_cpu_ns().unwrap_or(0);
        snapshot::reconcile(&mut self.tree, cpu_ns);
        Sums::of(self.functions.len(), &self.tree).add_to(&mut self.functions);
        let heap = self.heap();
        #[cfg(feature = "stacks")]
        let stacks = self.stacks();
        #[cfg(not(feature = "stacks"))]
        let stacks: Option<snapshot::StackSampling> = None;
        let locks = self.locks();
        self.instrument_uses();
        for (function, measured) in self.functions.iter_mut().zip(self.measured) {
            measured.put_into(function);
        }
        for (function, [has_cpu, has_bytes]) in self.functions.iter_mut().zip(self.later.iter().flat_map(|l| &l.has)) {
            function.cpu = has_cpu.then(Histogram::default);
            function.bytes = has_bytes.then(|| Histogram::new(Scale::Bytes));
        }
        for function in &mut self.functions {
            if function.running > u64::MAX / 2 {
                // It was read while a future moved between threads.
                function.running = 0;
            }
        }
        let wall = clock::wall();
        let window_ns = wall.ns(wall.ticks().saturating_sub(record::began()));
        let mut dropped: snapshot::Dropped = sort::map_of(record::dropped_counts().map(|(r, n)| (r.to_owned(), n)));
        dropped.insert("shared".to_owned(), record::shared_calls());
        #[cfg(feature = "heap")]
        dropped.insert("heap".to_owned(), memory::lost_samples());
        dropped.insert("headroom".to_owned(), crate::base::headroom::left_out());
        #[cfg(all(feature = "heap", feature = "stacks"))]
        dropped.insert("heap_stacks".to_owned(), memory::lost_stacks());
        dropped.extend(stacks.iter().map(|stacks| ("stacks".to_owned(), stacks.dropped)));
        dropped.extend(clock::anomalies().map(|(r, n)| (r.to_owned(), n)));
        let reading = record::budget_reading();
        let mut overhead_parts = sort::map_of(record::account().map(|(part, ns)| (part.to_owned(), ns)));
        if overhead_parts.values().all(|ns| *ns == 0) {
            overhead_parts.clear();
        }
        let profiler = ProfilerStats {
            sites: self.by_site.len() as u64,
            threads,
            memory_bytes: crate::base::footprint::held_bytes(),
            memory_limit_bytes: crate::base::footprint::limit_bytes(),
            cpu_clock: clock::engine().map_or_else(String::new, |engine| engine.to_string()),
            heap: memory::heap_state(),
            #[cfg(feature = "stacks")]
            stacks: crate::stacks::state(),
            #[cfg(not(feature = "stacks"))]
            stacks: crate::snapshot::SamplingState::Off,
            // By the cost of empty calls if there is no account.
            overhead_ns: ((self.cost.of(self.measured_calls, self.passed_calls, 1) + wall.ns(self.asked_ticks) as f64)
                as u64)
                .max(overhead_parts.values().sum()),
            overhead_parts,
            budget: reading.as_ref().map(|reading| reading.budget),
            budget_parts: sort::map_of(
                reading.iter().flat_map(|reading| &reading.parts).map(|(part, ns)| ((*part).to_owned(), *ns)),
            ),
            counted: reading
                .iter()
                .flat_map(|reading| &reading.floor_sites)
                .map(|(site, share)| counted(site, *share))
                .collect(),
            #[cfg(feature = "push")]
            deliveries: super::deliveries::deliveries(),
            #[cfg(not(feature = "push"))]
            deliveries: Vec::new(),
            evicted_connections: super::evictions::evictions(),
            dropped,
        };
        #[cfg(feature = "pool")]
        let (pools, bumps) = crate::pool::pool_accounts();
        #[cfg(not(feature = "pool"))]
        let (pools, bumps) = (Vec::new(), Vec::new());
        let (readings, absent_readings) = super::readings::readings();
        let snapshot = Snapshot {
            taken_at_unix_ns: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_nanos() as u64),
            window_ns,
            cpu_ns,
            has_allocations: memory::is_counting(),
            functions: self.functions,
            tree: self.tree,
            #[cfg(feature = "jemalloc")]
            allocator: super::jemalloc::allocator(),
            #[cfg(not(feature = "jemalloc"))]
            allocator: None,
            heap,
            #[cfg(feature = "pool")]
            arenas: crate::pool::arena_accounts(),
            #[cfg(not(feature = "pool"))]
            arenas: Vec::new(),
            pools,
            bumps,
            #[cfg(feature = "pool")]
            pressure: crate::pool::pressure_account(),
            #[cfg(not(feature = "pool"))]
            pressure: None,
            stacks,
            locks,
            leaks: super::leaks::leaks(),
            targets: super::targets::targets(),
            alerts: super::alerts::alerts(),
            readings,
            absent_readings,
            distributions: super::instruments::distributions(),
            statements: super::instruments::statements(),
            profiler,
        };
        Folded { snapshot, sites: self.sites, later: self.later }
    }

    /// The live heap by scope. `None` if the heap is not sampled.
    #[cfg(feature = "heap")]
    fn heap(&mut self) -> Option<Heap> {
        use crate::snapshot::{LargeBlocks, Live};
        let sample_bytes = memory::sample_bytes()?;
        let mut heap = Heap { sample_bytes, old_ns: memory::old_ns(), ..Heap::default() };
        let old = memory::old_bytes();
        self.functions.iter_mut().for_each(|function| function.live = Some(Live::default()));
        for (number, path, held) in memory::by_owner() {
            let live = Live {
                bytes: held.bytes,
                old_bytes: old.get(&number).copied().unwrap_or(0).min(held.bytes),
                grown_bytes: held.bytes as i64,
                objects: held.objects.round() as u64,
                allocated_bytes: held.allocated_bytes,
                allocated_objects: held.allocated_objects.round() as u64,
            };
            match path.and_then(|path| self.place_of(Node::at(path))) {
                Some(at) => {
                    let node = &mut self.tree[at as usize];
                    node.live.add(&live);
                    if let Some(all) = &mut self.functions[node.function as usize].live {
                        all.add(&live);
                    }
                }
                None => heap.unowned.add(&live),
            }
        }
        for blocks in memory::large_blocks() {
            if let Some(at) = self.by_site.get(&blocks.site) {
                let one = LargeBlocks {
                    class_bytes: 1 << blocks.class,
                    largest_bytes: blocks.largest_bytes,
                    samples: blocks.samples,
                    allocations: blocks.allocated.round() as u64,
                    frees: blocks.freed.round() as u64,
                    most_living: blocks.most_living.round() as u64,
                };
                snapshot::add_blocks(&mut self.functions[*at as usize].large_blocks, std::iter::once(one));
            }
        }
        Some(heap)
    }

    /// Stack samples by function. `None` if stacks are not sampled.
    #[cfg(feature = "stacks")]
    fn stacks(&mut self) -> Option<snapshot::StackSampling> {
        let crate::stacks::Sums { engine, totals, scopes } = crate::stacks::sums()?;
        for (site, seen) in scopes {
            if let Some(function) = self.by_site.get(&ptr::from_ref(site)) {
                let function = &mut self.functions[*function as usize];
                function.stack_samples += seen.samples;
                function.sampled_cpu_ns += seen.ns;
            }
        }
        Some(snapshot::StackSampling {
            engine: engine.to_string(),
            samples: totals.samples,
            sampled_ns: totals.sampled_ns,
            process_ns: totals.process_ns,
            dropped: totals.dropped,
            cut: totals.cut,
            leaf_only: totals.leaf_only,
            folded: totals.folded,
            handler_ns: totals.handler_ns,
            threads: totals.threads,
            refused: totals.refused,
        })
    }

    /// Waits for locks, by waiter and by holder, and futures that were suspended with one.
    fn locks(&mut self) -> Locks {
        let (waiters, holders) = record::lock_contentions();
        // A wait at a condition variable is a wait for an event, not for a lock.
        for waiter in waiters.iter().filter(|waiter| waiter.lock.is_some_and(|lock| lock.kind != LockKind::Condvar)) {
            if let Some(function) = waiter.sites.last().and_then(|site| self.by_site.get(&ptr::from_ref(*site))) {
                let function = &mut self.functions[*function as usize];
                function.lock_contentions += waiter.contentions;
                function.lock_wait_ns += waiter.delay_ns;
            }
        }
        // Each thread has its own paths, and a lock's location may have several addresses.
        let suspended = record::lock_suspensions();
        let [waiters, holders, suspended] =
            [&waiters, &holders, &suspended].map(|contended| contended.iter().map(LockContention::of));
        Locks::of(waiters, holders, suspended)
    }

    /// The use that functions made of instruments.
    fn instrument_uses(&mut self) {
        for used in crate::instrument::uses() {
            if let Some(function) = used.sites.last().and_then(|site| self.by_site.get(&ptr::from_ref(*site))) {
                let uses = &mut self.functions[*function as usize].instruments;
                snapshot::add_uses(uses, super::instruments::public(&used));
            }
        }
    }

    #[cfg(not(feature = "heap"))]
    fn heap(&mut self) -> Option<Heap> {
        None
    }

    /// The index in the merged tree of a thread's node.
    #[cfg(feature = "heap")]
    fn place_of(&self, node: &'static Node) -> Option<u32> {
        let mut sites: Vec<&'static Site> =
            std::iter::successors(Some(node), |node| node.parent()).filter_map(Node::site).collect();
        sites.reverse();
        sites.into_iter().try_fold(ROOT, |parent, site| {
            let function = self.by_site.get(&ptr::from_ref(site))?;
            self.by_path.get(&(parent, *function)).copied()
        })
    }
}
