//! Keeps the cost of recording within the budget.

use std::ptr;

use super::allowance::{self, Allowance, Allowed, Load};
use super::lately::{Counting, Lately, Spent};
use super::rest::{Limits, Resting};
use super::told::{Known, Telling};
use crate::base::fork::Lock;
use crate::base::hash::FastMap;
use crate::base::sort;
use crate::clock;
use crate::memory;
use crate::record::account::{self, Part};
use crate::record::calibration::empty_calls::{Calibration, WorkingSet};
use crate::record::calibration::overhead;
use crate::record::call::future;
use crate::record::call::guard;
use crate::record::entry;
use crate::record::own::Own;
use crate::record::registry::records;
use crate::record::store::block::rates_changed;
use crate::record::store::cost::{Cost, Tallied};
use crate::record::store::in_place_timing::{self, Recent};
use crate::record::store::shared::shared_sites;
use crate::record::switch::Moment;
use crate::scope::{Hot, Site};
use crate::snapshot::Budget;

/// The number of evaluations between two calibrations. Evaluations of an idle process do not count,
/// because a calibration costs more than those.
const CALIBRATE_EVERY: u32 = 16;
const NEXT_TO_NOTHING_NS: u64 = 5_000_000;
/// Sites are reported by name if counting their calls takes at least this share of the process's
/// CPU time. The second constant is the maximum number of them.
const NAMED_SHARE: f64 = 0.000_5;
const NAMED_SITES: usize = 10;
/// The share of the budget that is reserved for measuring when counting and scrapes exceed the
/// rest.
const LEAST_PART: f64 = 0.2;
/// The cost of counting a call depends on the state of the caches. It may be lower than calibrated
/// by this factor.
const UNCERTAINTY: f64 = 1.25;

/// The share of the budget that sampling the live heap may take, and the maximum factor by which
/// its samples are reduced.
const HEAP_PART: f64 = 0.25;
const HEAP_MOST: f64 = 8.0;

static READING: Lock<Option<Reading>> = Lock::new(None);

