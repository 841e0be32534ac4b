//! The figures of one function.

use std::collections::HashMap;

#[cfg(feature = "enabled")]
use serde::{Deserialize, Serialize};

use super::exemplars::{self, Exemplar};
use super::instrument_use::{InstrumentUse, add_uses, uses_since};
use super::large_blocks::{LargeBlocks, add_blocks, since as blocks_since};
use super::{Live, Totals};
use crate::histogram::Histogram;

/// Finished calls by outcome. Exact counts, except for [`Function::estimated_calls`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "enabled", derive(Serialize, Deserialize))]
#[non_exhaustive]
pub struct Calls {
    /// Returned, and not an `Err`.
    pub ok: u64,
    /// Returned an `Err`.
    pub error: u64,
    /// Unwound.
    pub panic: u64,
    /// A future dropped before it completed.
    pub cancelled: u64,
}

impl Calls {
    /// All finished calls.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.ok + self.error + self.panic + self.cancelled
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.ok += other.ok;
        self.error += other.error;
        self.panic += other.panic;
        self.cancelled += other.cancelled;
    }
}

/// Figures of futures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "enabled", derive(Serialize, Deserialize))]
#[non_exhaustive]
pub struct FutureTotals {
    /// The number of calls of `poll`.
    pub polls: u64,
    /// Time inside `poll`. For calls within calls of the same function, only the outermost one
    /// counts.
    pub busy_ns: u64,
    /// Time between polls of finished futures. For calls within calls of the same function, only
    /// the outermost one counts.
    pub idle_ns: u64,
    /// The longest single poll. Over a window: the longest since recording began.
    pub longest_poll_ns: u64,
}

/// All figures of one function.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "enabled", derive(Serialize, Deserialize))]
#[non_exhaustive]
pub struct Function {
    /// `function`, `Type::method`, `<Type as Trait>::method`, or the given name.
    pub name: String,
    /// The module path: `crate::module`.
    pub module: String,
    /// The path of the source file, as given by the compiler.
    pub file: String,
    /// The line in it, from 1; 0 if unknown.
    pub line: u32,
    /// Finished calls by outcome.
    pub calls: Calls,
    /// The part of `calls` that was estimated, because the function was called too often to be
    /// counted: see the setting `hot`. 0: all were counted.
    #[cfg_attr(feature = "enabled", serde(default))]
    pub estimated_calls: u64,
    /// Whether its calls are estimated now.
    #[cfg_attr(feature = "enabled", serde(default))]
    pub rests: bool,
    /// Whether its return type is an iterator, a stream or an unmeasured future, whose later work
    /// is not in its figures.
    #[cfg_attr(feature = "enabled", serde(default))]
    pub is_lazy: bool,
    /// Finished calls that were measured. All figures except `calls` are estimated from them.
    #[cfg_attr(feature = "enabled", serde(default))]
    pub samples: u64,
    /// The number of measured calls with equal weights that would be as informative: (Σ w)² ∕ Σ w²
    /// for measured calls with weights w.
    #[cfg_attr(feature = "enabled", serde(default))]
    pub effective_samples: u64,
    /// The number of calls for which a measured one stood when the snapshot was taken. 0: none is
    /// measured. The maximum, if there are several sites.
    #[cfg_attr(feature = "enabled", serde(default))]
    pub one_in: u32,
    /// Calls running when the snapshot was taken.
    pub running: u64,
    /// Durations of finished calls in nanoseconds. Of a future, from its first poll to its end.
    pub wall: Histogram,
    /// CPU times of finished calls in nanoseconds. Absent with `cpu = false`.
    pub cpu: Option<Histogram>,
    /// Bytes allocated by finished calls. Absent without a counting allocator and with
    /// `alloc = false`.
    pub bytes: Option<Histogram>,
    /// Including callees. Of recursive calls, only the outermost one counts. Includes the elapsed
    /// part of running calls. The time for recording callees is subtracted, at the minimum cost of
    /// empty calls on this machine. In `wall` and `cpu` it is not subtracted.
    pub inclusive: Totals,
    /// Excluding profiled callees. Times are never negative.
    pub exclusive: Totals,
    /// The standard error of the times in `inclusive`, in nanoseconds. It is that of the CPU time,
    /// because time off the CPU is counted, not estimated.
    #[cfg_attr(feature = "enabled", serde(default))]
    pub inclusive_error_ns: u64,
    /// The standard error of the times in `exclusive`.
    #[cfg_attr(feature = "enabled", serde(default))]
    pub exclusive_error_ns: u64,
    /// Live allocations made here, excluding profiled callees. Absent if the live heap is not
    /// sampled.
    #[cfg_attr(feature = "enabled", serde(default))]
    pub live: Option<Live>,
    /// Large blocks that were allocated here, excluding profiled callees, sorted by size. Empty if
    /// the live heap is not sampled.
    #[cfg_attr(feature = "enabled", serde(default))]
    pub large_blocks: Vec<LargeBlocks>,
    /// Stack samples in which this was the innermost profiled function.
    #[cfg_attr(feature = "enabled", serde(default))]
    pub stack_samples: u64,
    /// The CPU time for which they stand, in nanoseconds. Comparable with `exclusive`, which is
    /// recorded.
    #[cfg_attr(feature = "enabled", serde(default))]
    pub sampled_cpu_ns: u64,
    /// Waits for a [`Mutex`](crate::sync::Mutex) or an [`RwLock`](crate::sync::RwLock) in which
    /// this was the innermost profiled function.
    #[cfg_attr(feature = "enabled", serde(default))]
    pub lock_contentions: u64,
    /// Their total duration in nanoseconds, which is part of `exclusive`.
    #[cfg_attr(feature = "enabled", serde(default))]
    pub lock_wait_ns: u64,
    /// Uses of caches, pools, queues and other [instruments](crate::instrument) in which this was
    /// the innermost profiled function, sorted by kind and name.
    #[cfg_attr(feature = "enabled", serde(default))]
    pub instruments: Vec<InstrumentUse>,
    /// Present once a future of this name was polled.
    pub future: Option<FutureTotals>,
    /// The text of the last error, at most 256 bytes, with `error = display`.
    pub last_error: Option<String>,
    /// At most one for each classic bucket.
    pub exemplars: Vec<Exemplar>,
}

