//! Statistics of the profiler itself.

use std::collections::BTreeMap;

#[cfg(feature = "enabled")]
use serde::{Deserialize, Serialize};

use super::{Delivery, SamplingState};
use crate::base::sort;
use crate::base::units::time;

/// Counts of what could not be recorded, by reason. Reasons are lower-case words such as `depth`,
/// `reentered`, `clock`.
pub type Dropped = BTreeMap<String, u64>;

/// What recording takes, as shares of the process's CPU time, at most 1. All are means of the same
/// time: the last one to two minutes, or less soon after the start.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "enabled", derive(Serialize, Deserialize))]
#[non_exhaustive]
pub struct Budget {
    /// The share that recording may take: `PERF_BUDGET`, or the share that corresponds to
    /// `PERF_BUDGET_FLOOR` of a core.
    pub allowed: f64,
    /// The share that recording takes, including scrapes and the profiler's own threads. An
    /// estimate from calls that are timed in place.
    pub achieved: f64,
    /// The part of `achieved` that counting calls takes, which measuring fewer calls cannot reduce.
    pub floor: f64,
    /// What recording may take, in cores. More than the process takes, where that is little.
    #[cfg_attr(feature = "enabled", serde(default))]
    pub allowed_cores: f64,
    /// What recording takes, in cores.
    #[cfg_attr(feature = "enabled", serde(default))]
    pub achieved_cores: f64,
    /// The time that all of this is about, in nanoseconds. Time in which recording was off is not
    /// part of it.
    #[cfg_attr(feature = "enabled", serde(default))]
    pub window_ns: u64,
}

impl Budget {
    /// What the profiler took and may take, over which time, and as a part of a core: a large share
    /// of a program that does little is little.
    #[cfg_attr(not(feature = "enabled"), allow(dead_code))]
    pub(crate) fn said(&self) -> String {
        // Of a program that does nothing, all that it does may be the profiler's.
        let allowed = if self.allowed < 1.0 { format!("{}, ", percent(self.allowed)) } else { String::new() };
        format!(
            "in the last {} the profiler took {} of the program's CPU time, {} of a core; it may take {allowed}{} of a core",
            time(self.window_ns as f64),
            percent(self.achieved),
            percent(self.achieved_cores),
            percent(self.allowed_cores),
        )
    }
}

/// A share with two significant digits at least, where it is not nearly nothing.
#[cfg_attr(not(feature = "enabled"), allow(dead_code))]
fn percent(share: f64) -> String {
    let value = share * 100.0;
    format!(
        "{value:.*} %",
        if value < 0.1 {
            3
        } else if value < 10.0 {
            2
        } else {
            1
        }
    )
}

/// A function with so many calls that counting alone has a noticeable cost. Its annotation should
/// be removed.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "enabled", derive(Serialize, Deserialize))]
#[non_exhaustive]
pub struct CountingCost {
    /// The function.
    pub name: String,
    /// Its module.
    pub module: String,
    /// The cost of counting its calls, as a share of the process's CPU time.
    pub share: f64,
}

