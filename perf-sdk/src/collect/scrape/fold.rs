//! Reads all records for a scrape.

use std::collections::HashMap;
use std::ptr;

use super::classic::{Classic, ClassicReader};
use super::late::{Detail, Distributions, LateFold};
use super::native::Native;
use super::tree::Tree;
use crate::base::hash::{fnv1a, mixed};
use crate::base::places::Places;
use crate::base::prefetch::prefetch;
use crate::base::sort;
use crate::clock;
use crate::collect::process::{self, RecordingSums};
use crate::collect::threads::{NodeReading, ThreadReading, prefetch_after};
use crate::memory;
use crate::record::{self, Counter, SharedSite, SiteShard, ThreadRecord};
use crate::scope::{Label, Site};
use crate::snapshot::{Figures, ROOT, RareFigures, Snapshot, add_uses};

/// The number of shards that are prefetched before they are read, and of which the cells are.
const AHEAD: usize = 8;
const CELLS_AHEAD: usize = 4;

/// Everything recorded so far, for a scrape: a snapshot without functions and call tree, and the
/// functions.
pub(crate) fn take_late(detail: Detail) -> (Snapshot, LateFold) {
    memory::uncounted(|| fold(detail))
}

fn fold(detail: Detail) -> (Snapshot, LateFold) {
    record::refresh_cost();
    let mut fold = Fold { estimated_calls: record::estimated_calls(), ..Fold::default() };
    fold.sums.cost = record::cost();
    fold.nodes();
    record::shared_sites().for_each(|shared| fold.shared(shared));
    let cpu_ns = clock::process_cpu_ns().unwrap_or(0);
    fold.own_times(cpu_ns);
    let heap = fold.heap();
    fold.tree = Tree::default();
    let stacks = process::stacks(|site, samples, ns| {
        if let Some(rare) = fold.functions.rare_of(site) {
            rare.stack_samples += samples;
            rare.sampled_cpu_ns += ns;
        }
    });
    let locks = process::locks(|site, contentions, delay_ns| {
        if let Some(rare) = fold.functions.rare_of(site) {
            rare.lock_contentions += contentions;
            rare.lock_wait_ns += delay_ns;
        }
    });
    process::instrument_uses(|site, used| {
        if let Some(rare) = fold.functions.rare_of(site) {
            add_uses(&mut rare.instruments, [used]);
        }
    });
    let distributions = fold.distributions(detail);
    let Fold { functions, mut sums, .. } = fold;
    sums.sites = functions.sites.len() as u64;
    let late = functions.sorted(distributions);
    (process::snapshot(&sums, cpu_ns, heap, stacks, locks), late)
}

#[derive(Default)]
struct Fold {
    sums: RecordingSums,
    /// Keyed by the address of the node.
    estimated_calls: HashMap<usize, u64>,
    functions: Functions,
    tree: Tree,
}

/// The functions, and which site is one of them. Sites with equal labels are one function.
#[derive(Default)]
struct Functions {
    lines: Vec<Figures<'static>>,
    /// Each with its function.
    sites: Vec<(&'static Site, u32)>,
    /// Indices into `sites`, by address.
    by_site: Places,
    /// Functions by label.
    by_label: Places,
}

fn hash_of_site(site: *const Site) -> u64 {
    mixed(site.addr(), 0)
}

fn hash_of_label(module: &str, name: &str) -> u64 {
    fnv1a(module.bytes().chain(name.bytes()))
}

fn rare<'a>(line: &'a mut Figures<'static>) -> &'a mut RareFigures {
    line.rare.get_or_insert_default()
}

impl Functions {
    fn known(&self, site: *const Site) -> Option<u32> {
        let is_meant = |at: u32| ptr::eq(self.sites[at as usize].0, site);
        self.by_site.find(hash_of_site(site), is_meant)
    }

    /// The figures of a site that ran.
    fn rare_of(&mut self, site: *const Site) -> Option<&mut RareFigures> {
        let (_, function) = self.sites[self.known(site)? as usize];
        Some(rare(&mut self.lines[function as usize]))
    }

    /// An index into `sites`. `near` is where it may be.
    fn site(&mut self, site: &'static Site, near: u32) -> u32 {
        if self.sites.get(near as usize).is_some_and(|(known, _)| ptr::eq(*known, site)) {
            return near;
        }
        self.known(site).unwrap_or_else(|| self.new_site(site))
    }