#[cfg_attr(not(feature = "serve"), allow(dead_code))]
impl Function {
    /// CPU time for which stack samples stand, over that which was recorded. `None` with less than
    /// 20 samples, where it is too uncertain.
    pub(crate) fn sampled_cpu_ratio(&self) -> Option<f64> {
        let is_known = self.stack_samples >= 20 && self.cpu.is_some() && self.exclusive.cpu_ns > 0;
        is_known.then(|| self.sampled_cpu_ns as f64 / self.exclusive.cpu_ns as f64)
    }

    /// That ratio, if it is off by more than a half, and by more than chance: by six standard
    /// deviations of the number of samples, and three of the recorded time. Then the function works
    /// in step with what signals its thread.
    pub(crate) fn unfairly_sampled(&self) -> Option<f64> {
        let ratio = self.sampled_cpu_ratio()?;
        let (samples, expected) = (self.stack_samples as f64, self.stack_samples as f64 / ratio.max(f64::EPSILON));
        let error_ns = self.sampled_cpu_ns.abs_diff(self.exclusive.cpu_ns as u64);
        let is_off = !(2.0 / 3.0..=1.5).contains(&ratio)
            && (samples - expected).abs() > 6.0 * samples.max(expected).sqrt()
            && error_ns > 3 * self.exclusive_error_ns;
        is_off.then_some(ratio)
    }

