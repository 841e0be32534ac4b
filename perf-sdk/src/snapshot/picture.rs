//! Everything recorded, in one value.

#[cfg(feature = "enabled")]
use serde::{Deserialize, Serialize};

use super::{Allocator, CallNode, Function, Heap, Leaks, Locks, ProfilerStats, StackSampling};
use crate::accounts::{ArenaAccount, BumpAccount, PoolAccount, PressureAccount};

/// Everything recorded, at one moment or over one window.
///
/// All times are nanoseconds, all sizes bytes. Functions are sorted by `(module, name)`; sites with
/// equal labels are one function.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "enabled", derive(Serialize, Deserialize))]
#[non_exhaustive]
pub struct Snapshot {
    /// When it was taken, nanoseconds since the Unix epoch.
    pub taken_at_unix_ns: u64,
    /// The length of what it covers: since recording began, or the window between two snapshots.
    pub window_ns: u64,
    /// CPU time of the process since it began, or in the window, nanoseconds: no estimate together
    /// is more. 0 where it is not known.
    #[cfg_attr(feature = "enabled", serde(default))]
    pub cpu_ns: u64,
    /// Whether an allocator of ours counts. When false, every allocation figure is absent, not
    /// zero.
    pub has_allocations: bool,
    /// One entry per `(module, name)`, sorted.
    pub functions: Vec<Function>,
    /// The call tree of all threads, merged. Parents come before their children.
    pub tree: Vec<CallNode>,
    /// What jemalloc says of itself; absent unless [`Alloc`](crate::Alloc), or
    /// [`CountingAlloc`](crate::CountingAlloc) over jemalloc, is the program's allocator.
    #[cfg_attr(feature = "enabled", serde(default))]
    pub allocator: Option<Allocator>,
    /// The live heap; absent where it is not sampled, see [`ProfilerStats::heap`].
    #[cfg_attr(feature = "enabled", serde(default))]
    pub heap: Option<Heap>,
    /// What each [`Arena`](crate::pool::Arena) that lives holds, by name.
    #[cfg_attr(feature = "enabled", serde(default))]
    pub arenas: Vec<ArenaAccount>,
    /// What each [`Pool`](crate::pool::Pool) and each size of each
    /// [`BufferPool`](crate::pool::BufferPool) that lives holds, by name.
    #[cfg_attr(feature = "enabled", serde(default))]
    pub pools: Vec<PoolAccount>,
    /// What each [`BumpPool`](crate::pool::BumpPool) that lives holds, by name.
    #[cfg_attr(feature = "enabled", serde(default))]
    pub bumps: Vec<BumpAccount>,
    /// How short memory is; absent where nobody looks.
    #[cfg_attr(feature = "enabled", serde(default))]
    pub pressure: Option<PressureAccount>,
    /// How well stacks are sampled; absent where they are not, see [`ProfilerStats::stacks`].
    #[cfg_attr(feature = "enabled", serde(default))]
    pub stacks: Option<StackSampling>,
    /// Waits for locks of [`sync`](crate::sync).
    #[cfg_attr(feature = "enabled", serde(default))]
    pub locks: Locks,
    /// What the leak detector thinks; absent before its first look, and where it is off. Of a
    /// window: what it thinks at its end.
    #[cfg_attr(feature = "enabled", serde(default))]
    pub leaks: Option<Leaks>,
    /// What the profiler says of itself.
    pub profiler: ProfilerStats,
}
