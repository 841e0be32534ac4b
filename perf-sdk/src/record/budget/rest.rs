//! Functions that are called too often even to be counted: they rest, and are counted for a moment
//! from time to time.

use std::collections::{HashMap, HashSet};
use std::ptr;
use std::thread;
use std::time::Duration;

use crate::base::fork::{self, Hook, Lock};
use crate::base::notice::say;
use crate::memory;
use crate::record::entry;
use crate::record::registry::records;
use crate::record::store::node::Node;
use crate::record::store::resting;
use crate::record::store::thread::ThreadRecord;
use crate::scope::Site;

/// How long they are counted at a time.
const MOMENT: Duration = Duration::from_micros(500);
/// Counting takes too much so many looks in a row before anybody rests.
const PATIENCE: u8 = 2;
/// At an early look only so many times too much is too much.
const FAR: f64 = 8.0;
/// Who rests is counted again when that takes no more than this part of what is left for it.
const LITTLE: f64 = 0.25;
/// A thread that had less CPU time in moments tells nothing yet.
const LEAST_NS: f64 = 100_000.0;
/// Calls of a caller in moments, whose ends cut some off, and CPU time in moments after which fewer
/// have to do.
const LEAST_CALLERS: u64 = 20;
const ENOUGH_NS: f64 = 10_000_000.0;
/// What counting a call takes in a loop of its own; among a program's work processors hide between
/// all and nothing of it.
const NOT_HIDDEN: f64 = 0.5;
/// Counting takes no more than the rest of a call's time.
const LEAST_PART: f64 = 0.1;
/// What a site allocated so long ago and still lives stays, and tells of it up to so long ago.
const STAYS: Duration = Duration::from_millis(200);
const TELLS: Duration = Duration::from_secs(60);
/// Notices at most.
const NOTICES: usize = 10;

/// Sites that rest, for forked children.
static RESTING: Lock<Vec<&'static Site>> = Lock::new(Vec::new());
/// By address of the node.
static ESTIMATED: Lock<Option<HashMap<usize, Estimate>>> = Lock::new(None);

/// Calls of a node that were not counted.
#[derive(Clone, Copy, Debug)]
struct Estimate {
    calls: f64,
    /// Calls a nanosecond of CPU time since then; 0: they are counted.
    rate: f64,
    thread: Thread,
    from_ns: u64,
    /// What a reader was told: a counter does not shrink when fewer came than was expected.
    told: u64,
}

impl Estimate {
    fn until(&self, now_ns: Option<u64>) -> f64 {
        self.calls + self.rate * now_ns.map_or(0, |now_ns| now_ns.saturating_sub(self.from_ns)) as f64
    }
}

/// Calls of each node that were not counted, by its address: up to the latest look as they were
/// estimated, and since then as many as at the same rate.
pub(crate) fn estimated_calls() -> HashMap<usize, u64> {
    let mut estimated = ESTIMATED.lock();
    let mut now_ns: HashMap<u32, Option<u64>> = HashMap::new();
    let calls = |(node, estimate): (&usize, &mut Estimate)| {
        let thread = estimate.thread;
        let now_ns =
            if estimate.rate > 0.0 { *now_ns.entry(thread.owner).or_insert_with(|| thread.cpu_ns()) } else { None };
        estimate.told = estimate.told.max(estimate.until(now_ns) as u64);
        (*node, estimate.told)
    };
    estimated.iter_mut().flatten().map(calls).collect()
}

/// An owner of a record.
#[derive(Clone, Copy, Debug)]
struct Thread {
    record: &'static ThreadRecord,
    owner: u32,
}

impl Thread {
    fn of(record: &'static ThreadRecord) -> Option<Self> {
        Some(Self { record, owner: record.owner()? })
    }

    fn cpu_ns(&self) -> Option<u64> {
        self.record.cpu_ns_of(self.owner)
    }
}

static HOOK: Hook = Hook { before: None, child: forked };

