//! What a snapshot says of the process as a whole, and what is known of functions elsewhere than in
//! the records of threads.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::base::sort;
use crate::clock;
use crate::memory;
#[cfg(feature = "heap")]
use crate::record::Node;
use crate::record::{self, Cost, LockKind};
use crate::scope::Site;
use crate::snapshot::{
    CountingCost, Dropped, Heap, InstrumentUse, LockContention, Locks, ProfilerStats, Snapshot, StackSampling,
};
#[cfg(feature = "heap")]
use crate::snapshot::{LargeBlocks, Live};

/// What recording did, summed over all records.
#[derive(Default)]
pub(super) struct RecordingSums {
    /// What a call costs.
    pub(super) cost: Cost,
    /// The threads that run.
    pub(super) threads: u64,
    /// The sites that ran.
    pub(super) sites: u64,
    pub(super) measured_calls: u64,
    pub(super) passed_calls: u64,
    /// Ticks that the CPU clock took to ask the kernel.
    pub(super) asked_ticks: u64,
}

fn counted(site: &Site, share: f64) -> CountingCost {
    let label = site.label();
    CountingCost { name: label.name.clone(), module: label.module.clone(), share }
}

/// A snapshot without functions and call tree.
pub(super) fn snapshot(
    sums: &RecordingSums,
    cpu_ns: u64,
    heap: Option<Heap>,
    stacks: Option<StackSampling>,
    locks: Locks,
) -> Snapshot {
    let wall = clock::wall();
    let window_ns = wall.ns(wall.ticks().saturating_sub(record::began()));
    #[cfg(feature = "pool")]
    let (pools, bumps) = crate::pool::pool_accounts();
    #[cfg(not(feature = "pool"))]
    let (pools, bumps) = (Vec::new(), Vec::new());
    let (readings, absent_readings) = super::readings::readings();
    Snapshot {
        taken_at_unix_ns: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_nanos() as u64),
        window_ns,
        cpu_ns,
        has_allocations: memory::is_counting(),
        functions: Vec::new(),
        tree: Vec::new(),
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
        profiler: profiler(sums, stacks.as_ref()),
        stacks,
        locks,
        leaks: super::leaks::leaks(),
        targets: super::targets::targets(),
        alerts: super::alerts::alerts(),
        readings,
        absent_readings,
        distributions: super::instruments::distributions(),
        statements: super::instruments::statements(),
    }
}

fn profiler(sums: &RecordingSums, stacks: Option<&StackSampling>) -> ProfilerStats {
    let wall = clock::wall();
    let reading = record::budget_reading();
    let mut overhead_parts = sort::map_of(record::account().map(|(part, ns)| (part.to_owned(), ns)));
    if overhead_parts.values().all(|ns| *ns == 0) {
        overhead_parts.clear();
    }
    let recording_ns = sums.cost.of(sums.measured_calls, sums.passed_calls, 1) + wall.ns(sums.asked_ticks) as f64;
    ProfilerStats {
        sites: sums.sites,
        threads: sums.threads,
        memory_bytes: crate::base::footprint::held_bytes(),
        memory_limit_bytes: crate::base::footprint::limit_bytes(),
        cpu_clock: clock::engine().map_or_else(String::new, |engine| engine.to_string()),
        heap: memory::heap_state(),
        #[cfg(feature = "stacks")]
        stacks: crate::stacks::state(),
        #[cfg(not(feature = "stacks"))]
        stacks: crate::snapshot::SamplingState::Off,
        // By the cost of empty calls if there is no account.
        overhead_ns: (recording_ns as u64).max(overhead_parts.values().sum()),
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
        dropped: dropped(stacks),
    }
}

fn dropped(stacks: Option<&StackSampling>) -> Dropped {
    let mut dropped: Dropped = sort::map_of(record::dropped_counts().map(|(r, n)| (r.to_owned(), n)));
    dropped.insert("shared".to_owned(), record::shared_calls());
    #[cfg(feature = "heap")]
    dropped.insert("heap".to_owned(), memory::lost_samples());
    dropped.insert("headroom".to_owned(), crate::base::headroom::left_out());
    #[cfg(all(feature = "heap", feature = "stacks"))]
    dropped.insert("heap_stacks".to_owned(), memory::lost_stacks());
    dropped.extend(stacks.map(|stacks| ("stacks".to_owned(), stacks.dropped)));
    dropped.extend(clock::anomalies().map(|(r, n)| (r.to_owned(), n)));
    dropped
}