    pub(super) fn since(&self, earlier: &Self, moment_unix_ns: u64) -> Self {
        let histogram = |now: &Option<Histogram>, was: &Option<Histogram>| match (now, was) {
            (Some(now), Some(was)) => Some(now.since(was)),
            (now, _) => now.clone(),
        };
        let was = earlier.calls;
        Self {
            calls: Calls {
                ok: self.calls.ok.saturating_sub(was.ok),
                error: self.calls.error.saturating_sub(was.error),
                panic: self.calls.panic.saturating_sub(was.panic),
                cancelled: self.calls.cancelled.saturating_sub(was.cancelled),
            },
            estimated_calls: self.estimated_calls.saturating_sub(earlier.estimated_calls),
            samples: self.samples.saturating_sub(earlier.samples),
            wall: self.wall.since(&earlier.wall),
            cpu: histogram(&self.cpu, &earlier.cpu),
            bytes: histogram(&self.bytes, &earlier.bytes),
            future: self.future.map(|now| {
                let was = earlier.future.unwrap_or_default();
                FutureTotals {
                    polls: now.polls.saturating_sub(was.polls),
                    busy_ns: now.busy_ns.saturating_sub(was.busy_ns),
                    idle_ns: now.idle_ns.saturating_sub(was.idle_ns),
                    longest_poll_ns: now.longest_poll_ns,
                }
            }),
            large_blocks: blocks_since(&self.large_blocks, &earlier.large_blocks),
            stack_samples: self.stack_samples.saturating_sub(earlier.stack_samples),
            sampled_cpu_ns: self.sampled_cpu_ns.saturating_sub(earlier.sampled_cpu_ns),
            lock_contentions: self.lock_contentions.saturating_sub(earlier.lock_contentions),
            lock_wait_ns: self.lock_wait_ns.saturating_sub(earlier.lock_wait_ns),
            instruments: uses_since(&self.instruments, &earlier.instruments),
            exemplars: self.exemplars.iter().filter(|e| e.at_unix_ns >= moment_unix_ns).cloned().collect(),
            ..self.clone()
        }
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.calls.add(&other.calls);
        self.estimated_calls += other.estimated_calls;
        self.rests |= other.rests;
        self.samples += other.samples;
        self.stack_samples += other.stack_samples;
        self.sampled_cpu_ns += other.sampled_cpu_ns;
        self.lock_contentions += other.lock_contentions;
        self.lock_wait_ns += other.lock_wait_ns;
        add_uses(&mut self.instruments, other.instruments.iter().cloned());
        self.one_in = self.one_in.max(other.one_in);
        self.running += other.running;
        self.wall.merge(&other.wall);
        for (ours, theirs) in [(&mut self.cpu, &other.cpu), (&mut self.bytes, &other.bytes)] {
            match (ours.as_mut(), theirs) {
                (Some(ours), Some(theirs)) => ours.merge(theirs),
                (None, Some(_)) => ours.clone_from(theirs),
                (_, None) => {}
            }
        }
        self.inclusive += other.inclusive;
        self.exclusive += other.exclusive;
        if let Some(theirs) = &other.live {
            self.live.get_or_insert_default().add(theirs);
        }
        add_blocks(&mut self.large_blocks, other.large_blocks.iter().copied());
        if let Some(theirs) = other.future {
            let ours = self.future.get_or_insert_default();
            ours.polls += theirs.polls;
            ours.busy_ns += theirs.busy_ns;
            ours.idle_ns += theirs.idle_ns;
            ours.longest_poll_ns = ours.longest_poll_ns.max(theirs.longest_poll_ns);
        }
        if other.last_error.is_some() {
            self.last_error.clone_from(&other.last_error);
        }
        exemplars::merge(&mut self.exemplars, other.exemplars.iter().cloned());
    }

    /// `module::name`.
    pub(crate) fn full_name(&self) -> String {
        if self.module.is_empty() { self.name.clone() } else { format!("{}::{}", self.module, self.name) }
    }
}

/// The name of each function for display: its name, or `module::name` if several have the same
/// name.
pub(crate) fn telling_names(functions: &[Function]) -> Vec<String> {
    let mut of_name: HashMap<&str, u32> = HashMap::new();
    functions.iter().for_each(|function| *of_name.entry(&function.name).or_default() += 1);
    let telling = |function: &Function| {
        let is_alone = of_name.get(function.name.as_str()).is_some_and(|functions| *functions == 1);
        if is_alone { function.name.clone() } else { function.full_name() }
    };
    functions.iter().map(telling).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_that_are_off_by_more_than_chance_are_unfair() {
        let of = |samples: u64, exact_ms: i64, error_ms: u64| {
            let function = Function {
                stack_samples: samples,
                sampled_cpu_ns: samples * 10_000_000,
                exclusive: Totals { cpu_ns: exact_ms * 1_000_000, ..Totals::default() },
                exclusive_error_ns: error_ms * 1_000_000,
                cpu: Some(Histogram::default()),
                ..Function::default()
            };
            function.unfairly_sampled()
        };
        // Twice and half the samples that are due.
        assert_eq!((of(200, 1_000, 0), of(100, 2_000, 0)), (Some(2.0), Some(0.5)));
        // Within a half, by chance, with too few samples, and beside a recorded time that is as
        // uncertain.
        assert_eq!((of(149, 1_000, 0), of(40, 200, 0), of(19, 1, 0), of(200, 1_000, 400)), (None, None, None, None));
    }
}
