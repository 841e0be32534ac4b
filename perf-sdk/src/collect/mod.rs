//! Reads everything that is recorded and sampled into the data types of `snapshot/`.

mod alerts;
#[cfg(feature = "jemalloc")]
mod allocator;
#[cfg(feature = "stacks")]
mod code;
#[cfg(feature = "stacks")]
mod cpu_profile;
#[cfg(feature = "push")]
mod deliveries;
#[cfg(feature = "serve")]
mod entries;
mod evictions;
mod exclusive;
mod findings;
mod fold;
mod frame;
mod functions;
mod futures;
#[cfg(feature = "heap")]
mod heap_profile;
#[cfg(all(feature = "heap", feature = "stacks"))]
mod heap_stacks;
mod instruments;
#[cfg(feature = "jemalloc")]
mod jemalloc;
mod leaks;
mod lock_waits;
mod locks;
mod measured;
mod moment;
mod names;
#[cfg(all(feature = "flight", feature = "stacks"))]
mod names_ahead;
mod own;
mod process;
mod readings;
#[cfg(all(feature = "flight", feature = "stacks"))]
mod recorded;
#[cfg(feature = "stacks")]
mod sampled;
mod scaling;
#[cfg(any(feature = "otlp", feature = "serve"))]
mod scrape;
mod slow;
mod targets;
mod threads;
#[cfg(feature = "stacks")]
mod wall_profile;

pub(crate) use alerts::{alert_runs, alerts_report, note_alerts, restore_alert_runs};
#[cfg(feature = "jemalloc")]
pub(crate) use allocator::AllocatorMonitor;
#[cfg(all(
    feature = "stacks",
    any(feature = "serve", feature = "flight", all(feature = "push", feature = "heap"))
))]
pub(crate) use code::Names;
#[cfg(feature = "stacks")]
pub(crate) use cpu_profile::Window;
#[cfg(all(feature = "serve", feature = "stacks"))]
pub(crate) use cpu_profile::names_of;
#[cfg(feature = "push")]
pub(crate) use deliveries::{deliveries, set_delivery};
#[cfg(feature = "serve")]
pub(crate) use entries::{Labelled, entries};
#[cfg(feature = "serve")]
pub(crate) use evictions::count_eviction;
#[cfg(all(test, feature = "serve"))]
pub(crate) use evictions::evictions;
pub(crate) use findings::{accept_findings, findings};
#[cfg(feature = "serve")]
pub(crate) use findings::{findings_of, number_of_findings};
pub(crate) use fold::take;
pub(crate) use functions::FunctionFold;
pub(crate) use futures::open_futures;
#[cfg(all(feature = "heap", feature = "stacks", any(feature = "push", feature = "serve", feature = "flight")))]
pub(crate) use heap_stacks::HeapStacksNow;
#[cfg(feature = "serve")]
pub(crate) use instruments::statements;
pub(crate) use leaks::{leaks, set_leaks};
pub(crate) use lock_waits::{LockMonitor, lock_descriptions};
#[cfg(feature = "serve")]
pub(crate) use names::function_labels;
pub(crate) use names::function_names;
#[cfg(all(feature = "flight", feature = "stacks"))]
pub(crate) use names_ahead::look_up_names;
pub(crate) use own::{ScopeTotals, own_scopes};
pub(crate) use readings::described;
#[cfg(all(feature = "flight", feature = "stacks"))]
pub(crate) use recorded::{Recorded, recorded};
#[cfg(all(feature = "flight", feature = "stacks", feature = "serve"))]
pub(crate) use recorded::{RecordedRange, recorded_between};
#[cfg_attr(not(feature = "serve"), allow(unused_imports))]
pub(crate) use scaling::{scaling, set_scaling};
#[cfg(any(feature = "otlp", feature = "serve"))]
pub(crate) use scrape::{Detail, take_late};
pub(crate) use slow::slow_calls;
pub(crate) use targets::{set_targets, targets};
#[cfg(feature = "stacks")]
pub(crate) use wall_profile::WallWindow;

/// Bytes allocated and not freed, by jemalloc's own statistics. `None` if the global allocator is
/// another one.
#[cfg(feature = "enabled")]
pub(crate) fn allocated_bytes() -> Option<u64> {
    #[cfg(feature = "jemalloc")]
    return jemalloc::allocated_bytes();
    #[cfg(not(feature = "jemalloc"))]
    None
}
