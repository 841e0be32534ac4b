//! Statistics of the profiler itself.

use std::collections::BTreeMap;

#[cfg(feature = "enabled")]
use serde::{Deserialize, Serialize};

use super::{Delivery, SamplingState};
use crate::base::sort;

/// Counts of what could not be recorded, by reason. Reasons are lower-case words such as `depth`,
/// `reentered`, `clock`.
pub type Dropped = BTreeMap<String, u64>;

/// Shares of the process's CPU time, at most 1.
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
    /// The share that the budget allows and the share that recording takes, between the last two
    /// evaluations. Absent without a budget.
    #[cfg_attr(feature = "enabled", serde(default))]
    pub budget: Option<Budget>,
    /// The functions with the largest part of the budget's floor, the most expensive first; at most
    /// ten.
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

/// In a shorter time, what the start took is most of what the profiler takes.
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

    /// A message if the profiler takes much more than its budget allows: how much, for what, and
    /// what to do. None before the budget could settle.
    #[cfg_attr(not(feature = "enabled"), allow(dead_code))]
    pub(crate) fn over_budget(&self, window_ns: u64) -> Option<String> {
        let budget =
            self.budget.filter(|_| window_ns >= SETTLED_NS).filter(|budget| budget.achieved > budget.allowed * MUCH)?;
        let percent = |share: f64| format!("{:.1} %", share * 100.0);
        let mut said = format!(
            "the profiler takes {} of the CPU time, and may take {}",
            percent(budget.achieved),
            percent(budget.allowed)
        );
        let named: Vec<String> = self
            .counted
            .iter()
            .take(NAMED)
            .map(|counted| format!("{} {}", counted.name, percent(counted.share)))
            .collect();
        let most = self.overhead_parts.iter().max_by_key(|(_, ns)| **ns).map(|(part, _)| part.as_str());
        let is_counting = budget.floor > budget.achieved / 2.0 || most == Some("counting");
        if is_counting && !named.is_empty() {
            let counting = percent(budget.floor);
            said.push_str(&format!("; counting calls takes {counting}: leave #[profiled] off {}", named.join(", ")));
        } else if let Some(part) = most {
            said.push_str(&format!("; most of it so far was for {part}"));
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
        assert_eq!(profiler.over_budget(SETTLED_NS), None);
        profiler.budget = Some(Budget { allowed: 0.01, achieved: 0.014, floor: 0.01 });
        assert_eq!(profiler.over_budget(SETTLED_NS), None, "almost");
        profiler.budget = Some(Budget { allowed: 0.01, achieved: 0.05, floor: 0.01 });
        profiler.overhead_parts = [("server".to_owned(), 7), ("heap".to_owned(), 3)].into();
        assert_eq!(profiler.over_budget(SETTLED_NS - 1), None, "too early");
        let said = profiler.over_budget(SETTLED_NS).unwrap();
        assert!(said.contains("takes 5.0 %") && said.contains("may take 1.0 %") && said.ends_with("server"), "{said}");
        profiler.budget = Some(Budget { allowed: 0.01, achieved: 0.3, floor: 0.25 });
        profiler.counted = vec![CountingCost { name: "parse_quote".to_owned(), module: "m".to_owned(), share: 0.24 }];
        let said = profiler.over_budget(SETTLED_NS).unwrap();
        assert!(said.ends_with("counting calls takes 25.0 %: leave #[profiled] off parse_quote 24.0 %"), "{said}");
        profiler.budget = Some(Budget { allowed: 0.01, achieved: 0.6, floor: 0.25 });
        assert!(profiler.over_budget(SETTLED_NS).unwrap().ends_with("most of it so far was for server"));
        profiler.overhead_parts.insert("counting".to_owned(), 8);
        let said = profiler.over_budget(SETTLED_NS).unwrap();
        assert!(said.ends_with("leave #[profiled] off parse_quote 24.0 %"), "the largest part so far: {said}");
    }
}