/// The live heap. `None` if it is not sampled. `add` gets what each path of callers holds, the
/// outermost caller first; false: nobody knows this path.
#[cfg(feature = "heap")]
pub(super) fn heap(mut add: impl FnMut(&[&'static Site], &Live) -> bool) -> Option<Heap> {
    let sample_bytes = memory::sample_bytes()?;
    let mut heap = Heap { sample_bytes, old_ns: memory::old_ns(), ..Heap::default() };
    let old = memory::old_bytes();
    let mut sites: Vec<&'static Site> = Vec::new();
    for (number, path, held) in memory::by_owner() {
        let live = Live {
            bytes: held.bytes,
            old_bytes: old.get(&number).copied().unwrap_or(0).min(held.bytes),
            grown_bytes: held.bytes as i64,
            objects: held.objects.round() as u64,
            allocated_bytes: held.allocated_bytes,
            allocated_objects: held.allocated_objects.round() as u64,
        };
        let is_known = path.is_some_and(|path| {
            sites.clear();
            sites.extend(std::iter::successors(Some(Node::at(path)), |node| node.parent()).filter_map(Node::site));
            sites.reverse();
            !sites.is_empty() && add(&sites, &live)
        });
        if !is_known {
            heap.unowned.add(&live);
        }
    }
    Some(heap)
}

#[cfg(not(feature = "heap"))]
pub(super) fn heap(_: impl FnMut(&[&'static Site], &crate::snapshot::Live) -> bool) -> Option<Heap> {
    None
}

/// Large blocks, each with the site that allocated it.
#[cfg(feature = "heap")]
pub(super) fn large_blocks() -> impl Iterator<Item = (*const Site, LargeBlocks)> {
    memory::large_blocks().map(|blocks| {
        let one = LargeBlocks {
            class_bytes: 1 << blocks.class,
            largest_bytes: blocks.largest_bytes,
            samples: blocks.samples,
            allocations: blocks.allocated.round() as u64,
            frees: blocks.freed.round() as u64,
            most_living: blocks.most_living.round() as u64,
        };
        (blocks.site, one)
    })
}

/// Stack samples. `None` if stacks are not sampled. `add` gets each site's samples, and the time in
/// nanoseconds for which they stand.
#[cfg(feature = "stacks")]
pub(super) fn stacks(mut add: impl FnMut(&'static Site, u64, u64)) -> Option<StackSampling> {
    let crate::stacks::Sums { engine, totals, scopes } = crate::stacks::sums()?;
    for (site, seen) in scopes {
        add(site, seen.samples, seen.ns);
    }
    Some(StackSampling {
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

#[cfg(not(feature = "stacks"))]
pub(super) fn stacks(_: impl FnMut(&'static Site, u64, u64)) -> Option<StackSampling> {
    None
}

/// Waits for locks, by waiter and by holder, and futures that were suspended with one. `add` gets
/// the number and the duration of waits of each innermost site.
pub(super) fn locks(mut add: impl FnMut(&'static Site, u64, u64)) -> Locks {
    let (waiters, holders) = record::lock_contentions();
    // A wait at a condition variable is a wait for an event, not for a lock.
    for waiter in waiters.iter().filter(|waiter| waiter.lock.is_some_and(|lock| lock.kind != LockKind::Condvar)) {
        if let Some(site) = waiter.sites.last() {
            add(site, waiter.contentions, waiter.delay_ns);
        }
    }
    // Each thread has its own paths, and a lock's location may have several addresses.
    let suspended = record::lock_suspensions();
    let [waiters, holders, suspended] =
        [&waiters, &holders, &suspended].map(|contended| contended.iter().map(LockContention::of));
    Locks::of(waiters, holders, suspended)
}

/// The use that functions made of instruments, each with the innermost site.
pub(super) fn instrument_uses(mut add: impl FnMut(&'static Site, InstrumentUse)) {
    for used in crate::instrument::uses() {
        if let Some(site) = used.sites.last()
            && let Some(used) = super::instruments::public(&used)
        {
            add(site, used);
        }
    }
}
