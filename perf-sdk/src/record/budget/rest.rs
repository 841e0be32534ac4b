//! Functions with too many calls to count them. They rest: their calls are counted only in short
//! moments from time to time, and estimated otherwise.
//!
//! A function that rests is no node of the call tree outside of moments, and what it calls is under
//! its caller. If it were counted in the same moments as functions that rest further down, those
//! would be under other nodes in moments than outside of them, where nothing could be estimated. So
//! functions with counted ones below, here called roofs, have moments of their own.

use std::collections::{HashMap, HashSet};
use std::ptr;
use std::thread;
use std::time::Duration;

use super::estimate::{ESTIMATED, Estimate, Thread};
use super::moments::{Moments, plain_ns};
use crate::base::fork::{self, Hook, Lock};
use crate::base::notice::say;
use crate::base::sort;
use crate::memory;
use crate::record::entry;
use crate::record::registry::records;
use crate::record::store::node::Node;
use crate::record::store::resting;
use crate::scope::Site;

/// The length of a moment.
const MOMENT: Duration = Duration::from_micros(500);
/// Counting must take too much at this many evaluations in a row before a function rests.
const PATIENCE: u8 = 2;
/// At an early evaluation, counting must exceed its budget by this factor.
const FAR: f64 = 8.0;
/// A resting function is counted again if that takes at most this share of the budget that is left
/// for counting.
const LITTLE: f64 = 0.25;
/// The calibrated cost of counting is that in a tight loop. Within a program, the processor hides
/// between all and none of it behind other work, so half of it is assumed.
const NOT_HIDDEN: f64 = 0.5;
/// An allocation that is still live after the first time counts as retained. Allocations older than
/// the second one are ignored.
const STAYS: Duration = Duration::from_millis(200);
const TELLS: Duration = Duration::from_secs(60);
/// The maximum number of messages.
const NOTICES: usize = 10;

/// The resting sites, for forked children.
static RESTING: Lock<Vec<&'static Site>> = Lock::new(Vec::new());
static HOOK: Hook = Hook { before: None, child: forked };

/// Called in a forked child, where no governor wakes them.
fn forked() {
    *ESTIMATED.lock() = None;
    resting::set_any(false);
    std::mem::take(&mut *RESTING.lock()).into_iter().for_each(|site| site.set_rests(false));
}

/// Further results of an evaluation.
#[derive(Debug)]
pub(in crate::record) struct Limits {
    /// The budget for counting the calls of all sites.
    pub(in crate::record) allowed_ns: f64,
    /// The CPU time that passed.
    pub(in crate::record) spent_ns: f64,
    /// The minimum cost of counting one call.
    pub(in crate::record) call_ns: f64,
    /// Whether little has been observed yet.
    pub(in crate::record) is_early: bool,
}