/// In a forked child, where nobody wakes them.
fn forked() {
    *ESTIMATED.lock() = None;
    resting::set_any(false);
    std::mem::take(&mut *RESTING.lock()).into_iter().for_each(|site| site.set_rests(false));
}

/// What a look found besides.
#[derive(Debug)]
pub(in crate::record) struct Limits {
    /// What counting may take, of all sites together.
    pub(in crate::record) allowed_ns: f64,
    /// CPU time that passed.
    pub(in crate::record) spent_ns: f64,
    /// What counting one call takes at least.
    pub(in crate::record) call_ns: f64,
    /// Little was seen yet.
    pub(in crate::record) is_early: bool,
}

/// Those that rest, by address of the site.
#[derive(Debug, Default)]
pub(in crate::record) struct Resting {
    sites: HashMap<usize, Rest>,
    threads: Vec<Caller>,
    over: u8,
    noticed: HashSet<usize>,
}

#[derive(Debug)]
struct Rest {
    site: &'static Site,
    /// Since the latest look.
    estimated: f64,
}

/// A thread that calls them.
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
    /// Calls of the node and of its caller, as far as they were counted.
    fn counted(&self) -> [u64; 2] {
        [calls(self.node), self.caller.map_or(0, calls)]
    }
}

fn calls(node: &Node) -> u64 {
    node.outcomes().iter().sum()
}

/// What was seen in the moments of a time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Moments {
    /// The thread's CPU time when that time began: with the rest, or when its calls were last
    /// estimated.
    from_ns: u64,
    /// Of the CPU time since, what was in moments.
    in_them_ns: u64,
    /// How long these would have taken without counting.
    plain_ns: f64,
    /// Calls in these, and those of the caller that does not rest.
    calls: u64,
    callers: u64,
    /// The caller's when that time began; `None`: it had another.
    callers_from: Option<u64>,
}

impl Moments {
    /// Calls outside of them until `now_ns`, if they came as often as in them, and how many that is
    /// a nanosecond; `None`: too little was seen to tell.
    ///
    /// As often for each call of the caller, where any of these were seen. Otherwise as often in so
    /// much CPU time, which depends on how much of a moment counting takes.
    fn outside(&self, now_ns: u64, callers: u64) -> Option<(f64, f64)> {
        if (self.in_them_ns as f64) < LEAST_NS {
            return None;
        }
        let outside_ns = now_ns.saturating_sub(self.from_ns).saturating_sub(self.in_them_ns) as f64;
        let calls = self.calls as f64;
        let calls = match self.callers_from.filter(|_| self.callers > 0) {
            Some(from) => {
                let outside = callers.saturating_sub(from).saturating_sub(self.callers);
                calls / self.callers as f64 * outside as f64
            }
            None => calls / self.plain_ns * outside_ns,
        };
        Some((calls, calls / outside_ns.max(1.0)))
    }

    /// The same; then another time begins. `None`: it goes on, since more may be seen.
    fn estimate(&mut self, now_ns: u64, callers: u64) -> Option<(f64, f64)> {
        let few = self.callers_from.is_some() && (1..LEAST_CALLERS).contains(&self.callers);
        if few && (self.in_them_ns as f64) < ENOUGH_NS {
            return None;
        }
        let found = self.outside(now_ns, callers)?;
        *self = Self { from_ns: now_ns, callers_from: Some(callers), ..Self::default() };
        Some(found)
    }
}

