//! The snapshot of everything recorded.

#[cfg(feature = "enabled")]
use serde::{Deserialize, Serialize};

use super::{
    AbsentReading, Allocator, CallNode, Distribution, Function, Heap, Leaks, Locks, ProfilerStats, Reading,
    StackSampling, StatementFigures,
};
use crate::accounts::{ArenaAccount, BumpAccount, PoolAccount, PressureAccount};
use crate::alert::Alerts;
use crate::target::Judgement;

/// Everything recorded, at one moment or over one window.
///
/// All times are in nanoseconds, and all sizes in bytes. Functions are sorted by `(module, name)`.
/// Sites with equal labels are one function.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "enabled", derive(Serialize, Deserialize))]
#[non_exhaustive]
pub struct Snapshot {
    /// When it was taken, in nanoseconds since the Unix epoch.
    pub taken_at_unix_ns: u64,
    /// The length of the recorded time: since recording began, or the window between two snapshots.
    pub window_ns: u64,
    /// CPU time of the process since it began, or in the window, in nanoseconds. The sum of all
    /// estimates is not greater. 0 if it is unknown.
    #[cfg_attr(feature = "enabled", serde(default))]
    pub cpu_ns: u64,
    /// Whether the global allocator is a counting one. If not, every allocation figure is absent,
    /// not zero.
    pub has_allocations: bool,
    /// One entry for each `(module, name)`, sorted.
    pub functions: Vec<Function>,
    /// The call tree of all threads, merged. Parents come before their children.
    pub tree: Vec<CallNode>,
    /// jemalloc's own statistics. Absent unless [`Alloc`](crate::Alloc), or
    /// [`CountingAlloc`](crate::CountingAlloc) over jemalloc, is the global allocator.
    #[cfg_attr(feature = "enabled", serde(default))]
    pub allocator: Option<Allocator>,
    /// The live heap. Absent if it is not sampled, see [`ProfilerStats::heap`].
    #[cfg_attr(feature = "enabled", serde(default))]
    pub heap: Option<Heap>,
    /// The figures of each existing [`Arena`](crate::pool::Arena), by name.
    #[cfg_attr(feature = "enabled", serde(default))]
    pub arenas: Vec<ArenaAccount>,
    /// The figures of each existing [`Pool`](crate::pool::Pool), and of each size of each
    /// [`BufferPool`](crate::pool::BufferPool), by name.
    #[cfg_attr(feature = "enabled", serde(default))]
    pub pools: Vec<PoolAccount>,
    /// The figures of each existing [`BumpPool`](crate::pool::BumpPool), by name.
    #[cfg_attr(feature = "enabled", serde(default))]
    pub bumps: Vec<BumpAccount>,
    /// Memory pressure. Absent if it is not evaluated.
    #[cfg_attr(feature = "enabled", serde(default))]
    pub pressure: Option<PressureAccount>,
    /// The state of stack sampling. Absent if stacks are not sampled, see
    /// [`ProfilerStats::stacks`].
    #[cfg_attr(feature = "enabled", serde(default))]
    pub stacks: Option<StackSampling>,
    /// Waits for locks of [`sync`](crate::sync).
    #[cfg_attr(feature = "enabled", serde(default))]
    pub locks: Locks,
    /// The verdicts of the leak detector; of a window, those at its end. Absent before the first
    /// evaluation, and if the detector is off.
    #[cfg_attr(feature = "enabled", serde(default))]
    pub leaks: Option<Leaks>,
    /// The latest judgement of the targets; of a window, that at its end. Absent if there are no
    /// targets, and before the first judgement.
    #[cfg_attr(feature = "enabled", serde(default))]
    pub targets: Option<Judgement>,
    /// The rules of alerts, with what fires; of a window, those at its end. Absent if there are
    /// none, and before the first judgement.
    #[cfg_attr(feature = "enabled", serde(default))]
    pub alerts: Option<Alerts>,
    /// The latest figures of the process, the host and what else is read at intervals, sorted by
    /// name and labels; each has another name or other labels. Empty before
    /// [`start`](crate::start).
    #[cfg_attr(feature = "enabled", serde(default))]
    pub readings: Vec<Reading>,
    /// Which of these figures could not be read, and why.
    #[cfg_attr(feature = "enabled", serde(default))]
    pub absent_readings: Vec<AbsentReading>,
    /// Histograms of [instruments](crate::instrument), sorted by name and labels.
    #[cfg_attr(feature = "enabled", serde(default))]
    pub distributions: Vec<Distribution>,
    /// The statements of [databases](crate::watch_query), the costliest first. Of a window, those
    /// that ran in it.
    #[cfg_attr(feature = "enabled", serde(default))]
    pub statements: Vec<StatementFigures>,
    /// Figures of the profiler itself.
    pub profiler: ProfilerStats,
}
