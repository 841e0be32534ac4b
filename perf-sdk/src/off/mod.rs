//! The public interface when the feature `enabled` is off: everything compiles to nothing.
//!
//! Plain data, and code that only reads it, are the same with and without the feature: snapshots,
//! histograms, rates, settings.

mod alloc;
mod assert;
mod event;
mod export;
mod finding;
mod future;
mod handle;
pub mod instrument;
pub mod private;
mod record;
mod watch;

pub use alloc::{Alloc, CountingAlloc};
pub use assert::{assert_allocations, assert_no_leak};
pub use event::Events;
pub use export::{Exposition, Report, json, speedscope, write_perfetto};
pub use finding::of as findings_of;
pub use future::{FutureExt, Labelled, Profiled, Scope};
pub use handle::Handle;
pub use record::{mark, measure, ready, record, set_trace_hook, with_labels};
pub use watch::{QueuedTask, RunningTask, Workers, watch_runtime, watch_workers};
