//! An immutable picture of everything recorded: mergeable, subtractable, serialisable. Every exporter takes only this.

mod allocator;
mod basis;
#[cfg(feature = "stacks")]
mod code;
mod combine;
#[cfg(feature = "stacks")]
mod cpu_profile;
mod delivery;
mod error;
mod estimate;
#[cfg(feature = "enabled")]
mod evictions;
#[cfg(feature = "enabled")]
mod exclusive;
mod exemplars;
#[cfg(feature = "enabled")]
mod file;
#[cfg(feature = "enabled")]
mod fold;
mod frame;
mod function;
#[cfg(feature = "enabled")]
mod futures;
#[cfg(feature = "enabled")]
mod hash;
mod heap;
#[cfg(feature = "heap")]
mod heap_profile;
#[cfg(all(feature = "heap", feature = "stacks"))]
mod heap_stacks;
#[cfg(feature = "jemalloc")]
mod jemalloc;
mod leaks;
mod locks;
#[cfg(feature = "enabled")]
mod measured;
#[cfg(feature = "enabled")]
mod own;
mod profiler;
mod quantile;
#[cfg(feature = "stacks")]
mod sampled;
mod shown;
mod stack_sampling;
mod sums;
#[cfg(feature = "enabled")]
mod threads;
mod totals;
mod tree;
#[cfg(feature = "stacks")]
mod wall_profile;

pub use crate::accounts::{ArenaAccount, BumpAccount, Checkout, PoolAccount, Pressure, PressureAccount};
pub use allocator::{Allocator, ArenaUse};
#[cfg(feature = "stacks")]
pub use code::{Address, Code, LoadedImage, SourceLine};
#[cfg(feature = "stacks")]
pub(crate) use cpu_profile::Window;
#[cfg(all(feature = "serve", feature = "stacks"))]
pub(crate) use cpu_profile::names_of;
#[cfg(feature = "stacks")]
pub use cpu_profile::{CpuProfile, CpuStack};
pub use delivery::Delivery;
#[cfg(feature = "push")]
pub(crate) use delivery::{deliveries, set_delivery};
pub use error::FileError;
#[cfg(feature = "serve")]
pub(crate) use evictions::count_eviction;
#[cfg(feature = "enabled")]
pub(crate) use evictions::evictions;
#[cfg(feature = "enabled")]
pub(crate) use file::write_json;
#[cfg(feature = "enabled")]
pub(crate) use fold::take;
pub use frame::Frame;
pub use function::{Calls, Exemplar, Function, FutureTotals};
#[cfg(feature = "enabled")]
pub(crate) use futures::open_futures;
pub use heap::{Heap, Live};
#[cfg(feature = "heap")]
pub use heap_profile::{HeapPath, HeapProfile};
#[cfg(all(feature = "heap", feature = "stacks", any(feature = "push", feature = "serve")))]
pub(crate) use heap_stacks::HeapStacksNow;
#[cfg(all(feature = "heap", feature = "stacks"))]
pub use heap_stacks::{HeapStack, HeapStacks};
pub use leaks::{AgeBand, Finding, Leaks, Verdict, Watched};
#[cfg(feature = "enabled")]
pub(crate) use leaks::{leaks, set_leaks};
pub use locks::{LockContention, Locks};
#[cfg(feature = "enabled")]
pub(crate) use own::{ScopeTotals, own_scopes};
pub use profiler::{Budget, Counted, Dropped, Profiler};
pub use quantile::Quantile;
pub(crate) use shown::{ESTIMATED_SAYS, Shown, WEAK_SAYS};
pub use stack_sampling::StackSampling;
pub use totals::Totals;
pub use tree::{CallNode, ROOT};
#[cfg(feature = "stacks")]
pub(crate) use wall_profile::WallWindow;
#[cfg(feature = "stacks")]
pub use wall_profile::{OffCpu, WallProfile, WallStack};

#[cfg(feature = "enabled")]
use serde::{Deserialize, Serialize};

/// Everything recorded, at one moment or over one window.
///
/// All times are nanoseconds, all sizes bytes. Functions are sorted by `(module, name)`; sites with equal labels are
/// one function.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "enabled", derive(Serialize, Deserialize))]
#[non_exhaustive]
pub struct Snapshot {
    /// When it was taken, nanoseconds since the Unix epoch.
    pub taken_at_unix_ns: u64,
    /// The length of what it covers: since recording began, or the window between two snapshots.
    pub window_ns: u64,
    /// CPU time of the process since it began, or in the window, nanoseconds: no estimate together is more. 0 where it is not
    /// known.
    #[cfg_attr(feature = "enabled", serde(default))]
    pub cpu_ns: u64,
    /// Whether an allocator of ours counts. When false, every allocation figure is absent, not zero.
    pub has_allocations: bool,
    /// One entry per `(module, name)`, sorted.
    pub functions: Vec<Function>,
    /// The call tree of all threads, merged. Parents come before their children.
    pub tree: Vec<CallNode>,
    /// What jemalloc says of itself; absent unless [`Alloc`](crate::Alloc), or [`Counted`](crate::Counted) over jemalloc, is the program's
    /// allocator.
    #[cfg_attr(feature = "enabled", serde(default))]
    pub allocator: Option<Allocator>,
    /// The live heap; absent where it is not sampled, see [`Profiler::heap`].
    #[cfg_attr(feature = "enabled", serde(default))]
    pub heap: Option<Heap>,
    /// What each [`Arena`](crate::pool::Arena) that lives holds, by name.
    #[cfg_attr(feature = "enabled", serde(default))]
    pub arenas: Vec<ArenaAccount>,
    /// What each [`Pool`](crate::pool::Pool) and each size of each [`BufferPool`](crate::pool::BufferPool) that lives holds, by name.
    #[cfg_attr(feature = "enabled", serde(default))]
    pub pools: Vec<PoolAccount>,
    /// What each [`BumpPool`](crate::pool::BumpPool) that lives holds, by name.
    #[cfg_attr(feature = "enabled", serde(default))]
    pub bumps: Vec<BumpAccount>,
    /// How short memory is; absent where nobody looks.
    #[cfg_attr(feature = "enabled", serde(default))]
    pub pressure: Option<PressureAccount>,
    /// How well stacks are sampled; absent where they are not, see [`Profiler::stacks`].
    #[cfg_attr(feature = "enabled", serde(default))]
    pub stacks: Option<StackSampling>,
    /// Waits for locks of [`sync`](crate::sync).
    #[cfg_attr(feature = "enabled", serde(default))]
    pub locks: Locks,
    /// What the leak detector thinks; absent before its first look, and where it is off. Of a window: what it thinks at its end.
    #[cfg_attr(feature = "enabled", serde(default))]
    pub leaks: Option<Leaks>,
    /// What the profiler says of itself.
    pub profiler: Profiler,
}

/// What is allocated and not freed, by jemalloc's own figures; `None` where the program's allocator is another one.
#[cfg(feature = "enabled")]
pub(crate) fn allocated_bytes() -> Option<u64> {
    #[cfg(feature = "jemalloc")]
    return jemalloc::allocated_bytes();
    #[cfg(not(feature = "jemalloc"))]
    None
}
