//! Folds the records of all threads into one snapshot.

use std::collections::{HashMap, VecDeque};
use std::ptr;

use super::exclusive::{self, Detour};
use super::measured::Measured;
use super::process::{self, RecordingSums};
use super::threads::{NodeReading, ShardReader, ThreadReading};
use crate::base::hash::FastMap;
use crate::base::prefetch::prefetch;
use crate::clock;
use crate::memory;
use crate::record::{self, Counter, Parts, SharedSite, SiteShard, ThreadRecord};
use crate::scope::Site;
use crate::snapshot::{self, CallNode, Calls, Function, FutureTotals, Heap, ROOT, Snapshot, Totals};

/// The number of shards that are prefetched before they are read.
const AHEAD: usize = 2;

/// A snapshot of everything recorded so far.
pub(crate) fn take() -> Snapshot {
    memory::uncounted(|| {
        let mut snapshot = fold();
        snapshot.sort_functions();
        snapshot
    })
}

fn fold() -> Snapshot {
    record::refresh_cost();
    let mut fold = Fold { estimated_calls: record::estimated_calls(), ..Fold::default() };
    fold.sums.cost = record::cost();
    let mut reading = ThreadReading::default();
    for record in record::records() {
        fold.sums.threads += u64::from(record.owner().is_some());
        fold.thread(record, &mut reading);
    }
    drop(reading);
    record::shared_sites().for_each(|shared| fold.shared(shared));
    fold.finish()
}

#[derive(Default)]
struct Fold {
    sums: RecordingSums,
    /// Keyed by the address of the node.
    estimated_calls: HashMap<usize, u64>,
    by_site: FastMap<*const Site, u32>,
    by_label: HashMap<(&'static str, &'static str), u32>,
    functions: Vec<Function>,
    /// One entry for each function.
    measured: Vec<Measured>,
    by_path: FastMap<(u32, u32), u32>,
    tree: Vec<CallNode>,
    detours: Vec<Detour>,
}

impl Fold {
    fn thread(&mut self, record: &'static ThreadRecord, reading: &mut ThreadReading) {
        reading.read(record);
        self.expect_those_of(record, reading);
        self.nodes(reading);
        self.sums.measured_calls += record.rehearsals.get();
        self.shards(record);
    }

    /// Threads have much the same functions and nodes. A vector that grows takes up to thrice of
    /// what is in it, for a moment.
    fn expect_those_of(&mut self, record: &'static ThreadRecord, reading: &ThreadReading) {
        if self.tree.is_empty() {
            self.tree.reserve_exact(reading.len());
            self.detours.reserve_exact(reading.len());
        }
        if self.functions.is_empty() {
            let sites = std::iter::successors(record.newest_shard(), |shard| shard.older()).count();
            self.functions.reserve_exact(sites);
            self.measured.reserve_exact(sites);
        }
    }