/// Statistics of the profiler itself.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "enabled", derive(Serialize, Deserialize))]
#[non_exhaustive]
pub struct ProfilerStats {
    /// The number of annotated places that ran at least once.
    pub sites: u64,
    /// The number of live threads that recorded something.
    pub threads: u64,
    /// Memory held by the recorder, bytes.
    pub memory_bytes: u64,
    /// The limit of this memory, bytes.
    #[cfg_attr(feature = "enabled", serde(default))]
    pub memory_limit_bytes: u64,
    /// The thread CPU clock in use: `perf-time`, `rseq`, `perf-seq` or `syscall`.
    pub cpu_clock: String,
    /// The state of sampling of the live heap.
    #[cfg_attr(feature = "enabled", serde(default))]
    pub heap: SamplingState,
    /// The state of sampling of stacks, and its engine.
    #[cfg_attr(feature = "enabled", serde(default))]
    pub stacks: SamplingState,
    /// The estimated time that recording took, nanoseconds: with a budget by its account, otherwise
    /// by the cost of empty calls.
    pub overhead_ns: u64,
    /// The parts of `overhead_ns`, nanoseconds: `counting` and `measuring` calls, `signals` that
    /// sample stacks, samples of the `heap`, the profiler's threads for `stacks`, for the endpoint
    /// (`server`) and for `push`, `requests` that the program's threads handled for it, the jobs
    /// `budget`, `pressure`, `leaks`, `monitors`, `instruments`, `history`, `targets` and `alerts`,
    /// `scheduling` of these, bundles of evidence (`flight`), and `callbacks` of the program
    /// together with relief of memory. Empty without a budget.
    #[cfg_attr(feature = "enabled", serde(default))]
    pub overhead_parts: BTreeMap<String, u64>,
    /// The share that the budget allows and the share that recording takes, of the last minutes.
    /// Absent without a budget.
    #[cfg_attr(feature = "enabled", serde(default))]
    pub budget: Option<Budget>,
    /// What the profiler spent in the time that `budget` is about, nanoseconds, by the parts of
    /// `overhead_parts`.
    #[cfg_attr(feature = "enabled", serde(default))]
    pub budget_parts: BTreeMap<String, u64>,
    /// The functions with the largest part of the budget's floor, in the same time as that; the
    /// most expensive first, at most ten.
    #[cfg_attr(feature = "enabled", serde(default))]
    pub counted: Vec<CountingCost>,
    /// The state of each delivery of profiles. Empty if profiles are neither pushed nor written.
    #[cfg_attr(feature = "enabled", serde(default))]
    pub deliveries: Vec<Delivery>,
    /// The number of connections of the endpoint that were closed to make room for others, because
    /// they waited for a request or did not read their response.
    #[cfg_attr(feature = "enabled", serde(default))]
    pub evicted_connections: u64,
    /// Counts of what could not be recorded.
    pub dropped: Dropped,
}

/// Shares of a shorter time say little.
#[cfg_attr(not(feature = "enabled"), allow(dead_code))]
const SETTLED_NS: u64 = 2_000_000_000;

/// A message is shown above this multiple of the allowed share.
const MUCH: f64 = 1.5;
/// The maximum number of functions in the message.
const NAMED: usize = 3;

impl ProfilerStats {
    pub(super) fn since(&self, earlier: &Self) -> Self {
        let since = |now: &BTreeMap<String, u64>, earlier: &BTreeMap<String, u64>| {
            let was = |name: &str| earlier.get(name).copied().unwrap_or(0);
            sort::map_of(now.iter().map(|(name, n)| (name.clone(), n.saturating_sub(was(name)))))
        };
        Self {
            overhead_ns: self.overhead_ns.saturating_sub(earlier.overhead_ns),
            overhead_parts: since(&self.overhead_parts, &earlier.overhead_parts),
            evicted_connections: self.evicted_connections.saturating_sub(earlier.evicted_connections),
            dropped: since(&self.dropped, &earlier.dropped),
            deliveries: self.deliveries.iter().map(|now| now.since(&earlier.deliveries)).collect(),
            ..self.clone()
        }
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.sites = self.sites.max(other.sites);
        self.threads += other.threads;
        self.memory_bytes += other.memory_bytes;
        self.memory_limit_bytes += other.memory_limit_bytes;
        self.overhead_ns += other.overhead_ns;
        for (part, ns) in &other.overhead_parts {
            *self.overhead_parts.entry(part.clone()).or_default() += ns;
        }
        self.evicted_connections += other.evicted_connections;
        self.heap.add(&other.heap);
        self.stacks.add(&other.stacks);
        if self.cpu_clock != other.cpu_clock {
            self.cpu_clock = if self.cpu_clock.is_empty() { other.cpu_clock.clone() } else { "mixed".to_owned() };
        }
        if self.budget != other.budget {
            // Shares of different times do not add up.
            self.budget = None;
            self.budget_parts.clear();
        }
        for theirs in &other.deliveries {
            match self.deliveries.iter_mut().find(|ours| ours.is_like(theirs)) {
                Some(ours) => ours.add(theirs),
                None => self.deliveries.push(theirs.clone()),
            }
        }
        for (reason, n) in &other.dropped {
            *self.dropped.entry(reason.clone()).or_default() += n;
        }
    }

    /// What the profiler took in the window of a snapshot, and over which time that is.
    #[cfg_attr(not(feature = "enabled"), allow(dead_code))]
    pub(crate) fn spent_said(&self, window_ns: u64) -> String {
        let part = self.overhead_ns as f64 / (window_ns as f64).max(1.0);
        let (spent, window) = (time(self.overhead_ns as f64), time(window_ns as f64));
        format!("{spent} of CPU time in {window}, {} of a core", percent(part))
    }

