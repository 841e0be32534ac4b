//! What is recorded of each function so far, for the history: read once a second, without building
//! the call tree.
//!
//! Counts and distributions are those of a snapshot. Exclusive times are estimated for each node of
//! the call tree by itself, as in a snapshot, but they are not reconciled with each other. No sum
//! falls: a lower estimate is replaced by the one before.
//!
//! The most expensive functions are read every second, the others every 10 seconds. Once in 10
//! seconds it is chosen which these are. Functions that are wanted by name come before all others.

use std::collections::HashMap;
use std::ptr;

use super::threads::{DistributionReader, OpenParts, basis};
use crate::base::hash::FastMap;
use crate::clock;
use crate::histogram::Histogram;
use crate::memory;
use crate::record::{self, Cost, Node, Sums, ThreadRecord};
use crate::scope::Site;
use crate::snapshot::FunctionPart;

/// Functions that are read, at most.
const MOST: usize = 200;
/// Functions that are read every second, at most.
const MOST_OFTEN: usize = 50;
/// The cost of a call besides its time, for who is the most expensive.
const CALL_NS: f64 = 50.0;
/// The part of the cost of earlier 10 seconds that still counts.
const KEPT: f64 = 0.85;
/// A function takes the place of one that costs this many times less.
const CLEARLY: f64 = 2.0;
/// Choices between two searches for new owners of memory.
#[cfg(feature = "heap")]
const SEARCH_EVERY: u32 = 6;

/// What one function did so far.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FunctionSums<'a> {
    pub(crate) name: &'static str,
    pub(crate) module: &'static str,
    /// Whether it is read every second.
    pub(crate) is_often: bool,
    /// Whether it was not there at the reading before.
    pub(crate) is_new: bool,
    /// Finished calls, and those of them that returned an error or panicked.
    pub(crate) calls: u64,
    pub(crate) errors: u64,
    /// Excluding callees.
    pub(crate) self_ns: u64,
    pub(crate) cpu_ns: Option<u64>,
    pub(crate) allocated_bytes: Option<u64>,
    pub(crate) live_bytes: Option<u64>,
    pub(crate) times: &'a Histogram,
}

/// All sites of one name in one module, as a row of a snapshot.
struct Function {
    name: &'static str,
    module: &'static str,
    has_cpu: bool,
    has_bytes: bool,
    is_wanted: bool,
    now: Now,
    /// The measured calls of which the histogram is. `None`: it has to be read.
    read_samples: Option<u64>,
    self_ns: u64,
    cpu_ns: u64,
    allocated_bytes: u64,
    live_bytes: u64,
    /// What it cost lately, and the cost until the latest choice.
    weight: f64,
    weighed: f64,
    /// Its place among those that are read.
    place: Option<u16>,
    is_often: bool,
    /// It was read before, or its calls until now are of no known time.
    is_known: bool,
    /// It was among those that were read last.
    is_kept: bool,
}

/// Sums of one reading.
#[derive(Clone, Copy, Debug, Default)]
struct Now {
    calls: u64,
    errors: u64,
    samples: u64,
    cpu_ns: f64,
    absent_ns: f64,
    allocated_bytes: i64,
}

impl Now {
    fn add(&mut self, cpu_ns: f64, absent_ns: f64) {
        self.cpu_ns += cpu_ns;
        self.absent_ns += absent_ns;
    }

    fn self_ns(&self) -> f64 {
        (self.cpu_ns + self.absent_ns).max(0.0)
    }
}

