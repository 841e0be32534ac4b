//! Functions that are called too often even to be counted: they rest, and are counted for a moment from time to time.

use std::collections::{HashMap, HashSet};
use std::ptr;
use std::thread;
use std::time::Duration;

use super::node::Node;
use super::overhead;
use super::registry::records;
use super::thread::ThreadRecord;
use crate::clock;
use crate::fork::Lock;
use crate::memory;
use crate::notice::say;
use crate::scope::Site;

/// How long they are counted at a time.
const MOMENT: Duration = Duration::from_micros(500);
/// Counting takes too much so many looks in a row before anybody rests.
const PATIENCE: u8 = 2;
/// Who rests is counted again when that takes no more than this part of what is left for it.
const LITTLE: f64 = 0.25;
/// A thread that had less CPU time in moments tells nothing.
const LEAST_NS: f64 = 5_000.0;
/// Counting takes no more than the rest of a call's time.
const LEAST_PART: f64 = 0.1;
/// What a site allocated so long ago and still lives stays, and tells of it up to so long ago.
const STAYS: Duration = Duration::from_millis(200);
const TELLS: Duration = Duration::from_secs(60);
/// Notices at most.
const NOTICES: usize = 10;

/// Sites that rest, for forked children.
static RESTING: Lock<Vec<&'static Site>> = Lock::new(Vec::new());
/// By node: calls that were not counted.
static ESTIMATED: Lock<Option<HashMap<usize, f64>>> = Lock::new(None);

/// Calls of each node that were not counted, by its address.
pub(crate) fn estimated_calls() -> HashMap<usize, u64> {
    let estimated = ESTIMATED.lock();
    estimated.iter().flatten().map(|(node, calls)| (*node, *calls as u64)).collect()
}

/// In a forked child, where nobody wakes them.
pub(super) fn after_fork() {
    *ESTIMATED.lock() = None;
    std::mem::take(&mut *RESTING.lock()).into_iter().for_each(|site| site.set_rests(false));
}

/// Those that rest, by address of the site.
#[derive(Debug, Default)]
pub(super) struct Resting {
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
    record: &'static ThreadRecord,
    nodes: Vec<&'static Node>,
    /// Its CPU time when the calls were last estimated.
    from_ns: u64,
    /// Of the CPU time since, what was in moments.
    moments_ns: u64,
    /// Calls of each node in these.
    counted: Vec<u64>,
}

