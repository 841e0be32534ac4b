//! What is recorded of each function so far, for the history: read once a second, without building
//! the call tree.
//!
//! Counts and distributions are those of a snapshot. Exclusive times are estimated for each node of
//! the call tree by itself, as in a snapshot, but they are not reconciled with each other. None of
//! the figures falls: a lower estimate is replaced by the one before.

use std::collections::HashMap;
use std::ptr;

use super::hash::FastMap;
use super::threads::{OpenParts, TimesReader, basis};
use crate::clock;
use crate::histogram::Histogram;
use crate::memory;
use crate::record::{self, Cost, Node, Sums, ThreadRecord};
use crate::scope::Site;

/// Functions, at most.
const MOST: usize = 200;

/// What one function did so far.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FunctionSums<'a> {
    pub(crate) name: &'static str,
    /// Finished calls, and those of them that returned an error or panicked.
    pub(crate) calls: u64,
    pub(crate) errors: u64,
    /// Exclusive wall time and CPU time.
    pub(crate) self_ns: u64,
    pub(crate) cpu_ns: Option<u64>,
    /// Including callees.
    pub(crate) allocated_bytes: Option<u64>,
    pub(crate) live_bytes: Option<u64>,
    pub(crate) times: &'a Histogram,
}

/// One function: sites of one name.
#[derive(Debug)]
struct Function {
    name: &'static str,
    has_cpu: bool,
    has_bytes: bool,
    now: Now,
    /// The measured calls of which the histogram is.
    read_samples: u64,
    self_ns: u64,
    cpu_ns: u64,
    /// Its place among those that are read.
    place: Option<u16>,
}

/// Sums of one reading.
#[derive(Clone, Copy, Debug, Default)]
struct Now {
    calls: u64,
    errors: u64,
    samples: u64,
    cpu_ns: f64,
    absent_ns: f64,
    allocated_bytes: u64,
    live_bytes: u64,
}

impl Now {
    fn add(&mut self, cpu_ns: f64, absent_ns: f64) {
        self.cpu_ns += cpu_ns;
        self.absent_ns += absent_ns;
    }
}

/// All functions, in memory that is used again at each reading.
#[derive(Default)]
pub(crate) struct FunctionFold {
    by_site: FastMap<*const Site, u32>,
    by_name: HashMap<&'static str, u32>,
    functions: Vec<Function>,
    /// Those that are read, each with the histogram of its calls.
    chosen: Vec<(u32, Histogram)>,
    times: TimesReader,
    open: OpenParts,
    /// Keyed by the address of the node.
    estimated_calls: HashMap<usize, u64>,
}