    #[cold]
    fn new_site(&mut self, site: &'static Site) -> u32 {
        let Self { lines, sites, by_site, by_label } = self;
        let Label { module, name, is_plain } = site.label();
        let hash = hash_of_label(module, name);
        let is_meant = |at: u32| (lines[at as usize].module, lines[at as usize].name) == (module, name);
        let function = by_label.find(hash, is_meant).unwrap_or_else(|| {
            let function = lines.len() as u32;
            lines.push(Figures { module, name, is_plain: *is_plain, ..Figures::default() });
            by_label.insert(hash, function, |at| hash_of_label(lines[at as usize].module, lines[at as usize].name));
            function
        });
        let at = sites.len() as u32;
        sites.push((site, function));
        by_site.insert(hash_of_site(site), at, |at| hash_of_site(sites[at as usize].0));
        at
    }

    /// By module and name.
    fn sorted(self, mut distributions: Distributions) -> LateFold {
        let Self { mut lines, sites, by_site, by_label } = self;
        drop((sites, by_site, by_label));
        let key = |at: usize| (lines[at].module, lines[at].name);
        let swaps = sort::swaps(lines.len(), &mut |a, b| key(a).cmp(&key(b)));
        swaps.iter().for_each(|(a, b)| lines.swap(*a, *b));
        let mut order: Vec<u32> = (0..lines.len() as u32).collect();
        swaps.iter().for_each(|(a, b)| order.swap(*a, *b));
        let mut new_place = vec![0; order.len()];
        (0..).zip(order).for_each(|(at, was)| new_place[was as usize] = at);
        match &mut distributions {
            Distributions::Classic(classic) => classic.reorder(&swaps, &new_place),
            Distributions::Native(native) => native.reorder(&new_place),
        }
        LateFold { lines, distributions }
    }
}

impl Fold {
    /// The call trees of all threads.
    fn nodes(&mut self) {
        let mut reading = ThreadReading::default();
        // Of each node of a thread its place in the tree.
        let mut merged = Vec::new();
        for record in record::records() {
            self.sums.threads += u64::from(record.owner().is_some());
            self.sums.measured_calls += record.rehearsals.get();
            reading.read(record);
            if self.functions.lines.is_empty() {
                // Threads have much the same functions and nodes. A vector that grows takes up to
                // thrice of what is in it, for a moment.
                let sites = std::iter::successors(record.newest_shard(), |shard| shard.older()).count();
                self.functions.lines.reserve_exact(sites);
                self.functions.sites.reserve_exact(sites);
                self.tree.expect(reading.len());
            }
            self.add(&reading, &mut merged);
        }
    }

    fn add(&mut self, reading: &ThreadReading, merged: &mut Vec<u32>) {
        merged.clear();
        merged.resize(reading.len(), ROOT);
        // On many threads they are in the same order.
        let (mut last_site, mut last_node) = (0_u32, 0_u32);
        for (at, node) in reading.callers_first() {
            let NodeReading { node: place, outcomes, samples, sums, running, recursions, .. } = node;
            let Some(site) = place.site() else { continue };
            last_site = self.functions.site(site, last_site.wrapping_add(1));
            let (_, function) = self.functions.sites[last_site as usize];
            let parent = reading.parent(node).map_or(ROOT, |parent| merged[parent]);
            last_node = self.tree.node(parent, function, last_node.wrapping_add(1));
            merged[at] = last_node;
            let estimated = match self.estimated_calls.is_empty() {
                true => 0,
                false => self.estimated_calls.get(&ptr::from_ref(*place).addr()).copied().unwrap_or(0),
            };
            let [ok, error, panic, cancelled] = *outcomes;
            let calls = ok + error + panic + cancelled;
            let passed = calls.saturating_sub(*samples);
            self.sums.measured_calls += samples;
            self.sums.passed_calls += passed;
            let mut basis = reading.basis(node);
            basis.recorder = self.sums.cost.of(*samples, passed, site.rate());
            basis.recorder_within = basis.recorder * *recursions as f64 / calls.max(1) as f64;
            let is_outermost = self.tree.add(last_node, calls + estimated, &basis);
            let line = &mut self.functions.lines[function as usize];
            line.ok += ok + estimated;
            line.samples += samples;
            line.one_in = line.one_in.max(site.rate());
            if is_outermost {
                line.allocations = line.allocations.wrapping_add(sums.allocations);
                line.freed_bytes = line.freed_bytes.wrapping_add(sums.freed_bytes);
            }
            let running = match *running > 0 && place.shard().is_none_or(|shard| shard.future().is_none()) {
                true => *running,
                false => 0,
            };
            if error + panic + cancelled + estimated + running > 0 {
                let rare = rare(line);
                rare.error += error;
                rare.panic += panic;
                rare.cancelled += cancelled;
                rare.estimated_calls += estimated;
                rare.running += running;
            }
        }
    }