impl Function {
    fn sums<'a>(&mut self, times: &'a Histogram, has_clock: bool, has_live: bool) -> FunctionSums<'a> {
        let Now { calls, errors, cpu_ns, allocated_bytes, .. } = self.now;
        self.self_ns = self.self_ns.max(self.now.self_ns() as u64);
        self.cpu_ns = self.cpu_ns.max(cpu_ns.max(0.0) as u64);
        self.allocated_bytes = self.allocated_bytes.max(allocated_bytes.max(0) as u64);
        FunctionSums {
            name: self.name,
            module: self.module,
            is_often: self.is_often,
            is_new: !std::mem::replace(&mut self.is_known, true),
            calls,
            errors,
            self_ns: self.self_ns,
            cpu_ns: (has_clock && self.has_cpu).then_some(self.cpu_ns),
            allocated_bytes: self.has_bytes.then_some(self.allocated_bytes),
            live_bytes: has_live.then_some(self.live_bytes),
            times,
        }
    }
}

/// All functions, in memory that is used again at each reading.
pub(crate) struct FunctionFold {
    by_site: FastMap<*const Site, u32>,
    by_label: HashMap<(&'static str, &'static str), u32>,
    /// The names of functions that come before all others.
    wanted: Vec<String>,
    functions: Vec<Function>,
    /// Those that are read, each with the histogram of its calls.
    chosen: Vec<(u32, Histogram)>,
    /// How many are read every second, and how many may be.
    often: usize,
    most_often: usize,
    /// All functions, the most expensive first.
    ranking: Vec<(f64, u32)>,
    times: DistributionReader,
    open: OpenParts,
    /// Keyed by the address of the node.
    estimated_calls: HashMap<usize, u64>,
    /// Scopes that hold memory, each with its function.
    #[cfg(feature = "heap")]
    owners: Vec<(u32, u32)>,
    choices: u32,
    /// There was a reading: who comes now is new.
    has_begun: bool,
}

impl Default for FunctionFold {
    fn default() -> Self {
        Self {
            by_site: FastMap::default(),
            by_label: HashMap::new(),
            wanted: Vec::new(),
            functions: Vec::new(),
            chosen: Vec::with_capacity(MOST),
            often: 0,
            most_often: MOST_OFTEN,
            ranking: Vec::new(),
            times: DistributionReader::default(),
            open: OpenParts::default(),
            estimated_calls: HashMap::new(),
            #[cfg(feature = "heap")]
            owners: Vec::new(),
            choices: 0,
            has_begun: false,
        }
    }
}

impl FunctionFold {
    /// Functions with these names come before all others, whatever they cost.
    pub(crate) fn preferring(wanted: Vec<String>) -> Self {
        Self { wanted, ..Self::default() }
    }

    /// How many functions may be read every second, from the next choice on.
    pub(crate) fn set_most_often(&mut self, most: usize) {
        self.most_often = most.min(MOST_OFTEN);
    }

    pub(crate) fn most_often(&self) -> usize {
        self.most_often
    }