    /// PERF: with many functions on many threads, nothing is in the caches. So some shards ahead,
    /// it prefetches a shard, then the histogram to which it is added, then the cells of both.
    fn shards(&mut self, record: &'static ThreadRecord) {
        let mut reader = ShardReader::of(record);
        let mut coming = VecDeque::with_capacity(AHEAD + 1);
        let mut last = record.newest_shard();
        loop {
            if let Some(shard) = last {
                let index = self.function(shard.site);
                prefetch(&self.measured[index as usize]);
                coming.push_back((shard, index));
                last = shard.older();
                last.into_iter().for_each(prefetch);
            }
            if let Some((next, index)) = coming.get(1) {
                next.prefetch_cells();
                self.measured[*index as usize].prefetch_cells();
            }
            if last.is_none() || coming.len() > AHEAD {
                let Some((shard, index)) = coming.pop_front() else { return };
                let options = shard.site.options();
                let (has_cpu, has_bytes) = (options.cpu && clock::engine().is_some(), options.alloc && record.counting);
                self.measured[index as usize].add(reader.read(shard), has_cpu, has_bytes);
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
        self.by_site.insert(ptr::from_ref(site), index);
        index
    }

    fn nodes(&mut self, reading: &ThreadReading) {
        // Of each node of the thread its place in the tree.
        let mut merged = vec![ROOT; reading.len()];
        for (at, node) in reading.callers_first() {
            let NodeReading { node: place, outcomes, samples, sums, running, recursions, .. } = node;
            let Some(site) = place.site() else { continue };
            let parent = reading.parent(node).map_or(ROOT, |parent| merged[parent]);
            let function = self.function(site);
            let next = self.tree.len() as u32;
            let index = *self.by_path.entry((parent, function)).or_insert(next);
            if index == next {
                self.tree.push(CallNode { function, parent, ..CallNode::default() });
                self.detours.push(Detour::default());
            }
            merged[at] = index;
            let estimated = self.estimated_calls.get(&ptr::from_ref(*place).addr()).copied().unwrap_or(0);
            let mut calls = Calls { ok: outcomes[0], error: outcomes[1], panic: outcomes[2], cancelled: outcomes[3] };
            let passed = calls.total().saturating_sub(*samples);
            self.sums.measured_calls += samples;
            self.sums.passed_calls += passed;
            let mut basis = reading.basis(node);
            basis.recorder = self.sums.cost.of(*samples, passed, site.rate());
            basis.recorder_within = basis.recorder * *recursions as f64 / calls.total().max(1) as f64;
            calls.ok += estimated;
            let merged = &mut self.tree[index as usize];
            merged.calls += calls.total();
            merged.samples += samples;
            merged.running += running;
            merged.inclusive += *sums;
            if let Some([outside_parent, foreign]) = reading.detours(node) {
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
            self.sums.measured_calls += future.polls.get();
            // A future may end on another thread than it began on. The difference is correct only
            // for all threads together.
            function.running = function.running.wrapping_add(started).wrapping_sub(finished);
        }
        self.sums.asked_ticks += shard.asked.get();
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
        self.sums.measured_calls += samples;
        self.sums.passed_calls += calls.total().saturating_sub(samples);
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

    fn finish(mut self) -> Snapshot {
        exclusive::share_out(&mut self.tree, &self.detours);
        let cpu_ns = clock::process_cpu_ns().unwrap_or(0);
        snapshot::reconcile(&mut self.tree[..], cpu_ns);
        snapshot::Sums::of(self.functions.len(), &self.tree).add_to(&mut self.functions);
        let heap = self.heap();
        let stacks = process::stacks(|site, samples, ns| {
            if let Some(function) = self.by_site.get(&ptr::from_ref(site)) {
                let function = &mut self.functions[*function as usize];
                function.stack_samples += samples;
                function.sampled_cpu_ns += ns;
            }
        });
        let locks = process::locks(|site, contentions, delay_ns| {
            if let Some(function) = self.by_site.get(&ptr::from_ref(site)) {
                let function = &mut self.functions[*function as usize];
                function.lock_contentions += contentions;
                function.lock_wait_ns += delay_ns;
            }
        });
        process::instrument_uses(|site, used| {
            if let Some(function) = self.by_site.get(&ptr::from_ref(site)) {
                snapshot::add_uses(&mut self.functions[*function as usize].instruments, [used]);
            }
        });
        for (function, measured) in self.functions.iter_mut().zip(self.measured) {
            measured.put_into(function);
        }
        for function in &mut self.functions {
            if function.running > u64::MAX / 2 {
                // It was read while a future moved between threads.
                function.running = 0;
            }
        }
        self.sums.sites = self.by_site.len() as u64;
        let rest = process::snapshot(&self.sums, cpu_ns, heap, stacks, locks);
        Snapshot { functions: self.functions, tree: self.tree, ..rest }
    }

    /// The live heap by scope. `None` if the heap is not sampled.
    fn heap(&mut self) -> Option<Heap> {
        #[cfg(feature = "heap")]
        if memory::sample_bytes().is_some() {
            self.functions.iter_mut().for_each(|function| function.live = Some(snapshot::Live::default()));
        }
        let Self { tree, functions, by_site, by_path, .. } = self;
        let heap = process::heap(|path, live| {
            let place = path.iter().try_fold(ROOT, |parent, site| {
                let function = by_site.get(&ptr::from_ref(*site))?;
                by_path.get(&(parent, *function)).copied()
            });
            if let Some(at) = place {
                let node = &mut tree[at as usize];
                node.live.add(live);
                if let Some(all) = &mut functions[node.function as usize].live {
                    all.add(live);
                }
            }
            place.is_some()
        });
        #[cfg(feature = "heap")]
        for (site, blocks) in process::large_blocks() {
            if let Some(at) = by_site.get(&site) {
                snapshot::add_blocks(&mut functions[*at as usize].large_blocks, std::iter::once(blocks));
            }
        }
        heap
    }
}