    /// A message if the profiler takes much more than its budget allows: how much and over which
    /// time, for what, and what to do. None before the budget could settle.
    #[cfg_attr(not(feature = "enabled"), allow(dead_code))]
    pub(crate) fn over_budget(&self) -> Option<String> {
        let is_much = |budget: &Budget| budget.window_ns >= SETTLED_NS && budget.achieved > budget.allowed * MUCH;
        let budget = self.budget.filter(is_much)?;
        let mut said = budget.said();
        let named: Vec<String> = self
            .counted
            .iter()
            .take(NAMED)
            .map(|counted| format!("{} {}", counted.name, percent(counted.share)))
            .collect();
        let most = self.budget_parts.iter().max_by_key(|(_, ns)| **ns).map(|(part, _)| part.as_str());
        let is_counting = budget.floor > budget.achieved / 2.0 || most == Some("counting");
        if is_counting && !named.is_empty() {
            let counting = percent(budget.floor);
            said.push_str(&format!("; counting calls took {counting}: leave #[profiled] off {}", named.join(", ")));
        } else if let Some(part) = most {
            said.push_str(&format!("; most of it was for {part}"));
        }
        Some(said)
    }
}

#[cfg(all(test, feature = "enabled"))]
mod tests {
    use super::*;

    #[test]
    fn a_budget_that_is_not_kept_is_said_and_by_whom_it_is_used() {
        let mut profiler = ProfilerStats::default();
        assert_eq!(profiler.over_budget(), None);
        let budget = Budget {
            allowed: 0.071,
            achieved: 0.1,
            floor: 0.01,
            allowed_cores: 0.005,
            achieved_cores: 0.009_2,
            window_ns: 64_000_000_000,
        };
        profiler.budget = Some(budget);
        assert_eq!(profiler.over_budget(), None, "almost");
        profiler.budget = Some(Budget { achieved: 0.132, ..budget });
        profiler.budget_parts = [("server".to_owned(), 7), ("heap".to_owned(), 3)].into();
        profiler.overhead_parts = [("leaks".to_owned(), 700), ("server".to_owned(), 7)].into();
        assert_eq!(
            profiler.over_budget().unwrap(),
            "in the last 64.0 s the profiler took 13.2 % of the program's CPU time, 0.92 % of a core; \
             it may take 7.10 %, 0.50 % of a core; most of it was for server"
        );
        profiler.budget = Some(Budget { achieved: 0.132, window_ns: SETTLED_NS - 1, ..budget });
        assert_eq!(profiler.over_budget(), None, "too early");
        let budget = Budget { allowed: 0.01, achieved: 0.3, floor: 0.25, ..budget };
        profiler.budget = Some(budget);
        profiler.counted = vec![CountingCost { name: "parse_quote".to_owned(), module: "m".to_owned(), share: 0.24 }];
        let said = profiler.over_budget().unwrap();
        assert!(said.ends_with("counting calls took 25.0 %: leave #[profiled] off parse_quote 24.0 %"), "{said}");
        profiler.budget = Some(Budget { achieved: 0.6, ..budget });
        assert!(profiler.over_budget().unwrap().ends_with("most of it was for server"));
        profiler.budget_parts.insert("counting".to_owned(), 8);
        let said = profiler.over_budget().unwrap();
        assert!(said.ends_with("leave #[profiled] off parse_quote 24.0 %"), "the largest part: {said}");
    }

    #[test]
    fn a_program_that_does_nothing_but_being_profiled_may_spend_its_floor_on_that() {
        let budget = Budget {
            allowed: 1.0,
            achieved: 0.9998,
            allowed_cores: 0.005,
            achieved_cores: 0.001_8,
            ..Budget::default()
        };
        let said = Budget { window_ns: 1_800_000_000_000, ..budget }.said();
        let expected = "in the last 30.0 min the profiler took 100.0 % of the program's CPU time, 0.18 % of a core; it may take 0.50 % of a core";
        assert_eq!(said, expected);
    }

    #[test]
    fn what_was_spent_is_said_with_its_time() {
        let profiler = ProfilerStats { overhead_ns: 1_200_000_000, ..ProfilerStats::default() };
        assert_eq!(profiler.spent_said(600_000_000_000), "1.20 s of CPU time in 10.0 min, 0.20 % of a core");
        assert_eq!(percent(0.000_04), "0.004 %");
    }
}