    /// Hands functions to `each`: those that are read every second, or all that are read, after
    /// which it is chosen anew.
    pub(crate) fn read(&mut self, are_all: bool, mut each: impl FnMut(&FunctionSums<'_>)) {
        if !are_all && self.most_often == 0 {
            return;
        }
        self.estimated_calls = record::estimated_calls();
        self.functions.iter_mut().for_each(|function| function.now = Now::default());
        let cost = record::cost();
        for record in record::records() {
            self.thread(record, cost, are_all);
        }
        self.shared();
        if are_all {
            self.choose();
        } else {
            self.fill_up();
        }
        self.live(are_all);
        self.histograms(are_all);
        let has_clock = clock::engine().is_some();
        #[cfg(feature = "heap")]
        let has_live = memory::sample_bytes().is_some();
        #[cfg(not(feature = "heap"))]
        let has_live = false;
        // Those that come anew take the places of those that left, which are missing until then.
        for is_kept in [true, false] {
            for (index, times) in &self.chosen {
                let function = &mut self.functions[*index as usize];
                if function.is_kept == is_kept && (are_all || function.is_often) {
                    each(&function.sums(times, has_clock, has_live));
                }
            }
        }
        for (index, _) in &self.chosen {
            let function = &mut self.functions[*index as usize];
            function.is_kept |= are_all || function.is_often;
        }
        self.has_begun = true;
    }

    fn function(&mut self, site: &'static Site) -> usize {
        if let Some(index) = self.by_site.get(&ptr::from_ref(site)) {
            return *index as usize;
        }
        let label = site.label();
        let (name, module) = (label.name.as_str(), label.module.as_str());
        let index = *self.by_label.entry((module, name)).or_insert(self.functions.len() as u32);
        let options = site.options();
        let has_bytes = options.alloc && memory::is_counting();
        if index as usize == self.functions.len() {
            self.functions.push(Function {
                name,
                module,
                has_cpu: options.cpu,
                has_bytes,
                is_wanted: self.wanted.iter().any(|wanted| wanted == name),
                now: Now::default(),
                read_samples: None,
                self_ns: 0,
                cpu_ns: 0,
                allocated_bytes: 0,
                live_bytes: 0,
                weight: 0.0,
                weighed: 0.0,
                place: None,
                is_often: false,
                // Calls before the first reading are of no known time.
                is_known: !self.has_begun,
                is_kept: false,
            });
        }
        let function = &mut self.functions[index as usize];
        (function.has_cpu, function.has_bytes) = (function.has_cpu | options.cpu, function.has_bytes | has_bytes);
        self.by_site.insert(ptr::from_ref(site), index);
        index as usize
    }

    fn thread(&mut self, record: &'static ThreadRecord, cost: Cost, are_all: bool) {
        let mut open = std::mem::take(&mut self.open);
        open.begin(record);
        for node in std::iter::successors(record.newest_node(), |node| node.older()) {
            self.node(record, node, cost, are_all);
        }
        let is_sampled = record.cpu_sampled();
        open.end(record, |node, below, [cpu_ns, wall_ns]| {
            let absent_ns = if is_sampled { wall_ns - cpu_ns } else { 0.0 };
            self.add(node, cpu_ns, absent_ns);
            self.add(below, -cpu_ns, -absent_ns);
        });
        if let Some((node, absent_ns)) = open.absent(record).filter(|_| !is_sampled) {
            self.add(node, 0.0, absent_ns);
        }
        self.open = open;
    }

    /// Adds to the function of a node. A root has none.
    fn add(&mut self, node: &Node, cpu_ns: f64, absent_ns: f64) {
        if let Some(site) = node.site() {
            let index = self.function(site);
            self.functions[index].now.add(cpu_ns, absent_ns);
        }
    }

    fn node(&mut self, record: &ThreadRecord, node: &'static Node, cost: Cost, are_all: bool) {
        let Some(site) = node.site() else { return };
        let index = self.function(site);
        let parent = node.parent().and_then(|parent| parent.site()).map(|site| self.function(site));
        // A function that has no place yet may get one.
        let is_wanted = |index: usize| self.functions[index].is_often || self.functions[index].place.is_none();
        if !are_all && !is_wanted(index) && !parent.is_some_and(is_wanted) {
            return;
        }
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
        let allocated = |sums: &Sums| sums.allocated_bytes.get() as i64;
        let parts = |sums: &Sums| (times(sums), allocated(sums));
        let detours = node.detours().map(|detours| [parts(&detours.outside_parent), parts(&detours.foreign)]);
        let [outside, foreign] = detours.unwrap_or_default();
        let recorder_ns = cost.of(samples, calls.saturating_sub(samples), site.rate());
        let within_ns = recorder_ns * node.recursions() as f64 / calls.max(1) as f64;
        let is_sampled = record.cpu_sampled();
        let now = &mut self.functions[index].now;
        now.calls += calls;
        now.errors += error + panic;
        now.samples += samples;
        if !self.estimated_calls.is_empty() {
            now.calls += self.estimated_calls.get(&ptr::from_ref(node).addr()).copied().unwrap_or(0);
        }
        // Where time off the CPU is not detected, it is what is neither CPU time nor a callee's.
        let absent_ns = if is_sampled { off_ns - foreign.0[1] } else { basis.absent.max(0.0) };
        now.add(cpu_ns - foreign.0[0] - within_ns, absent_ns);
        now.allocated_bytes = now.allocated_bytes.wrapping_add(allocated(&node.sums).wrapping_sub(foreign.1));
        if let Some(parent) = parent {
            let now = &mut self.functions[parent].now;
            let absent_ns = if is_sampled { off_ns - outside.0[1] } else { 0.0 };
            now.add(-(cpu_ns - outside.0[0] + recorder_ns - within_ns), -absent_ns);
            now.allocated_bytes = now.allocated_bytes.wrapping_sub(allocated(&node.sums).wrapping_sub(outside.1));
        }
    }

    /// Calls that have no node.
    fn shared(&mut self) {
        for shared in record::shared_sites() {
            let Some(site) = shared.site() else { continue };
            let ([ok, error, panic, cancelled], samples, _) = shared.calls();
            let index = self.function(site);
            let now = &mut self.functions[index].now;
            now.calls += ok + error + panic + cancelled;
            now.errors += error + panic;
            now.samples += samples;
        }
    }

    /// Gives free places to functions that have none.
    fn fill_up(&mut self) {
        for index in 0..self.functions.len() {
            if self.chosen.len() == MOST {
                return;
            }
            if self.functions[index].place.is_none() {
                let is_often = self.often < self.most_often;
                self.often += usize::from(is_often);
                let function = &mut self.functions[index];
                (function.place, function.is_often) = (Some(self.chosen.len() as u16), is_often);
                self.chosen.push((index as u32, Histogram::default()));
            }
        }
    }

    /// Chooses the most expensive functions. Those that were chosen stay unless others are clearly
    /// more expensive.
    fn choose(&mut self) {
        self.choices = self.choices.wrapping_add(1);
        for function in &mut self.functions {
            let cost = function.now.self_ns() + function.now.calls as f64 * CALL_NS;
            let more = (cost - std::mem::replace(&mut function.weighed, cost)).max(0.0);
            function.weight = function.weight * KEPT + more;
        }
        self.fill_up();
        if self.functions.len() > MOST {
            self.replace();
        }
        self.rank(|function| match function.place {
            None => 0.0,
            Some(_) if function.is_often => CLEARLY,
            Some(_) => 1.0,
        });
        self.often = self.most_often.min(self.chosen.len());
        for (rank, (_, index)) in self.ranking.iter().enumerate() {
            let function = &mut self.functions[*index as usize];
            function.is_often = rank < self.often && function.place.is_some();
        }
    }

    /// Gives places of those that are no longer among the most expensive to those that now are.
    fn replace(&mut self) {
        self.rank(|function| if function.place.is_some() { CLEARLY } else { 1.0 });
        let Self { ranking, functions, chosen, .. } = self;
        let (most, others) = ranking.split_at(MOST);
        let mut new = most.iter().map(|(_, index)| *index as usize);
        for (_, former) in others {
            let former = *former as usize;
            if let Some(place) = functions[former].place
                && let Some(index) = new.find(|index| functions[*index].place.is_none())
            {
                (functions[former].place, functions[former].is_kept) = (None, false);
                functions[former].read_samples = None;
                functions[index].place = Some(place);
                chosen[usize::from(place)].0 = index as u32;
            }
        }
        // They may get a place later, and then their calls until now are of no known time.
        functions.iter_mut().filter(|function| function.place.is_none()).for_each(|function| function.is_known = true);
    }

    fn rank(&mut self, factor: impl Fn(&Function) -> f64) {
        self.ranking.clear();
        let weight = |function: &Function| match function.is_wanted {
            true => f64::MAX,
            false => (function.weight + 1.0) * factor(function),
        };
        let weights = self.functions.iter().map(weight);
        self.ranking.extend(weights.zip(0..));
        self.ranking.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    }

    #[cfg(feature = "heap")]
    fn live(&mut self, are_all: bool) {
        if memory::sample_bytes().is_none() {
            return;
        }
        if are_all && self.choices % SEARCH_EVERY == 1 {
            let mut owners = std::mem::take(&mut self.owners);
            owners.clear();
            for (owner, path, _) in memory::by_owner() {
                let site = path.and_then(|path| Node::at(path).site());
                owners.extend(site.map(|site| (owner, self.function(site) as u32)));
            }
            self.owners = owners;
        }
        let Self { owners, functions, .. } = self;
        functions.iter_mut().for_each(|function| function.live_bytes = 0);
        for (owner, index) in owners {
            let function = &mut functions[*index as usize];
            if are_all || function.is_often {
                function.live_bytes += memory::held_bytes(*owner);
            }
        }
    }

    #[cfg(not(feature = "heap"))]
    fn live(&mut self, _: bool) {}

    /// Reads the histograms of the functions that were called.
    fn histograms(&mut self, are_all: bool) {
        let Self { by_site, functions, chosen, times, .. } = self;
        let is_read =
            |function: &Function| (are_all || function.is_often) && function.read_samples != Some(function.now.samples);
        let read = chosen.iter_mut().filter(|(index, _)| is_read(&functions[*index as usize]));
        read.for_each(|(_, histogram)| histogram.clear());
        let place_of = |site: &'static Site| {
            let function = &functions[*by_site.get(&ptr::from_ref(site))? as usize];
            function.place.filter(|_| is_read(function))
        };
        times.begin();
        for record in record::records() {
            for shard in std::iter::successors(record.newest_shard(), |shard| shard.older()) {
                if let Some(place) = place_of(shard.site) {
                    times.add_to(record, shard, FunctionPart::Wall, &mut chosen[usize::from(place)].1);
                }
            }
        }
        for shared in record::shared_sites() {
            if let Some(place) = shared.site().and_then(place_of) {
                let [wall, ..] = shared.histograms();
                chosen[usize::from(place)].1.merge(&wall);
            }
        }
        for (index, _) in chosen.iter() {
            let function = &mut functions[*index as usize];
            if are_all || function.is_often {
                function.read_samples = Some(function.now.samples);
            }
        }
    }
}

