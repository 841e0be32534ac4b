//! The public face when the feature `enabled` is off: everything compiles to nothing.
//!
//! What is plain data or reads only plain data is the same with and without: snapshots, histograms,
//! rates, settings.

mod alloc;
mod assert;
mod export;
mod future;
mod handle;
pub mod private;
mod record;

pub use alloc::{Alloc, CountingAlloc};
pub use assert::{assert_allocations, assert_no_leak};
pub use export::{Exposition, hlog, json, speedscope};
pub use future::{FutureExt, Labelled, Profiled, Scope};
pub use handle::Handle;
pub use record::{measure, record, set_trace_hook, with_labels};
