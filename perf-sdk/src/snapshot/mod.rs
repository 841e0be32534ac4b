//! An immutable snapshot of everything recorded, which can be merged, subtracted and serialized. It
//! is plain data, filled elsewhere in the crate. Every exporter takes only this.

mod allocator;
mod basis;
mod bundles;
mod caches;
#[cfg(feature = "stacks")]
mod code;
mod combine;
#[cfg(feature = "stacks")]
mod cpu_profile;
mod delivery;
mod distributions;
mod error;
mod estimate;
mod exemplars;
#[cfg(feature = "enabled")]
mod file;
mod frame;
mod function;
mod heap;
#[cfg(feature = "heap")]
mod heap_profile;
#[cfg(all(feature = "heap", feature = "stacks"))]
mod heap_stacks;
mod history;
mod instrument_use;
#[cfg(feature = "enabled")]
mod json;
mod large_blocks;
#[cfg(feature = "enabled")]
mod late;
mod leaks;
mod locks;
mod picture;
mod profiler;
mod quantile;
mod readings;
#[cfg(feature = "stacks")]
mod sampled_stack;
mod sampling_state;
mod scaling;
mod shown;
mod slow;
mod stack_sampling;
mod statement_figures;
mod sums;
#[cfg(all(feature = "flight", feature = "stacks"))]
mod timeline;
mod totals;
mod tree;
#[cfg(feature = "stacks")]
mod wall_profile;

pub use crate::accounts::{ArenaAccount, BumpAccount, Checkout, PoolAccount, Pressure, PressureAccount};
pub use allocator::{Allocator, ArenaUse};
#[cfg(feature = "enabled")]
pub(crate) use basis::Basis;
pub use bundles::{BundleState, TriggerKind};
#[cfg(feature = "stacks")]
pub use code::{Address, Code, LoadedImage, SourceLine};
#[cfg(feature = "stacks")]
pub use cpu_profile::CpuProfile;
pub use delivery::{Delivery, DeliveryKind};
pub use distributions::Distribution;
#[cfg(feature = "enabled")]
pub(crate) use distributions::sort_distributions;
pub use error::FileError;
#[cfg(feature = "enabled")]
pub(crate) use estimate::reconcile;
#[cfg(any(feature = "otlp", feature = "serve"))]
pub(crate) use estimate::{EstimatedTree, NodeTimes};
pub use exemplars::Exemplar;
#[cfg(feature = "enabled")]
pub(crate) use exemplars::merge as merge_exemplars;
#[cfg(feature = "enabled")]
pub(crate) use file::{read_json, write_json};
pub use frame::Frame;
pub(crate) use function::telling_names;
pub use function::{Calls, Function, FutureTotals};
pub use heap::{Heap, Live};
#[cfg(feature = "heap")]
pub use heap_profile::{HeapPath, HeapProfile};
#[cfg(all(feature = "heap", feature = "stacks"))]
pub use heap_stacks::{HeapStack, HeapStacks};
pub use history::{HistoryColumns, HistoryQuery, HistorySeries};
pub use instrument_use::InstrumentUse;
#[cfg(feature = "enabled")]
pub(crate) use instrument_use::add_uses;
pub use large_blocks::LargeBlocks;
#[cfg(feature = "heap")]
pub(crate) use large_blocks::add_blocks;
#[cfg(any(feature = "otlp", feature = "serve"))]
pub(crate) use late::RareFigures;
#[cfg(feature = "enabled")]
pub(crate) use late::{Figures, FunctionPart, LateDistribution, LateFunctions};
pub use leaks::{AgeBand, LeakFinding, LeakSubject, Leaks, Verdict};
pub use locks::{LockContention, Locks};
pub use picture::Snapshot;
pub use profiler::{Budget, CountingCost, Dropped, ProfilerStats};
pub use quantile::Quantile;
#[cfg(feature = "enabled")]
pub(crate) use readings::sort_readings;
pub use readings::{AbsentReading, Reading, ReadingKind, ReadingUnit};
#[cfg(feature = "stacks")]
pub use sampled_stack::SampledStack;
pub use sampling_state::SamplingState;
pub use scaling::{Scaling, ScalingDirection, ScalingRule};
pub(crate) use shown::{ESTIMATED_SAYS, Shown, WEAK_SAYS};
pub use slow::{SlowCall, SlowCalls, SlowFunction, SlowPoll, SlowSample, SlowStep, SlowStepKind};
pub use stack_sampling::StackSampling;
pub use statement_figures::StatementFigures;
#[cfg(feature = "enabled")]
pub(crate) use statement_figures::{MAX_CALLERS, sort_statements};
#[cfg(feature = "enabled")]
pub(crate) use sums::Sums;
#[cfg(all(feature = "flight", feature = "stacks"))]
pub(crate) use timeline::{Timeline, TimelineSample};
pub use totals::Totals;
pub use tree::{CallNode, ROOT};
#[cfg(feature = "stacks")]
pub use wall_profile::{OffCpu, WallProfile};