#[cfg(all(test, not(miri)))]
mod tests {
    use super::*;
    use crate::collect;
    use crate::outcome::Outcome;
    use crate::record::{enter, measure};
    use crate::scope::{Options, Sample, Source};

    fn site(name: &'static str) -> &'static Site {
        let source =
            Source { name: Some(name), path: || "", ident: name, module: "collect::functions", file: file!(), line: 0 };
        Box::leak(Box::new(Site::new(source, Options { sample: Sample::Always, ..Options::DEFAULT })))
    }

    fn spin(ns: u64) {
        let start = std::time::Instant::now();
        while start.elapsed().as_nanos() < u128::from(ns) {}
    }

    /// What is known of this function, of which nothing is read between.
    fn read(fold: &mut FunctionFold, name: &str) -> Option<(u64, u64, u64, Histogram)> {
        let mut found = None;
        fold.read(true, |sums| {
            if sums.name == name {
                found = Some((sums.calls, sums.errors, sums.self_ns, sums.times.clone()));
            }
        });
        found
    }

    #[test]
    fn sums_are_those_of_a_snapshot() {
        let (outer, inner) = (site("fold outer"), site("fold inner"));
        let mut fold = FunctionFold::default();
        for call in 0..50 {
            let guard = enter(outer);
            spin(20_000);
            for _ in 0..3 {
                let within = enter(inner);
                spin(5_000);
                within.finish(if call % 5 == 0 { Outcome::Error } else { Outcome::Ok });
            }
            drop(guard);
        }
        let seen = collect::take();
        for (name, calls, errors) in [("fold outer", 50, 0), ("fold inner", 150, 30)] {
            let function = seen.functions.iter().find(|function| function.name == name).unwrap();
            let (found, wrong, self_ns, times) = read(&mut fold, name).unwrap();
            assert_eq!((found, wrong), (calls, errors), "{name}");
            assert_eq!(times, function.wall, "{name}");
            let expected = function.exclusive.wall_ns as f64;
            // The snapshot reconciles callers and callees, which here means next to nothing.
            assert!((self_ns as f64 / expected - 1.0).abs() < 0.1, "{name}: {self_ns}, not {expected}");
        }
    }

    #[test]
    fn an_open_call_is_known_before_it_ends() {
        let guard = enter(site("fold open"));
        spin(30_000_000);
        let mut fold = FunctionFold::default();
        let (calls, _, self_ns, _) = read(&mut fold, "fold open").unwrap();
        assert!(calls == 0 && self_ns >= 20_000_000, "{self_ns}");
        drop(guard);
        let (calls, _, after_ns, times) = read(&mut fold, "fold open").unwrap();
        assert!(calls == 1 && after_ns >= self_ns && times.count() == 1);
    }

    #[test]
    fn who_is_read_every_second_is_chosen_by_cost() {
        let mut fold = FunctionFold::default();
        fold.set_most_often(3);
        let dear: Vec<&Site> = (0..3).map(|number| site(format!("fold dear {number}").leak())).collect();
        let cheap: Vec<&Site> = (0..300).map(|number| site(format!("fold cheap {number}").leak())).collect();
        let mut often = Vec::new();
        for _ in 0..3 {
            cheap.iter().for_each(|site| drop(enter(site)));
            for site in &dear {
                let _guard = enter(site);
                spin(30_000_000);
            }
            often.clear();
            let mut all = 0;
            fold.read(true, |sums| {
                all += 1;
                if sums.is_often {
                    often.push(sums.name);
                }
            });
            assert!(all <= MOST, "{all}");
        }
        assert_eq!(often.len(), 3);
        // Functions of other tests may be dearer than one of them.
        assert!(often.iter().any(|name| name.starts_with("fold dear")), "{often:?}");
        let mut read = Vec::new();
        fold.read(false, |sums| read.push(sums.name));
        assert_eq!(read.len(), 3, "{read:?}");
    }

    #[test]
    fn who_is_wanted_has_a_place_whatever_it_costs() {
        let mut fold = FunctionFold::preferring(vec!["fold wanted".to_owned()]);
        fold.set_most_often(2);
        let dear: Vec<&Site> = (0..250).map(|number| site(format!("fold before {number}").leak())).collect();
        let call_all = || {
            for site in &dear {
                let _guard = enter(site);
                spin(50_000);
            }
        };
        call_all();
        assert!(read(&mut fold, "fold wanted").is_none());
        drop(enter(site("fold wanted")));
        for _ in 0..3 {
            call_all();
            fold.read(true, |_| ());
        }
        let mut is_often = None;
        fold.read(false, |sums| {
            if sums.name == "fold wanted" {
                is_often = Some(sums.is_often);
            }
        });
        assert_eq!(is_often, Some(true));
    }

    #[test]
    fn once_it_runs_a_reading_allocates_nothing() {
        use crate::base::test_allocator::allocations;
        let sites: Vec<&Site> = (0..60).map(|number| site(format!("fold often {number}").leak())).collect();
        let mut fold = FunctionFold::default();
        let turn = |fold: &mut FunctionFold| {
            for site in &sites {
                let _guard = enter(site);
                spin(2_000);
            }
            let mut sum = 0;
            fold.read(false, |sums| sum += sums.calls);
            fold.read(true, |sums| sum += sums.calls);
            sum
        };
        (0..50).for_each(|_| _ = turn(&mut fold));
        // Other tests bring functions and times that are new, which take memory.
        let turns = (0..200).map(|_| allocations(|| _ = turn(&mut fold)));
        let without = turns.filter(|allocations| *allocations == 0).count();
        assert!(without > 0, "each of 200 turns allocated");
        measure("fold end", || ());
    }
}