    /// Calls without a node in the tree.
    fn shared(&mut self, shared: &'static SharedSite) {
        let Some(site) = shared.site() else { return };
        let ([ok, error, panic, cancelled], samples, running) = shared.calls();
        let sums = shared.sums();
        self.sums.measured_calls += samples;
        self.sums.passed_calls += (ok + error + panic + cancelled).saturating_sub(samples);
        let at = self.functions.site(site, u32::MAX);
        let (_, function) = self.functions.sites[at as usize];
        let line = &mut self.functions.lines[function as usize];
        line.ok += ok;
        line.samples += samples;
        line.one_in = line.one_in.max(site.rate());
        line.allocations = line.allocations.wrapping_add(sums.allocations as i64);
        line.freed_bytes = line.freed_bytes.wrapping_add(sums.freed_bytes as i64);
        if error + panic + cancelled + running > 0 {
            let rare = rare(line);
            rare.error += error;
            rare.panic += panic;
            rare.cancelled += cancelled;
            rare.running = rare.running.wrapping_add(running);
        }
    }

    /// Times excluding callees.
    fn own_times(&mut self, cpu_ns: u64) {
        let times = self.tree.own_times(self.functions.lines.len(), cpu_ns);
        for (line, own) in self.functions.lines.iter_mut().zip(times) {
            [line.self_wall_ns, line.self_cpu_ns] = own.ns;
            line.self_error_ns = own.error_ns();
        }
    }

    /// The live heap. `None` if it is not sampled.
    fn heap(&mut self) -> Option<crate::snapshot::Heap> {
        let Self { functions, tree, .. } = self;
        let heap = process::heap(|path, live| {
            let function = |site: &&'static Site| functions.known(*site).map(|at| functions.sites[at as usize].1);
            if !tree.is_path(path.iter().map(function)) {
                return false;
            }
            if let Some(rare) = path.last().and_then(|site| functions.rare_of(*site)) {
                rare.live_bytes += live.bytes;
                rare.live_objects += live.objects;
            }
            true
        });
        if heap.is_some() {
            functions.lines.iter_mut().for_each(|line| line.has_live = true);
        }
        heap
    }

    /// What is in the records of threads beside their trees.
    fn distributions(&mut self, detail: Detail) -> Distributions {
        let functions = self.functions.lines.len();
        let mut distributions = match detail {
            Detail::Classic { has_exemplars } => Distributions::Classic(Classic::new(functions, has_exemplars)),
            Detail::Native => Distributions::Native(Native::new(functions)),
        };
        let mut reader = ClassicReader::default();
        let mut shards: Vec<&'static SiteShard> = Vec::new();
        for record in record::records() {
            shards.clear();
            let mut last = record.newest_shard();
            while let Some(shard) = last {
                shards.push(shard);
                last = shard.older();
                if let Some(older) = last {
                    prefetch_after(shard, older);
                }
            }
            match &mut distributions {
                Distributions::Classic(_) => reader.turn_to(record),
                Distributions::Native(native) => native.turn_to(record),
            }
            let mut last_site = 0_u32;
            for (at, shard) in shards.iter().enumerate() {
                if let Some(ahead) = shards.get(at + AHEAD) {
                    prefetch(*ahead);
                }
                if let Some(ahead) = shards.get(at + CELLS_AHEAD) {
                    ahead.prefetch_cells();
                }
                // One that ran for the first time meanwhile is in the next scrape.
                let near = self.functions.sites.get(last_site.wrapping_sub(1) as usize);
                let known = match near.is_some_and(|(site, _)| ptr::eq(*site, shard.site)) {
                    true => Some(last_site.wrapping_sub(1)),
                    false => self.functions.known(shard.site),
                };
                let Some(known) = known else { continue };
                last_site = known;
                let (_, function) = self.functions.sites[known as usize];
                self.shard(record, shard, function);
                match &mut distributions {
                    Distributions::Classic(classic) => classic.add(function, shard, &mut reader),
                    Distributions::Native(native) => native.add(function, shard),
                }
            }
        }
        let has = [clock::engine().is_some(), memory::is_counting()];
        for shared in record::shared_sites() {
            let Some(site) = shared.site() else { continue };
            let Some(known) = self.functions.known(site) else { continue };
            let (_, function) = self.functions.sites[known as usize];
            let line = &mut self.functions.lines[function as usize];
            line.has_cpu |= site.options().cpu && has[0];
            line.has_bytes |= site.options().alloc && has[1];
            match &mut distributions {
                Distributions::Classic(classic) => classic.add_shared(function, shared),
                Distributions::Native(native) => native.add_shared(function, shared),
            }
        }
        for rare in self.functions.lines.iter_mut().filter_map(|line| line.rare.as_mut()) {
            if rare.running > u64::MAX / 2 {
                // It was read while a future moved between threads.
                rare.running = 0;
            }
        }
        distributions
    }