impl FunctionFold {
    /// Reads everything, and hands the most expensive functions to `each`.
    pub(crate) fn read(&mut self, mut each: impl FnMut(&FunctionSums<'_>)) {
        let cost = record::cost();
        self.estimated_calls = record::estimated_calls();
        self.functions.iter_mut().for_each(|function| function.now = Now::default());
        for record in record::records() {
            self.thread(record, cost);
        }
        self.shared();
        self.live();
        self.choose();
        self.histograms();
        let has_clock = clock::engine().is_some();
        for (index, times) in &self.chosen {
            let function = &mut self.functions[*index as usize];
            let now = &function.now;
            function.self_ns = function.self_ns.max((now.cpu_ns + now.absent_ns).max(0.0) as u64);
            function.cpu_ns = function.cpu_ns.max(now.cpu_ns.max(0.0) as u64);
            each(&FunctionSums {
                name: function.name,
                calls: now.calls,
                errors: now.errors,
                self_ns: function.self_ns,
                cpu_ns: (has_clock && function.has_cpu).then_some(function.cpu_ns),
                allocated_bytes: function.has_bytes.then_some(now.allocated_bytes),
                live_bytes: memory::sample_bytes().map(|_| now.live_bytes),
                times,
            });
        }
    }

    fn function(&mut self, site: &'static Site) -> u32 {
        if let Some(index) = self.by_site.get(&ptr::from_ref(site)) {
            return *index;
        }
        let name = site.label().name.as_str();
        let index = *self.by_name.entry(name).or_insert(self.functions.len() as u32);
        let options = site.options();
        let has_bytes = options.alloc && memory::is_counting();
        if index as usize == self.functions.len() {
            self.functions.push(Function {
                name,
                has_cpu: options.cpu,
                has_bytes,
                now: Now::default(),
                read_samples: 0,
                self_ns: 0,
                cpu_ns: 0,
                place: None,
            });
        }
        let function = &mut self.functions[index as usize];
        (function.has_cpu, function.has_bytes) = (function.has_cpu | options.cpu, function.has_bytes | has_bytes);
        self.by_site.insert(ptr::from_ref(site), index);
        index
    }

    /// Adds to the function of a node. A root has none.
    fn with(&mut self, node: &Node, add: impl FnOnce(&mut Now)) {
        if let Some(site) = node.site() {
            let index = self.function(site) as usize;
            add(&mut self.functions[index].now);
        }
    }

    fn thread(&mut self, record: &'static ThreadRecord, cost: Cost) {
        let mut open = std::mem::take(&mut self.open);
        open.begin(record);
        for node in std::iter::successors(record.newest_node(), |node| node.older()) {
            self.node(record, node, cost);
        }
        let is_sampled = record.cpu_sampled();
        open.end(record, |node, below, [cpu_ns, wall_ns]| {
            let absent_ns = if is_sampled { wall_ns - cpu_ns } else { 0.0 };
            self.with(node, |now| now.add(cpu_ns, absent_ns));
            self.with(below, |now| now.add(-cpu_ns, -absent_ns));
        });
        if let Some((node, absent_ns)) = open.absent(record) {
            self.with(node, |now| now.absent_ns += absent_ns);
        }
        self.open = open;
    }

    fn node(&mut self, record: &ThreadRecord, node: &'static Node, cost: Cost) {
        let Some(site) = node.site() else { return };
        let [ok, error, panic, cancelled] = node.outcomes();
        let calls = ok + error + panic + cancelled;
        let samples = node.samples();
        let mut basis = basis(record, node);
        let times = |sums: &Sums| {
            let [wall, cpu] = [&sums.wall, &sums.cpu].map(|sum| record.wall.signed_ns(sum.get_signed()) as f64);
            [cpu, wall - cpu]
        };
        let [measured_ns, off_ns] = times(&node.sums);
        basis.single_cpu = measured_ns - basis.picked_cpu;
        let cpu_ns = basis.cpu_ns(calls);
        let detours = node.detours().map(|detours| [times(&detours.outside_parent), times(&detours.foreign)]);
        let [outside, foreign] = detours.unwrap_or_default();
        let recorder_ns = cost.of(samples, calls.saturating_sub(samples), site.rate());
        let within_ns = recorder_ns * node.recursions() as f64 / calls.max(1) as f64;
        let is_sampled = record.cpu_sampled();
        let is_outermost = !node.path().is_within_itself;
        let index = self.function(site) as usize;
        let now = &mut self.functions[index].now;
        now.calls += calls;
        now.errors += error + panic;
        now.samples += samples;
        if !self.estimated_calls.is_empty() {
            now.calls += self.estimated_calls.get(&ptr::from_ref(node).addr()).copied().unwrap_or(0);
        }
        // Where time off the CPU is not detected, it is what is neither CPU time nor a callee's.
        let absent_ns = if is_sampled { off_ns - foreign[1] } else { basis.absent.max(0.0) };
        now.add(cpu_ns - foreign[0] - within_ns, absent_ns);
        if is_outermost {
            now.allocated_bytes = now.allocated_bytes.wrapping_add(node.sums.allocated_bytes.get());
        }
        if let Some(parent) = node.parent() {
            let absent_ns = if is_sampled { off_ns - outside[1] } else { 0.0 };
            self.with(parent, |now| now.add(-(cpu_ns - outside[0] + recorder_ns - within_ns), -absent_ns));
        }
    }

    /// Calls that have no node.
    fn shared(&mut self) {
        for shared in record::shared_sites() {
            let Some(site) = shared.site() else { continue };
            let ([ok, error, panic, cancelled], samples, _) = shared.calls();
            let index = self.function(site) as usize;
            let now = &mut self.functions[index].now;
            now.calls += ok + error + panic + cancelled;
            now.errors += error + panic;
            now.samples += samples;
            now.allocated_bytes = now.allocated_bytes.wrapping_add(shared.sums().allocated_bytes);
        }
    }

    fn live(&mut self) {
        #[cfg(feature = "heap")]
        if memory::sample_bytes().is_some() {
            for (_, path, held) in memory::by_owner() {
                if let Some(path) = path {
                    self.with(Node::at(path), |now| now.live_bytes += held.bytes);
                }
            }
        }
    }

    /// Keeps those that were chosen, and fills up with the others.
    fn choose(&mut self) {
        for index in 0..self.functions.len() {
            if self.chosen.len() < MOST && self.functions[index].place.is_none() {
                self.functions[index].place = Some(self.chosen.len() as u16);
                self.chosen.push((index as u32, Histogram::default()));
            }
        }
    }

    /// Reads the histograms of the chosen functions that were called.
    fn histograms(&mut self) {
        let Self { by_site, functions, chosen, times, .. } = self;
        for (index, histogram) in chosen.iter_mut() {
            let function = &functions[*index as usize];
            if function.now.samples != function.read_samples {
                histogram.clear();
            }
        }
        let mut place_of = |site: &'static Site| {
            let function = &functions[*by_site.get(&ptr::from_ref(site))? as usize];
            function.place.filter(|_| function.now.samples != function.read_samples)
        };
        for record in record::records() {
            times.turn_to(record);
            for shard in std::iter::successors(record.newest_shard(), |shard| shard.older()) {
                if let Some(place) = place_of(shard.site) {
                    times.add_to(record, shard, &mut chosen[usize::from(place)].1);
                }
            }
        }
        for shared in record::shared_sites() {
            if let Some(place) = shared.site().and_then(&mut place_of) {
                let [wall, ..] = shared.histograms();
                chosen[usize::from(place)].1.merge(&wall);
            }
        }
        functions.iter_mut().for_each(|function| function.read_samples = function.now.samples);
    }
}