/// Shares of the process's CPU time in the last one to two minutes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reading {
    /// The shares, and of which time they are.
    pub(crate) budget: Budget,
    /// What the profiler spent in this time by part, in nanoseconds.
    pub(crate) parts: Vec<(&'static str, u64)>,
    /// The sites that account for most of the floor, the most expensive first.
    pub(crate) floor_sites: Vec<(&'static Site, f64)>,
}

/// As of the latest evaluation. `None` before the first one, and without a budget.
pub(crate) fn reading() -> Option<Reading> {
    READING.lock().clone()
}

/// The state between two evaluations.
#[derive(Debug)]
pub(crate) struct Governor {
    allowance: Allowance,
    calibrated: Cost,
    in_place: Recent,
    calibration: Option<(Calibration, WorkingSet)>,
    looks: u32,
    sites: Sites,
    /// Memory that each evaluation uses again.
    scratch: Scratch,
    own: Own,
    heap: Allowed,
    /// The total time spent on sampling the heap.
    heap_ns: u64,
    hot: Hot,
    resting: Resting,
    at: Moment,
    lately: Lately,
}

/// All sites that have a node, keyed by their address.
type Sites = FastMap<usize, Seen>;

#[derive(Clone, Copy, Debug)]
struct Seen {
    site: &'static Site,
    now: Counts,
    before: Counts,
    allowed: Allowed,
    known: Known,
    /// What counting its calls took lately.
    counting: Counting,
    /// Whether its current blocks are to be abandoned.
    begins_anew: bool,
}

impl Seen {
    fn new(site: &'static Site) -> Self {
        let none = Counts::default();
        let (allowed, counting) = (Allowed::default(), Counting::default());
        Self { site, now: none, before: none, allowed, known: Known::new(allowed.one_in), counting, begins_anew: false }
    }
}

#[derive(Debug, Default)]
struct Scratch {
    /// Sites whose rate the budget sets.
    governed: Vec<(&'static Site, Load)>,
    /// The cost of each.
    costs: Vec<f64>,
    /// Sites, and what counting their calls took.
    floor: Vec<(&'static Site, f64)>,
    /// Those of them that may rest, and the least that it took.
    counting: Vec<(&'static Site, f64)>,
}

impl Scratch {
    fn clear(&mut self) {
        self.governed.clear();
        self.costs.clear();
        self.floor.clear();
        self.counting.clear();
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    calls: u64,
    measured: u64,
    polls: u64,
    /// In ticks.
    asked: u64,
    /// The number of call paths on all threads. Each has a sampling block of its own.
    paths: u64,
}

impl Counts {
    fn since(&self, before: &Self, rate: u32) -> Tallied {
        let more = |now: u64, before: u64| now.saturating_sub(before) as f64;
        Tallied {
            calls: more(self.calls, before.calls),
            measured: more(self.measured, before.measured),
            polls: more(self.polls, before.polls),
            asked_ns: clock::wall().ns(self.asked.saturating_sub(before.asked)) as f64,
            rate,
        }
    }
}

impl Governor {
    /// Calibrates the cost of calls on this machine, which takes a few milliseconds. All methods
    /// must be called on one thread.
    pub(crate) fn new(allowance: Allowance, hot: Hot) -> Self {
        let calibration = memory::uncounted(|| Some((Calibration::new(guard::empty_call)?, WorkingSet::new())));
        let mut governor = Self {
            allowance,
            calibrated: entry::cost(),
            in_place: Recent::default(),
            calibration,
            looks: 0,
            sites: Sites::default(),
            scratch: Scratch::default(),
            own: Own::default(),
            heap: Allowed::default(),
            heap_ns: memory::sampling_ns(),
            hot,
            resting: Resting::default(),
            at: Moment::default(),
            lately: Lately::default(),
        };
        governor.calibrate();
        // The calibration is excluded from the first window, because it happens only once.
        governor.own = Own::now();
        governor.at = Moment::now().unwrap_or_default();
        governor
    }

    /// The cost of calls depends on other load on the machine.
    fn calibrate(&mut self) {
        if let Some((calibration, work)) = &mut self.calibration {
            overhead::found(&calibration.warm().0);
            self.calibrated = calibration.cold(future::empty_poll, work);
        }
    }

    /// Whether the process did so little since the last evaluation that another one would not be
    /// worthwhile: nearly nothing at all, or for some seconds nearly nothing but the profiler's own
    /// work, which would then be in the account late.
    pub(crate) fn is_idle(&self) -> bool {
        const LITTLE_NS: u64 = 1_000_000;
        const LATE_NS: u64 = 5_000_000_000;
        let Some(now) = Moment::now() else { return true };
        let passed = now.since(self.at);
        let is_late = || clock::wall().ns(passed.ticks) >= LATE_NS;
        let of_program = || passed.cpu_ns.saturating_sub(Own::now().since(self.own).sum());
        passed.cpu_ns < LITTLE_NS || (!is_late() && of_program() < LITTLE_NS)
    }

    /// Evaluates the time since the last evaluation, as far as recording was on, and sets the
    /// sampling rates. If it was off all the time, the rates stay.
    ///
    /// `is_early`: little has been observed yet.
    ///
    /// **Cost.** Some 50 ns for each thread and call path.
    pub(crate) fn look(&mut self, is_early: bool) {
        let Some(at) = Moment::now() else { return };
        let passed = at.since(self.at);
        if passed.cpu_ns == 0 {
            return;
        }
        if passed.cpu_ns >= NEXT_TO_NOTHING_NS {
            self.looks = self.looks.wrapping_add(1);
            if self.looks.is_multiple_of(CALIBRATE_EVERY) && !self.resting.is_in_doubt() {
                self.calibrate();
            }
        }
        let own = Own::now();
        let (spent_ns, wall_ns) = (passed.cpu_ns as f64, clock::wall().ns(passed.ticks) as f64);
        let ours = own.since(self.own);
        let ours_ns = ours.sum() as f64;
        (self.at, self.own) = (at, own);

        let mut in_place = in_place_timing::Totals::default();
        records().for_each(|record| in_place.add(&record.in_place()));
        self.in_place.note(in_place);
        count(&mut self.sites);
        let calls = self.sites.values().map(|seen| seen.now.calls.saturating_sub(seen.before.calls)).sum::<u64>();
        let cost = self.in_place.over(self.calibrated).dense(spent_ns / (calls as f64).max(1.0), entry::cost());
        let (mut floor_ns, mut measured_ns, mut pinned_ns) = (0.0, 0.0, 0.0);
        self.scratch.clear();
        let Scratch { governed, costs, floor, counting } = &mut self.scratch;
        for seen in self.sites.values_mut() {
            let Seen { site, now, before, .. } = *seen;
            let tallied = now.since(&before, site.rate());
            let counting_ns = cost.counting(&tallied);
            floor_ns += counting_ns;
            floor.push((site, counting_ns));
            seen.counting.add(counting_ns);
            seen.begins_anew = block_is_old(&tallied, now.paths);
            let (spent_ns, full_ns) = cost.beyond_counting(&tallied);
            measured_ns += spent_ns;
            if site.is_pinned() {
                pinned_ns += spent_ns;
            } else if !site.rests() {
                // Few calls of a resting site are observed, so its rate stays.
                governed.push((site, Load::new(full_ns, tallied.calls / wall_ns * 1e9)));
            }
        }
        let budget_ns = self.allowance.ns(spent_ns, wall_ns);
        let left_ns = (budget_ns - ours_ns - pinned_ns - floor_ns).max(budget_ns * LEAST_PART);
        costs.extend(governed.iter().map(|(_, load)| load.full_ns));
        let level = allowance::level(costs, left_ns);
        let mut told = Telling::begin();
        for (site, load) in governed {
            let Some(seen) = self.sites.get_mut(&key(site)) else { continue };
            let before = seen.allowed.one_in;
            seen.allowed = seen.allowed.after(*load, level);
            // It may have had a rate of the user's or of an alert's, which ended.
            if seen.allowed.one_in != before || site.rate() != before {
                site.allow(seen.allowed.one_in);
                seen.begins_anew = true;
            }
            told.rate(site, &mut seen.known, seen.allowed.one_in);
        }
        begin_anew(&self.sites);
        // The calls of a resting site are no longer counted exactly. So sites rest only if counting
        // takes too much by the most favourable calibration.
        let may_rest = |(site, _): &&(&'static Site, f64)| site.may_rest(self.hot);
        counting.extend(floor.iter().filter(may_rest).map(|(site, ns)| (*site, ns / UNCERTAINTY)));
        let may_take_ns = budget_ns * (1.0 - LEAST_PART);
        let limits = Limits { allowed_ns: may_take_ns, spent_ns, call_ns: cost.passed / UNCERTAINTY, is_early };
        self.resting.wake_pinned();
        self.resting.look(counting, &limits);
        for (site, rests) in self.resting.take_changes() {
            told.rest(site, rests);
            self.sites.entry(key(site)).and_modify(|seen| seen.known = Known::new(site.rate()));
        }
        told.end();
        self.thin_out_heap(budget_ns * HEAP_PART);
        account::add(Part::Counting, floor_ns as u64);
        account::add(Part::Measuring, measured_ns as u64);
        ours.note();
        self.publish(&Spent {
            process_ns: spent_ns,
            wall_ns,
            budget_ns,
            counting_ns: floor_ns,
            measuring_ns: measured_ns,
            own: ours,
        });
    }

    /// Publishes what recording took lately, this evaluation included.
    fn publish(&mut self, spent: &Spent) {
        let sum = self.lately.add(spent);
        let share = |ns: f64| (ns / sum.process_ns.max(1.0)).min(1.0);
        let budget = Budget {
            allowed: share(sum.budget_ns),
            achieved: share(sum.sum_ns()),
            floor: share(sum.counting_ns),
            allowed_cores: sum.budget_ns / sum.wall_ns.max(1.0),
            achieved_cores: sum.sum_ns() / sum.wall_ns.max(1.0),
            window_ns: sum.wall_ns as u64,
        };
        let floor = &mut self.scratch.floor;
        floor.clear();
        floor.extend(self.sites.values().map(|seen| (seen.site, seen.counting.sum_ns())));
        let floor_sites = dearest(floor, share);
        *READING.lock() = Some(Reading { budget, parts: sum.parts(), floor_sites });
        let turn = self.lately.turn();
        self.sites.values_mut().for_each(|seen| seen.counting.turn(turn));
    }
}

impl Governor {
    /// Calibrates again after an evaluation at which counting took too much, and uses the lower
    /// result. A disturbed calibration would otherwise put functions to rest without need. Takes
    /// some milliseconds.
    pub(crate) fn settle_doubt(&mut self) {
        if self.resting.is_in_doubt() {
            let before = self.calibrated;
            self.calibrate();
            self.calibrated.passed = self.calibrated.passed.min(before.passed);
            self.calibrated.poll_passed = self.calibrated.poll_passed.min(before.poll_passed);
        }
    }

    /// Whether [`count_resting`](Self::count_resting) has any work.
    pub(crate) fn has_resting(&self) -> bool {
        self.resting.is_any()
    }

    /// Counts the calls of resting functions for a moment.
    pub(crate) fn count_resting(&mut self) {
        self.resting.count();
    }

    /// Reduces the samples of the live heap until they cost no more than allowed. Each sample is
    /// weighted by its rate, so there is no bias, except for the blind spot of
    /// `memory::live::hooks::start`.
    fn thin_out_heap(&mut self, allowed_ns: f64) {
        let heap_ns = memory::sampling_ns();
        let spent_ns = heap_ns.saturating_sub(self.heap_ns) as f64;
        self.heap_ns = heap_ns;
        let full_ns = spent_ns * f64::from(self.heap.one_in);
        self.heap = self.heap.after(Load { full_ns, ..Load::default() }, allowed_ns.max(full_ns / HEAP_MOST));
        memory::thin_out_heap(self.heap.one_in);
    }
}

impl Drop for Governor {
    /// Without a governor, every call is measured.
    fn drop(&mut self) {
        memory::thin_out_heap(1);
        count(&mut self.sites);
        for seen in self.sites.values_mut() {
            seen.site.allow(1);
            seen.begins_anew = true;
        }
        begin_anew(&self.sites);
        *READING.lock() = None;
    }
}

/// Reads what was counted since the last evaluation. Sites are never removed, since no node is.
fn count(sites: &mut Sites) {
    for seen in sites.values_mut() {
        seen.before = std::mem::take(&mut seen.now);
    }
    for record in records() {
        for node in std::iter::successors(record.newest_node(), |node| node.older()) {
            let Some(site) = node.site() else { continue };
            let counts = &mut sites.entry(key(site)).or_insert_with(|| Seen::new(site)).now;
            counts.calls += node.outcomes().iter().sum::<u64>();
            counts.measured += node.samples();
            counts.paths += 1;
        }
        for shard in std::iter::successors(record.newest_shard(), |shard| shard.older()) {
            if let Some(seen) = sites.get_mut(&key(shard.site)) {
                seen.now.polls += shard.future().map_or(0, |future| future.polls.get());
                seen.now.asked += shard.asked.get();
            }
        }
    }
    for shared in shared_sites() {
        let Some(site) = shared.site() else { continue };
        let (outcomes, samples, _) = shared.calls();
        let counts = &mut sites.entry(key(site)).or_insert_with(|| Seen::new(site)).now;
        counts.calls += outcomes.iter().sum::<u64>();
        counts.measured += samples;
    }
}

/// The sites whose share is large enough to report them, the most expensive first.
fn dearest(sites: &[(&'static Site, f64)], share: impl Fn(f64) -> f64) -> Vec<(&'static Site, f64)> {
    let shares = sites.iter().map(|(site, part)| (*site, share(*part)));
    let mut sites: Vec<(&'static Site, f64)> = shares.filter(|(_, share)| *share >= NAMED_SHARE).collect();
    sort::sort_by(&mut sites, |a, b| b.1.total_cmp(&a.1));
    sites.truncate(NAMED_SITES);
    sites
}

/// Whether a block would last longer than the time between two evaluations, so that its rate would
/// be outdated. The decision depends on counts only, never on what the block measured. So
/// abandoning the block causes no bias.
fn block_is_old(calls: &Tallied, paths: u64) -> bool {
    calls.rate > 1 && calls.calls > 0.0 && calls.calls < f64::from(calls.rate) * paths as f64
}

/// Abandons the current blocks of sites that begin anew, so that the new rate applies at once.
fn begin_anew(sites: &Sites) {
    if !sites.values().any(|seen| seen.begins_anew) {
        return;
    }
    rates_changed();
    for record in records() {
        for node in std::iter::successors(record.newest_node(), |node| node.older()) {
            let seen = node.site().and_then(|site| sites.get(&key(site)));
            if seen.is_some_and(|seen| seen.begins_anew) {
                node.blocks.abandon();
            }
        }
    }
}

fn key(site: &'static Site) -> usize {
    ptr::from_ref(site).addr()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_that_outlasts_a_look_is_old() {
        let calls = |calls: f64, rate| Tallied { calls, rate, ..Tallied::default() };
        assert!(block_is_old(&calls(10.0, 4096), 1));
        assert!(block_is_old(&calls(5_000.0, 4096), 2), "each path has its own");
        assert!(!block_is_old(&calls(5_000.0, 4096), 1));
        assert!(!block_is_old(&calls(0.0, 4096), 1), "nothing happened, so nothing is out of date");
        assert!(!block_is_old(&calls(10.0, 1), 1) && !block_is_old(&calls(10.0, 0), 1));
    }
}
