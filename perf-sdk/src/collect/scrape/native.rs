//! Distributions in all cells, which are read when they are written: so only those of some
//! functions are in memory.

use std::collections::HashMap;

use crate::base::prefetch::prefetch;
use crate::collect::threads::DistributionReader;
use crate::histogram::{Histogram, Scale};
use crate::record::{SharedSite, SiteShard, ThreadRecord};
use crate::snapshot::{self, FunctionPart, LateDistribution};

/// The number of shards that are prefetched before they are read.
const AHEAD: usize = 2;

/// What one thread recorded of one function.
#[derive(Debug)]
struct Shard {
    shard: &'static SiteShard,
    function: u32,
    /// An index into `threads`.
    thread: u32,
}

/// Where the distributions of functions are.
#[derive(Debug, Default)]
pub(super) struct Native {
    threads: Vec<&'static ThreadRecord>,
    /// By function, once they are sorted.
    shards: Vec<Shard>,
    /// Where the shards of each function begin, and the end.
    begins: Vec<u32>,
    /// By function.
    shared: HashMap<u32, Vec<&'static SharedSite>>,
    reader: DistributionReader,
}

impl Native {
    /// For so many functions.
    pub(super) fn new(functions: usize) -> Self {
        Self { begins: vec![0; functions + 1], ..Self::default() }
    }

    /// Shards of this thread follow.
    pub(super) fn turn_to(&mut self, record: &'static ThreadRecord) {
        self.threads.push(record);
    }

    pub(super) fn add(&mut self, function: u32, shard: &'static SiteShard) {
        let thread = self.threads.len() as u32 - 1;
        self.shards.push(Shard { shard, function, thread });
    }

    pub(super) fn add_shared(&mut self, function: u32, shared: &'static SharedSite) {
        self.shared.entry(function).or_default().push(shared);
    }

    /// `new_place` says where each function is now.
    pub(super) fn reorder(&mut self, new_place: &[u32]) {
        let Self { shards, begins, shared, .. } = self;
        shards.iter_mut().for_each(|shard| shard.function = new_place[shard.function as usize]);
        // Those of one function stay in the order of their threads.
        shards.sort_by_key(|shard| shard.function);
        shards.iter().for_each(|shard| begins[shard.function as usize + 1] += 1);
        (1..begins.len()).for_each(|at| begins[at] += begins[at - 1]);
        *shared = shared.drain().map(|(function, shared)| (new_place[function as usize], shared)).collect();
    }

    /// Reads what all threads recorded of a function, and prefetches what is read next.
    pub(super) fn read(&mut self, at: usize, part: FunctionPart, into: &mut LateDistribution) {
        let Self { threads, shards, begins, shared, reader } = self;
        into.exemplars.clear();
        let scale = if part == FunctionPart::Bytes { Scale::Bytes } else { Scale::Seconds };
        if into.histogram.scale() != scale {
            into.histogram = Histogram::new(scale);
        }
        into.histogram.clear();
        if part == FunctionPart::Figures {
            return;
        }
        for place in begins[at] as usize..begins[at + 1] as usize {
            if let Some(next) = shards.get(place + AHEAD) {
                prefetch(next.shard);
            }
            if let Some(next) = shards.get(place + 1) {
                next.shard.prefetch_cells();
            }
            let Shard { shard, thread, .. } = shards[place];
            reader.add_to(threads[thread as usize], shard, part, &mut into.histogram);
            if let Some(exemplars) = shard.exemplars().filter(|_| part == FunctionPart::Wall) {
                snapshot::merge_exemplars(&mut into.exemplars, exemplars.read().map(|(_, exemplar)| exemplar));
            }
        }
        for shared in shared.get(&(at as u32)).into_iter().flatten() {
            let [wall, cpu, bytes] = shared.histograms();
            match part {
                FunctionPart::Figures => {}
                FunctionPart::Wall => into.histogram.merge(&wall),
                FunctionPart::Cpu => into.histogram.merge(&cpu),
                FunctionPart::Bytes => into.histogram.merge(&bytes),
            }
        }
    }
}