impl Resting {
    /// After a look: what counting took at least of each site that was awake, in the time that passed, and what it may take
    /// together. `call_ns`: what counting one call takes at least.
    pub(super) fn look(&mut self, counting: &[(&'static Site, f64)], allowed_ns: f64, spent_ns: f64, call_ns: f64) {
        let unknown_ns = self.estimate();
        let mut awake: Vec<(usize, f64)> = counting
            .iter()
            .map(|(site, ns)| (key(site), *ns))
            .filter(|(site, _)| !self.sites.contains_key(site))
            .collect();
        let sum = |awake: &[(usize, f64)]| awake.iter().map(|(_, ns)| ns).sum::<f64>();
        if !self.sites.is_empty() || sum(&awake) > allowed_ns {
            // What they hold would be their callers', to whom no bound is declared, and a leak would be sought there.
            let holding = memory::uncounted(holding);
            awake.retain(|(site, _)| !holding.contains(site));
            holding.into_iter().for_each(|site| self.wake(site));
        }
        let all = sum(&awake);
        self.over = if all > allowed_ns { self.over.saturating_add(1) } else { 0 };
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
        }
    }

    /// Threads that have begun, and paths that are new.
    fn find_threads(&mut self) {
        let mut before: HashMap<usize, Caller> =
            self.threads.drain(..).map(|caller| (ptr::from_ref(caller.record).addr(), caller)).collect();
        if self.sites.is_empty() {
            return;
        }
        for record in records() {
            let is_resting = |node: &&Node| node.site().is_some_and(|site| self.sites.contains_key(&key(site)));
            let nodes: Vec<&'static Node> =
                std::iter::successors(record.newest_node(), |node| node.older()).filter(is_resting).collect();
            let Some(now_ns) = cpu_ns(record).filter(|_| !nodes.is_empty()) else { continue };
            let known = before.remove(&ptr::from_ref(record).addr());
            // Another thread may have the record now.
            self.threads.push(
                match known.filter(|known| known.nodes.len() == nodes.len() && known.from_ns <= now_ns) {
                    Some(known) => known,
                    None => Caller { record, counted: vec![0; nodes.len()], nodes, from_ns: now_ns, moments_ns: 0 },
                },
            );
        }
    }

    /// Whether counting took too much at the latest look, and not before: at the next one somebody may have to rest.
    pub(super) fn is_in_doubt(&self) -> bool {
        self.over + 1 == PATIENCE
    }

    /// Whether anybody rests.
    pub(super) fn is_any(&self) -> bool {
        !self.sites.is_empty()
    }

    /// Counts their calls for a moment.
    pub(super) fn count(&mut self) {
        let now = |threads: &[Caller]| -> Vec<(Option<u64>, Vec<u64>)> {
            let calls = |node: &&Node| node.outcomes().iter().sum::<u64>();
            threads.iter().map(|caller| (cpu_ns(caller.record), caller.nodes.iter().map(calls).collect())).collect()
        };
        let before = now(&self.threads);
        self.sites.values().for_each(|rest| rest.site.set_rests(false));
        thread::sleep(MOMENT);
        self.sites.values().for_each(|rest| rest.site.set_rests(true));
        let after = now(&self.threads);
        for ((caller, before), after) in self.threads.iter_mut().zip(before).zip(after) {
            let (Some(from_ns), Some(to_ns)) = (before.0, after.0) else { continue };
            caller.moments_ns += to_ns.saturating_sub(from_ns);
            for ((sum, before), after) in caller.counted.iter_mut().zip(before.1).zip(after.1) {
                *sum += after.saturating_sub(before);
            }
        }
    }

    /// Takes it that threads called them as often in the rest of their CPU time as in its moments. By site, the CPU time of
    /// threads of which too little was seen to tell.
    fn estimate(&mut self) -> HashMap<usize, f64> {
        let mut unknown = HashMap::new();
        let cost = overhead::cost();
        let call_ns = (cost.passed - cost.rested).max(0.0);
        let mut estimated = ESTIMATED.lock();
        let estimated = estimated.get_or_insert_default();
        for caller in &mut self.threads {
            let Some(now_ns) = cpu_ns(caller.record) else { continue };
            let since_ns = now_ns.saturating_sub(caller.from_ns);
            let site = |node: &Node| node.site().map(key);
            let Some(moments_ns) = uncounted_ns(caller.moments_ns, caller.counted.iter().sum(), call_ns) else {
                for site in caller.nodes.iter().filter_map(|node| site(node)) {
                    *unknown.entry(site).or_default() += since_ns as f64;
                }
                continue;
            };
            let times = since_ns.saturating_sub(caller.moments_ns) as f64 / moments_ns;
            for (node, counted) in caller.nodes.iter().zip(&mut caller.counted) {
                let calls = std::mem::take(counted) as f64 * times;
                if calls > 0.0 {
                    *estimated.entry(ptr::from_ref(*node).addr()).or_default() += calls;
                }
                if let Some(rest) = site(node).and_then(|site| self.sites.get_mut(&site)) {
                    rest.estimated += calls;
                }
            }
            (caller.from_ns, caller.moments_ns) = (now_ns, 0);
        }
        unknown
    }
}

/// How long so many calls would have taken uncounted that took `cpu_ns`. `None`: that is too little to tell.
fn uncounted_ns(cpu_ns: u64, calls: u64, call_ns: f64) -> Option<f64> {
    let cpu_ns = cpu_ns as f64;
    (cpu_ns >= LEAST_NS).then(|| (cpu_ns - calls as f64 * call_ns).max(cpu_ns * LEAST_PART))
}

/// Sites whose allocations stay, by the samples of the live heap.
fn holding() -> HashSet<usize> {
    let stayed = memory::holding(STAYS..TELLS);
    stayed.filter_map(|path| Node::of(path)?.site()).map(key).collect()
}

fn cpu_ns(record: &ThreadRecord) -> Option<u64> {
    record.owner().and_then(clock::thread_cpu_ns_of)
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
        assert_eq!(uncounted_ns(400_000, 100_000, 2.5), Some(150_000.0));
        assert_eq!(uncounted_ns(400_000, 0, 2.5), Some(400_000.0));
        assert_eq!(uncounted_ns(400_000, 1_000_000, 2.5), Some(40_000.0));
        assert_eq!(uncounted_ns(2_000, 1, 2.5), None);
    }
}