impl Resting {
    /// After a look: what counting took at least of each site that was awake, in the time that
    /// passed.
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
            // What they hold would be their callers', to whom no bound is declared, and a leak
            // would be sought there.
            let holding = memory::uncounted(holding);
            awake.retain(|(site, _)| !holding.contains(site));
            holding.into_iter().for_each(|site| self.wake(site));
        }
        let all = sum(&awake);
        self.over = match all {
            all if all <= allowed_ns => 0,
            // What a start takes may be over soon.
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

    /// Of a share of the CPU time.
    fn rest(&mut self, site: &'static Site, share: f64) {
        self.sites.insert(key(site), Rest { site, estimated: 0.0 });
        RESTING.lock().push(site);
        fork::register(&HOOK);
        resting::set_any(true);
        site.set_rests(true);
        // Once of each, however often it wakes.
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
            RESTING.lock().retain(|site| !ptr::eq(*site, rest.site));
            resting::set_any(!self.sites.is_empty());
            let paths = self.threads.iter().flat_map(|caller| &caller.paths).filter(|path| path.node.is(rest.site));
            let nodes: HashSet<usize> = paths.map(|path| ptr::from_ref(path.node).addr()).collect();
            let mut estimated = ESTIMATED.lock();
            let its = estimated.iter_mut().flatten().filter(|(node, _)| nodes.contains(node));
            // Of threads of which too little was seen to tell, that is a while.
            its.for_each(|(_, estimate)| {
                *estimate = Estimate { calls: estimate.until(estimate.thread.cpu_ns()), rate: 0.0, ..*estimate };
            });
        }
    }

    /// Threads that have begun, and paths that are new.
    fn find_threads(&mut self) {
        let mut before: HashMap<(usize, u32), Caller> = self
            .threads
            .drain(..)
            .map(|caller| ((ptr::from_ref(caller.thread.record).addr(), caller.thread.owner), caller))
            .collect();
        if self.sites.is_empty() {
            return;
        }
        for record in records() {
            let is_resting = |node: &&Node| node.site().is_some_and(|site| self.sites.contains_key(&key(site)));
            let nodes: Vec<&'static Node> =
                std::iter::successors(record.newest_node(), |node| node.older()).filter(is_resting).collect();
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
    }

    /// Whether counting took too much at the latest look, and not before: at the next one somebody
    /// may have to rest.
    pub(in crate::record) fn is_in_doubt(&self) -> bool {
        self.over + 1 == PATIENCE
    }

    /// Whether anybody rests.
    pub(in crate::record) fn is_any(&self) -> bool {
        !self.sites.is_empty()
    }

    /// Counts their calls for a moment.
    pub(in crate::record) fn count(&mut self) {
        let now = |threads: &[Caller]| -> Vec<(Option<u64>, Vec<[u64; 2]>)> {
            let counted = |caller: &Caller| caller.paths.iter().map(Uncounted::counted).collect();
            threads.iter().map(|caller| (caller.thread.cpu_ns(), counted(caller))).collect()
        };
        let before = now(&self.threads);
        self.sites.values().for_each(|rest| rest.site.set_rests(false));
        thread::sleep(MOMENT);
        self.sites.values().for_each(|rest| rest.site.set_rests(true));
        let after = now(&self.threads);
        let cost = entry::cost();
        let call_ns = (cost.passed - cost.rested).max(0.0) * NOT_HIDDEN;
        for ((caller, before), after) in self.threads.iter_mut().zip(before).zip(after) {
            let (Some(from_ns), Some(to_ns)) = (before.0, after.0) else { continue };
            let moment_ns = to_ns.saturating_sub(from_ns);
            let since = |(before, after): (&[u64; 2], &[u64; 2])| [0, 1].map(|at| after[at].saturating_sub(before[at]));
            let counted: Vec<[u64; 2]> = before.1.iter().zip(&after.1).map(since).collect();
            let plain_ns = plain_ns(moment_ns, counted.iter().map(|[calls, _]| calls).sum(), call_ns);
            for (path, [calls, callers]) in caller.paths.iter_mut().zip(counted) {
                path.seen.in_them_ns += moment_ns;
                path.seen.plain_ns += plain_ns;
                path.seen.calls += calls;
                path.seen.callers += callers;
            }
        }
    }

    /// Takes it that threads called them as often in the rest of their CPU time as in its moments.
    /// By site, the CPU time of threads of which too little was seen to tell.
    fn estimate(&mut self) -> HashMap<usize, f64> {
        let mut unknown = HashMap::new();
        let mut estimated = ESTIMATED.lock();
        let estimated = estimated.get_or_insert_default();
        // Of each site: calls, and the time in moments in which they came.
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
        // Until more is seen of a thread: as before, or else as on the others.
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

/// How long so many calls would have taken uncounted that took `cpu_ns`.
fn plain_ns(cpu_ns: u64, calls: u64, call_ns: f64) -> f64 {
    let cpu_ns = cpu_ns as f64;
    (cpu_ns - calls as f64 * call_ns).max(cpu_ns * LEAST_PART)
}

/// Sites whose allocations stay, by the samples of the live heap.
fn holding() -> HashSet<usize> {
    let stayed = memory::holding(STAYS..TELLS);
    stayed.filter_map(|path| Node::of(path)?.site()).map(key).collect()
}

impl Drop for Resting {
    fn drop(&mut self) {
        let all: Vec<usize> = self.sites.keys().copied().collect();
        all.into_iter().for_each(|site| self.wake(site));
    }
}

/// The fewest whose rest leaves no more than is allowed, the dearest first.
fn who_rests(mut awake: Vec<(usize, f64)>, allowed_ns: f64) -> Vec<usize> {
    awake.sort_by(|a, b| b.1.total_cmp(&a.1));
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

    #[test]
    fn the_dearest_rest_and_no_more_than_needed() {
        let awake = || vec![(1, 50.0), (2, 700.0), (3, 5.0), (4, 240.0)];
        assert!(who_rests(awake(), 1_000.0).is_empty());
        assert_eq!(who_rests(awake(), 300.0), [2]);
        assert_eq!(who_rests(awake(), 290.0), [2, 4]);
        assert_eq!(who_rests(awake(), 0.0).len(), 4);
    }

    #[test]
    fn counting_makes_a_moment_shorter() {
        assert_eq!(plain_ns(400_000, 100_000, 2.5), 150_000.0);
        assert_eq!(plain_ns(400_000, 0, 2.5), 400_000.0);
        assert_eq!(plain_ns(400_000, 1_000_000, 2.5), 40_000.0);
    }

    #[test]
    fn a_time_of_which_little_is_seen_is_not_lost() {
        let time = Moments { from_ns: 1_000_000, callers_from: Some(50), ..Moments::default() };
        let mut seen = Moments { in_them_ns: 20_000, plain_ns: 20_000.0, calls: 7, ..time };
        let before = seen;
        assert_eq!((seen.estimate(11_000_000, 60), seen), (None, before));
        seen = Moments { in_them_ns: 100_000, plain_ns: 50_000.0, calls: 1_000, callers_from: None, ..time };
        // 9.9 ms outside of moments, in which 20 calls came in a microsecond of the program's own.
        assert_eq!(seen.estimate(11_000_000, 10_000), Some((198_000.0, 0.02)));
        assert_eq!(seen, Moments { from_ns: 11_000_000, callers_from: Some(10_000), ..Moments::default() });
        assert_eq!(seen.estimate(12_000_000, 10_000), None);
    }

    #[test]
    fn calls_come_as_often_as_their_caller_is_called() {
        let time = Moments { from_ns: 0, callers_from: Some(1_000), ..Moments::default() };
        let seen = Moments { in_them_ns: 1_000_000, plain_ns: 900_000.0, calls: 6_400, callers: 100, ..time };
        // 10,900 further calls of the caller.
        assert_eq!({ seen }.estimate(101_000_000, 12_000), Some((697_600.0, 0.006_976)));
        let few = Moments { calls: 640, callers: 10, ..seen };
        assert_eq!({ few }.estimate(101_000_000, 12_000), None);
        assert_eq!(few.outside(101_000_000, 12_010), Some((704_000.0, 0.007_04)));
        let enough = Moments { in_them_ns: 10_000_000, ..few };
        assert_eq!({ enough }.estimate(110_000_000, 12_010), Some((704_000.0, 0.007_04)));
        let other = Moments { callers_from: None, ..seen };
        assert_eq!({ other }.estimate(91_000_000, 12_000), Some((640_000.0, 6_400.0 / 900_000.0)));
    }
}