/// The resting sites, keyed by the address of the site.
#[derive(Debug, Default)]
pub(in crate::record) struct Resting {
    sites: HashMap<usize, Rest>,
    threads: Vec<Caller>,
    /// Whether a site began to rest, and was not counted in a moment since.
    is_new: bool,
    over: u8,
    noticed: HashSet<usize>,
    /// Sites that began to rest, or to be counted again, in their order.
    changes: Vec<(&'static Site, bool)>,
}

#[derive(Debug)]
struct Rest {
    site: &'static Site,
    /// Calls estimated since the latest evaluation.
    estimated: f64,
    /// Whether functions that are counted were seen below it.
    is_roof: bool,
}

/// A thread that calls resting functions.
#[derive(Debug)]
struct Caller {
    thread: Thread,
    paths: Vec<Uncounted>,
}

/// A node whose calls are counted in moments only.
#[derive(Debug)]
struct Uncounted {
    node: &'static Node,
    /// Its nearest caller that does not rest, if there is one.
    caller: Option<&'static Node>,
    seen: Moments,
}

impl Uncounted {
    /// The counted calls of the node and of its caller.
    fn counted(&self) -> [u64; 2] {
        [calls(self.node), self.caller.map_or(0, calls)]
    }
}

fn calls(node: &Node) -> u64 {
    node.outcomes().iter().sum()
}

impl Resting {
    /// Called at an evaluation, with the minimum cost of counting each site that is awake in the
    /// time that passed.
    pub(in crate::record) fn look(&mut self, counting: &[(&'static Site, f64)], limits: &Limits) {
        let &Limits { allowed_ns, spent_ns, call_ns, is_early } = limits;
        let unknown_ns = self.estimate();
        let mut awake: Vec<(usize, f64)> = counting
            .iter()
            .map(|(site, ns)| (key(site), *ns))
            .filter(|(site, _)| !self.sites.contains_key(site))
            .collect();
        let sum = |awake: &[(usize, f64)]| awake.iter().map(|(_, ns)| ns).sum::<f64>();
        if !self.sites.is_empty() || sum(&awake) > allowed_ns {
            // If they rested, what they hold would be attributed to their callers, for which no
            // bound is declared, and reported as a leak there.
            let holding = memory::uncounted(holding);
            awake.retain(|(site, _)| !holding.contains(site));
            holding.into_iter().for_each(|site| self.wake(site));
        }
        let all = sum(&awake);
        self.over = match all {
            all if all <= allowed_ns => 0,
            // High load right after the start may be temporary.
            all if is_early && all <= allowed_ns * FAR => self.over,
            _ => self.over.saturating_add(1),
        };
        if self.over >= PATIENCE {
            for chosen in who_rests(awake, allowed_ns) {
                if let Some((site, ns)) = counting.iter().find(|(site, _)| key(site) == chosen) {
                    self.rest(site, ns / spent_ns);
                }
            }
        } else if self.over == 0 {
            let left_ns = (allowed_ns - all) * LITTLE;
            let unknown_ns = |site: &usize| unknown_ns.get(site).copied().unwrap_or(0.0);
            let is_rare = |(site, rest): &(&usize, &Rest)| rest.estimated * call_ns + unknown_ns(site) <= left_ns;
            let rare: Vec<usize> = self.sites.iter().filter(is_rare).map(|(site, _)| *site).collect();
            rare.iter().for_each(|site| self.wake(*site));
        }
        self.sites.values_mut().for_each(|rest| rest.estimated = 0.0);
        memory::uncounted(|| self.find_threads());
    }

    /// The sites that began to rest since the last call, and those that are counted again.
    pub(in crate::record) fn take_changes(&mut self) -> Vec<(&'static Site, bool)> {
        std::mem::take(&mut self.changes)
    }

    /// Puts a site to rest whose counting takes this share of the CPU time.
    fn rest(&mut self, site: &'static Site, share: f64) {
        self.sites.insert(key(site), Rest { site, estimated: 0.0, is_roof: false });
        self.is_new = true;
        RESTING.lock().push(site);
        fork::register(&HOOK);
        resting::set_any(true);
        site.set_rests(true);
        self.changes.push((site, true));
        // Only once for each site, however often it wakes.
        if self.noticed.len() < NOTICES && self.noticed.insert(key(site)) {
            say(&format!(
                "counting the calls of {} takes {:.1} % of the CPU time, more than the budget allows: from now on they are estimated; \
                 leave #[profiled] off it, or say #[profiled(hot = count)] or PERF_HOT=count",
                site.label().name,
                (share * 100.0).min(100.0)
            ));
        }
    }

    fn wake(&mut self, site: usize) {
        if let Some(rest) = self.sites.remove(&site) {
            rest.site.set_rests(false);
            self.changes.push((rest.site, false));
            RESTING.lock().retain(|site| !ptr::eq(*site, rest.site));
            resting::set_any(!self.sites.is_empty());
            let paths = self.threads.iter().flat_map(|caller| &caller.paths).filter(|path| path.node.is(rest.site));
            let nodes: HashSet<usize> = paths.map(|path| ptr::from_ref(path.node).addr()).collect();
            let mut estimated = ESTIMATED.lock();
            let its = estimated.iter_mut().flatten().filter(|(node, _)| nodes.contains(node));
            // For threads of which too little was observed, the estimate spans a longer time.
            its.for_each(|(_, estimate)| {
                *estimate = Estimate { calls: estimate.until(estimate.thread.cpu_ns()), rate: 0.0, ..*estimate };
            });
        }
    }

    /// Finds new threads and new call paths, and the roofs.
    fn find_threads(&mut self) {
        let mut before: HashMap<(usize, u32), Caller> = self
            .threads
            .drain(..)
            .map(|caller| ((ptr::from_ref(caller.thread.record).addr(), caller.thread.owner), caller))
            .collect();
        if self.sites.is_empty() {
            return;
        }
        let mut roofs = HashSet::new();
        for record in records() {
            let is_resting = |node: &&Node| node.site().is_some_and(|site| self.sites.contains_key(&key(site)));
            let nodes = || std::iter::successors(record.newest_node(), |node| node.older());
            add_roofs(nodes(), |node| is_resting(&node), &mut roofs);
            let nodes: Vec<&'static Node> = nodes().filter(is_resting).collect();
            let Some(thread) = Thread::of(record).filter(|_| !nodes.is_empty()) else { continue };
            let Some(now_ns) = thread.cpu_ns() else { continue };
            let known = before.remove(&(ptr::from_ref(record).addr(), thread.owner));
            let known: HashMap<usize, Uncounted> = known
                .into_iter()
                .flat_map(|caller| caller.paths)
                .map(|path| (ptr::from_ref(path.node).addr(), path))
                .collect();
            let path = |node: &'static Node| {
                let mut callers = std::iter::successors(node.parent(), |node| node.parent());
                let caller = callers.find(|caller| caller.site().is_some() && !is_resting(caller));
                let seen = match known.get(&ptr::from_ref(node).addr()) {
                    Some(path) if path.caller.map(ptr::from_ref) == caller.map(ptr::from_ref) => path.seen,
                    Some(path) => Moments { callers: 0, callers_from: None, ..path.seen },
                    None => Moments { from_ns: now_ns, callers_from: caller.map(calls), ..Moments::default() },
                };
                Uncounted { node, caller, seen }
            };
            self.threads.push(Caller { thread, paths: nodes.into_iter().map(path).collect() });
        }
        self.sites.iter_mut().for_each(|(site, rest)| rest.is_roof |= roofs.contains(site));
    }

    /// Whether counting took too much at the latest evaluation, but not before. Then functions may
    /// begin to rest at the next one.
    pub(in crate::record) fn is_in_doubt(&self) -> bool {
        self.over + 1 == PATIENCE
    }

    /// Those that must be measured at a rate of the user's or of an alert's do not rest.
    pub(in crate::record) fn wake_pinned(&mut self) {
        let pinned = self.sites.iter().filter(|(_, rest)| rest.site.is_pinned()).map(|(site, _)| *site);
        let pinned: Vec<usize> = pinned.collect();
        pinned.into_iter().for_each(|site| self.wake(site));
    }

    /// Whether any function rests.
    pub(in crate::record) fn is_any(&self) -> bool {
        !self.sites.is_empty()
    }

    /// Counts the calls of resting functions for a moment, and those of roofs for another one.
    pub(in crate::record) fn count(&mut self) {
        for of_roofs in [false, true] {
            if self.sites.values().any(|rest| rest.is_roof == of_roofs) {
                self.count_in_moment(of_roofs);
            }
        }
        if std::mem::take(&mut self.is_new) {
            // They may have got nodes under other callers.
            memory::uncounted(|| self.find_threads());
        }
    }

    /// Wakes roofs, or all others, for a moment.
    fn count_in_moment(&mut self, of_roofs: bool) {
        let now = |threads: &[Caller]| -> Vec<(Option<u64>, Vec<[u64; 2]>)> {
            let counted = |caller: &Caller| caller.paths.iter().map(Uncounted::counted).collect();
            threads.iter().map(|caller| (caller.thread.cpu_ns(), counted(caller))).collect()
        };
        let before = now(&self.threads);
        let awake = || self.sites.values().filter(|rest| rest.is_roof == of_roofs);
        awake().for_each(|rest| rest.site.set_rests(false));
        thread::sleep(MOMENT);
        awake().for_each(|rest| rest.site.set_rests(true));
        let after = now(&self.threads);
        let cost = entry::cost();
        let call_ns = (cost.passed - cost.rested).max(0.0) * NOT_HIDDEN;
        for ((caller, before), after) in self.threads.iter_mut().zip(before).zip(after) {
            let (Some(from_ns), Some(to_ns)) = (before.0, after.0) else { continue };
            let moment_ns = to_ns.saturating_sub(from_ns);
            let since = |(before, after): (&[u64; 2], &[u64; 2])| [0, 1].map(|at| after[at].saturating_sub(before[at]));
            let counted: Vec<[u64; 2]> = before.1.iter().zip(&after.1).map(since).collect();
            let plain_ns = plain_ns(moment_ns, counted.iter().map(|[calls, _]| calls).sum(), call_ns);
            let is_awake = |node: &Node| {
                let rest = node.site().and_then(|site| self.sites.get(&key(site)));
                rest.is_some_and(|rest| rest.is_roof == of_roofs)
            };
            for (path, [calls, callers]) in caller.paths.iter_mut().zip(counted) {
                if !is_awake(path.node) {
                    continue;
                }
                path.seen.in_them_ns += moment_ns;
                path.seen.plain_ns += plain_ns;
                path.seen.calls += calls;
                path.seen.callers += callers;
            }
        }
    }

    /// Estimates calls from the assumption that threads called resting functions at the same rate
    /// outside of moments. Returns, for each site, the CPU time of threads of which too little was
    /// observed.
    fn estimate(&mut self) -> HashMap<usize, f64> {
        let mut unknown = HashMap::new();
        let mut estimated = ESTIMATED.lock();
        let estimated = estimated.get_or_insert_default();
        // For each site: calls in moments, and the time of these moments.
        let mut seen: HashMap<usize, (f64, f64)> = HashMap::new();
        let mut open = Vec::new();
        for caller in &mut self.threads {
            let thread = caller.thread;
            let Some(now_ns) = thread.cpu_ns() else { continue };
            for path in &mut caller.paths {
                let Some(site) = path.node.site().map(key) else { continue };
                let sums = seen.entry(site).or_default();
                *sums = (sums.0 + path.seen.calls as f64, sums.1 + path.seen.plain_ns);
                let since_ns = now_ns.saturating_sub(path.seen.from_ns);
                let callers = path.caller.map_or(0, calls);
                let Some((calls, rate)) = path.seen.estimate(now_ns, callers) else {
                    *unknown.entry(site).or_default() += since_ns as f64;
                    let rate = path.seen.outside(now_ns, callers).map(|(_, rate)| rate);
                    open.push((ptr::from_ref(path.node).addr(), site, thread, path.seen.from_ns, rate));
                    continue;
                };
                let before = estimated.get(&ptr::from_ref(path.node).addr());
                let (before, told) = before.map_or((0.0, 0), |estimate| (estimate.calls, estimate.told));
                if before + calls > 0.0 {
                    let estimate = Estimate { calls: before + calls, rate, thread, from_ns: now_ns, told };
                    estimated.insert(ptr::from_ref(path.node).addr(), estimate);
                }
                if let Some(rest) = self.sites.get_mut(&site) {
                    rest.estimated += calls;
                }
            }
        }
        // Until more is observed of a thread: its previous rate, or else the rate on other threads.
        for (node, site, thread, from_ns, rate) in open {
            let (calls, plain_ns) = seen.get(&site).copied().unwrap_or_default();
            let others = if plain_ns > 0.0 { calls / plain_ns } else { 0.0 };
            let known = estimated.get(&node).copied();
            let own = known.filter(|known| known.thread.owner == thread.owner && known.rate > 0.0);
            let (calls, told) = known.map_or((0.0, 0), |known| (known.calls, known.told));
            let rate = rate.or(own.map(|own| own.rate)).unwrap_or(others);
            if calls > 0.0 || rate > 0.0 {
                estimated.insert(node, Estimate { calls, rate, thread, from_ns, told });
            }
        }
        unknown
    }
}

/// Adds the sites of resting nodes below which there is a counted one. `nodes` come after all nodes
/// below them.
fn add_roofs(
    nodes: impl Iterator<Item = &'static Node>,
    is_resting: impl Fn(&'static Node) -> bool,
    roofs: &mut HashSet<usize>,
) {
    let mut found: HashSet<usize> = HashSet::new();
    for node in nodes {
        let is_counted_or_roof = !is_resting(node) || found.contains(&ptr::from_ref(node).addr());
        if is_counted_or_roof
            && let Some(parent) = node.parent()
            && let Some(site) = parent.site()
            && is_resting(parent)
        {
            found.insert(ptr::from_ref(parent).addr());
            roofs.insert(key(site));
        }
    }
}

/// Sites whose allocations are retained, by the samples of the live heap.
fn holding() -> HashSet<usize> {
    let stayed = memory::holding(STAYS..TELLS);
    stayed.filter_map(|path| Node::at(path).site()).map(key).collect()
}

impl Drop for Resting {
    fn drop(&mut self) {
        let all: Vec<usize> = self.sites.keys().copied().collect();
        all.into_iter().for_each(|site| self.wake(site));
    }
}

/// The smallest set of sites, the most expensive first, whose rest brings the cost down to what is
/// allowed.
fn who_rests(mut awake: Vec<(usize, f64)>, allowed_ns: f64) -> Vec<usize> {
    sort::sort_by(&mut awake, |a, b| b.1.total_cmp(&a.1));
    let mut left: f64 = awake.iter().map(|(_, ns)| ns).sum();
    let mut chosen = Vec::new();
    for (site, ns) in awake {
        if left <= allowed_ns {
            break;
        }
        left -= ns;
        chosen.push(site);
    }
    chosen
}

fn key(site: &'static Site) -> usize {
    ptr::from_ref(site).addr()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::mock::Time;
    use crate::record::store::cost::OwnPart;
    use crate::record::store::thread::ThreadRecord;
    use crate::scope::{Options, Source};

    const fn site(name: &'static str) -> Site {
        let source = Source { name: Some(name), path: || "", ident: name, module: "rest", file: file!(), line: 0 };
        Site::new(source, Options::DEFAULT)
    }

    #[test]
    fn roofs_are_above_what_is_counted() {
        static SITES: [Site; 4] = [site("outer"), site("middle"), site("inner"), site("beside")];
        let (_, wall, cpu) = Time::world();
        let record = ThreadRecord::allocate(1, wall, OwnPart::default(), cpu, false).unwrap();
        let [outer, middle, inner, beside] = SITES.each_ref();
        let below = record.child(record.root(), outer).unwrap();
        let below = record.child(below, middle).unwrap();
        record.child(below, inner).unwrap();
        record.child(record.root(), beside).unwrap();
        let roofs = |resting: &[&'static Site]| {
            let mut roofs = HashSet::new();
            let nodes = std::iter::successors(record.newest_node(), |node| node.older());
            add_roofs(nodes, |node| resting.iter().any(|site| node.is(site)), &mut roofs);
            SITES.each_ref().map(|site| roofs.contains(&key(site)))
        };
        assert_eq!(roofs(&[]), [false; 4]);
        assert_eq!(roofs(&[inner, beside]), [false; 4], "nothing is below them");
        assert_eq!(roofs(&[outer, inner]), [true, false, false, false]);
        assert_eq!(roofs(&[outer, middle]), [true, true, false, false]);
        assert_eq!(roofs(&[outer, middle, inner]), [false; 4], "nothing is counted below them");
    }

    #[test]
    fn the_dearest_rest_and_no_more_than_needed() {
        let awake = || vec![(1, 50.0), (2, 700.0), (3, 5.0), (4, 240.0)];
        assert!(who_rests(awake(), 1_000.0).is_empty());
        assert_eq!(who_rests(awake(), 300.0), [2]);
        assert_eq!(who_rests(awake(), 290.0), [2, 4]);
        assert_eq!(who_rests(awake(), 0.0).len(), 4);
    }
}