    /// Everything but the distributions.
    fn shard(&mut self, record: &ThreadRecord, shard: &'static SiteShard, function: u32) {
        let line = &mut self.functions.lines[function as usize];
        let [has_cpu, has_bytes] = shard.measures();
        line.has_cpu |= has_cpu && clock::engine().is_some();
        line.has_bytes |= has_bytes;
        self.sums.asked_ticks += shard.asked.get();
        if let Some(future) = shard.future() {
            line.is_future = true;
            let ns = |sum: &Counter| record.wall.signed_ns(sum.get_signed()).max(0) as u64;
            let (finished, started) = (future.finished.get(), future.started.get());
            self.sums.measured_calls += future.polls.get();
            let rare = rare(line);
            rare.idle_ns += ns(&future.idle);
            // A future may end on another thread than it began on. The difference is correct only
            // for all threads together.
            rare.running = rare.running.wrapping_add(started).wrapping_sub(finished);
        }
    }
}

#[cfg(all(test, not(miri)))]
mod tests {
    use super::*;
    use crate::collect;
    use crate::record::{enter, measure};
    use crate::snapshot::{Function, FunctionPart, LateFunctions as _};

    fn busy() {
        std::thread::scope(|scope| {
            for thread in 0..3_u64 {
                scope.spawn(move || {
                    for call in 0..60 {
                        measure("scrape one outer", || {
                            for _ in 0..thread {
                                measure("scrape one inner", || std::hint::black_box(vec![0_u8; 1 << (call % 12)]));
                            }
                            std::thread::sleep(std::time::Duration::from_micros(call));
                        });
                    }
                });
            }
        });
    }

    fn classic(histogram: &crate::histogram::Histogram) -> (Vec<u64>, u64) {
        let mut counts = Vec::new();
        histogram.classic_counts(&mut counts);
        (counts, histogram.sum())
    }

    /// The functions of this test, as a snapshot has them.
    fn expected() -> Vec<Function> {
        let is_ours = |function: &Function| function.name.starts_with("scrape one ");
        collect::take().functions.into_iter().filter(is_ours).collect()
    }

    #[test]
    fn a_scrape_has_the_figures_of_a_snapshot() {
        busy();
        let expected = expected();
        assert!(expected.len() >= 2);
        for detail in
            [Detail::Classic { has_exemplars: false }, Detail::Classic { has_exemplars: true }, Detail::Native]
        {
            let (snapshot, mut late) = take_late(detail);
            assert!(snapshot.functions.is_empty() && snapshot.tree.is_empty());
            assert!(late.figures().is_sorted_by(|a, b| (a.module, a.name) < (b.module, b.name)));
            for function in &expected {
                let is_meant =
                    |figures: &Figures<'_>| (figures.name, figures.module) == (&*function.name, &*function.module);
                let at = late.figures().iter().position(is_meant).unwrap();
                let mut figures = late.figures()[at].clone();
                let mut exact = Figures::of(function);
                // Times are reconciled with the time of the process, which goes on.
                for (found, exact) in [
                    (&mut figures.self_wall_ns, &mut exact.self_wall_ns),
                    (&mut figures.self_cpu_ns, &mut exact.self_cpu_ns),
                ] {
                    let (was, expected) = (std::mem::take(found), std::mem::take(exact));
                    assert!(
                        was.abs_diff(expected) <= 1_000 + expected.unsigned_abs() / 4,
                        "{detail:?}: {was}, not {expected}"
                    );
                }
                (figures.self_error_ns, exact.self_error_ns) = (0, 0);
                assert_eq!(figures, exact, "{detail:?}");
                let parts = [
                    (FunctionPart::Wall, Some(&function.wall)),
                    (FunctionPart::Cpu, function.cpu.as_ref()),
                    (FunctionPart::Bytes, function.bytes.as_ref()),
                ];
                let mut read = Vec::new();
                for (part, histogram) in parts {
                    let Some(histogram) = histogram else { continue };
                    late.read(at..at + 1, part, &mut read);
                    assert_eq!(classic(&read[0].histogram), classic(histogram), "{detail:?} {part:?}");
                    if detail == Detail::Native {
                        assert_eq!(&read[0].histogram, histogram, "{part:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn an_open_call_runs_in_a_scrape() {
        let running = |late: &LateFold| {
            let function = late.figures().iter().find(|function| function.name == "scrape open");
            function.map(|function| (function.ok, function.rare().running))
        };
        let source = crate::scope::Source {
            name: Some("scrape open"),
            path: || "",
            ident: "open",
            module: "collect::scrape",
            file: file!(),
            line: 0,
        };
        let site = Box::leak(Box::new(crate::scope::Site::new(source, crate::scope::Options::DEFAULT)));
        let guard = enter(site);
        let (_, late) = take_late(Detail::Native);
        assert_eq!(running(&late), Some((0, 1)));
        drop(guard);
        let (_, late) = take_late(Detail::Classic { has_exemplars: false });
        assert_eq!(running(&late), Some((1, 0)));
    }
}
