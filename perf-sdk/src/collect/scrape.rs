//! A snapshot for a scrape: with many functions on many threads it takes a tenth of the memory. It
//! has no call tree, and it reads the distributions of a function when they are written.

use std::collections::HashMap;
use std::ops::Range;

use super::fold::{Folded, Later};
use super::threads::DistributionReader;
use crate::base::prefetch::prefetch;
use crate::histogram::{Histogram, Scale};
use crate::memory;
use crate::record::{SharedSite, SiteShard, ThreadRecord};
use crate::scope::Site;
use crate::snapshot::{
    self, Calls, Function, FunctionPart, FutureTotals, InstrumentUse, LateFunctions, Live, Snapshot, Totals,
};

/// The number of shards that are prefetched before they are read.
const AHEAD: usize = 2;

/// What scrapes show of one function, without its distributions.
#[derive(Debug)]
struct Line {
    site: &'static Site,
    calls: Calls,
    estimated_calls: u64,
    samples: u64,
    running: u64,
    self_wall_ns: i64,
    self_cpu_ns: i64,
    self_error_ns: u64,
    allocations: i64,
    freed_bytes: i64,
    live_bytes: u64,
    live_objects: u64,
    stack_samples: u64,
    sampled_cpu_ns: u64,
    lock_contentions: u64,
    lock_wait_ns: u64,
    idle_ns: u64,
    one_in: u32,
    is_future: bool,
    has_live: bool,
    has_cpu: bool,
    has_bytes: bool,
}

/// The functions of a scrape.
#[derive(Debug)]
pub(crate) struct LateFold {
    /// By module and name.
    lines: Vec<Line>,
    threads: Vec<&'static ThreadRecord>,
    /// Of each function in turn, the shards of its threads.
    shards: Vec<&'static SiteShard>,
    /// Of each shard its thread, an index into `threads`.
    owners: Vec<u32>,
    /// Where the shards of each function begin.
    begins: Vec<u32>,
    /// By function.
    shared: HashMap<u32, Vec<&'static SharedSite>>,
    uses: HashMap<u32, Vec<InstrumentUse>>,
    reader: DistributionReader,
}

impl Line {
    fn of(site: &'static Site, function: &Function) -> Self {
        let live = function.live.unwrap_or_default();
        Self {
            site,
            calls: function.calls,
            estimated_calls: function.estimated_calls,
            samples: function.samples,
            running: function.running,
            self_wall_ns: function.exclusive.wall_ns,
            self_cpu_ns: function.exclusive.cpu_ns,
            self_error_ns: function.exclusive_error_ns,
            allocations: function.inclusive.allocations,
            freed_bytes: function.inclusive.freed_bytes,
            live_bytes: live.bytes,
            live_objects: live.objects,
            stack_samples: function.stack_samples,
            sampled_cpu_ns: function.sampled_cpu_ns,
            lock_contentions: function.lock_contentions,
            lock_wait_ns: function.lock_wait_ns,
            idle_ns: function.future.unwrap_or_default().idle_ns,
            one_in: function.one_in,
            is_future: function.future.is_some(),
            has_live: function.live.is_some(),
            has_cpu: function.cpu.is_some(),
            has_bytes: function.bytes.is_some(),
        }
    }

    /// Keeps the memory of `function`.
    fn put_into(&self, function: &mut Function) {
        let label = self.site.label();
        let mut old = std::mem::take(function);
        old.name.clone_from(&label.name);
        old.module.clone_from(&label.module);
        old.wall.clear();
        old.exemplars.clear();
        let empty = |has: bool, old: Option<Histogram>, scale: Scale| {
            let mut histogram = has.then(|| old.unwrap_or_else(|| Histogram::new(scale)));
            histogram.iter_mut().for_each(Histogram::clear);
            histogram
        };
        *function = Function {
            name: old.name,
            module: old.module,
            calls: self.calls,
            estimated_calls: self.estimated_calls,
            samples: self.samples,
            running: self.running,
            one_in: self.one_in,
            wall: old.wall,
            cpu: empty(self.has_cpu, old.cpu, Scale::Seconds),
            bytes: empty(self.has_bytes, old.bytes, Scale::Bytes),
            inclusive: Totals { allocations: self.allocations, freed_bytes: self.freed_bytes, ..Totals::default() },
            exclusive: Totals { wall_ns: self.self_wall_ns, cpu_ns: self.self_cpu_ns, ..Totals::default() },
            exclusive_error_ns: self.self_error_ns,
            live: self.has_live.then(|| Live { bytes: self.live_bytes, objects: self.live_objects, ..Live::default() }),
            stack_samples: self.stack_samples,
            sampled_cpu_ns: self.sampled_cpu_ns,
            lock_contentions: self.lock_contentions,
            lock_wait_ns: self.lock_wait_ns,
            future: self.is_future.then(|| FutureTotals { idle_ns: self.idle_ns, ..FutureTotals::default() }),
            exemplars: old.exemplars,
            ..Function::default()
        };
    }
}

/// Everything recorded so far, for a scrape: a snapshot without functions and call tree, and the
/// functions.
pub(crate) fn take_late() -> (Snapshot, LateFold) {
    memory::uncounted(|| {
        let Folded { mut snapshot, sites, later } = super::fold::fold(Some(Later::default()));
        snapshot.tree = Vec::new();
        let functions = std::mem::take(&mut snapshot.functions);
        (snapshot, LateFold::new(functions, &sites, later.unwrap_or_default()))
    })
}

impl LateFold {
    fn new(mut functions: Vec<Function>, sites: &[&'static Site], later: Later) -> Self {
        let mut order: Vec<u32> = (0..functions.len() as u32).collect();
        order.sort_by_key(|at| {
            let label = sites[*at as usize].label();
            (&label.module, &label.name)
        });
        let lines: Vec<Line> =
            order.iter().map(|was| Line::of(sites[*was as usize], &functions[*was as usize])).collect();
        let mut uses = HashMap::new();
        let mut new_place = vec![0; order.len()];
        for (at, was) in order.iter().enumerate() {
            new_place[*was as usize] = at as u32;
            let used = std::mem::take(&mut functions[*was as usize].instruments);
            if !used.is_empty() {
                uses.insert(at as u32, used);
            }
        }
        drop(functions);
        let Later { threads, mut shards, shared, .. } = later;
        shards.iter_mut().for_each(|shard| shard.function = new_place[shard.function as usize]);
        // Shards of one function stay in the order of their threads.
        shards.sort_by_key(|shard| shard.function);
        let mut begins = vec![0; lines.len() + 1];
        shards.iter().for_each(|shard| begins[shard.function as usize + 1] += 1);
        (1..begins.len()).for_each(|at| begins[at] += begins[at - 1]);
        let mut shared_of: HashMap<u32, Vec<&'static SharedSite>> = HashMap::new();
        for (function, shared) in shared {
            shared_of.entry(new_place[function as usize]).or_default().push(shared);
        }
        let owners = shards.iter().map(|shard| shard.thread).collect();
        let shards = shards.iter().map(|shard| shard.shard).collect();
        let reader = DistributionReader::default();
        Self { lines, threads, shards, owners, begins, shared: shared_of, uses, reader }
    }

    /// Adds what all threads recorded of a function, and prefetches what is read next.
    fn distribution(&mut self, at: usize, part: FunctionPart, function: &mut Function) {
        if part == FunctionPart::Figures {
            return;
        }
        let Self { threads, shards, owners, begins, reader, .. } = self;
        let (begin, end) = (begins[at] as usize, begins[at + 1] as usize);
        for place in begin..end {
            if let Some(shard) = shards.get(place + AHEAD) {
                prefetch(*shard);
            }
            if let Some(shard) = shards.get(place + 1) {
                shard.prefetch_cells();
            }
            let (shard, record) = (shards[place], threads[owners[place] as usize]);
            let sum = match part {
                FunctionPart::Figures => return,
                FunctionPart::Wall => Some(&mut function.wall),
                FunctionPart::Cpu => function.cpu.as_mut(),
                FunctionPart::Bytes => function.bytes.as_mut(),
            };
            let Some(sum) = sum else { return };
            reader.add_to(record, shard, part, sum);
            if let Some(exemplars) = shard.exemplars().filter(|_| part == FunctionPart::Wall) {
                snapshot::merge_exemplars(&mut function.exemplars, exemplars.read().map(|(_, exemplar)| exemplar));
            }
        }
        for shared in self.shared.get(&(at as u32)).into_iter().flatten() {
            let [wall, cpu, bytes] = shared.histograms();
            match part {
                FunctionPart::Figures => {}
                FunctionPart::Wall => function.wall.merge(&wall),
                FunctionPart::Cpu => function.cpu.iter_mut().for_each(|sum| sum.merge(&cpu)),
                FunctionPart::Bytes => function.bytes.iter_mut().for_each(|sum| sum.merge(&bytes)),
            }
        }
    }
}

impl LateFunctions for LateFold {
    fn count(&self) -> usize {
        self.lines.len()
    }

    fn names(&self, at: usize) -> (&str, &str) {
        let label = self.lines[at].site.label();
        (&label.module, &label.name)
    }

    fn read(&mut self, range: Range<usize>, part: FunctionPart, into: &mut Vec<Function>) {
        memory::uncounted(|| {
            into.resize_with(range.len(), Function::default);
            for (at, function) in range.zip(into) {
                self.lines[at].put_into(function);
                if let Some(uses) = self.uses.get(&(at as u32)) {
                    function.instruments.clone_from(uses);
                }
                self.distribution(at, part, function);
            }
        });
    }
}
