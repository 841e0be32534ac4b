//! Sites, and the current scope of each thread as a chain of callers that allocator hooks and
//! signal handlers can read.

mod bounded;
mod call_path;
mod callers;
mod chains;
mod current;
mod intern;
mod labels;
mod last_text;
mod name;
#[cfg(feature = "stacks")]
mod newcomers;
mod site;
mod span;

#[cfg(feature = "pool")]
pub(crate) use bounded::MAX_NAME_BYTES;
pub(crate) use bounded::{beginning, bounded};
pub(crate) use call_path::{AtomicCallPath, CallPath, Path};
pub(crate) use callers::{Owner, callers, current_path, current_scope};
#[cfg(all(feature = "heap", feature = "stacks"))]
pub(crate) use current::set_walk;
pub(crate) use current::{Scopes, Slot};
pub(crate) use intern::intern;
pub(crate) use labels::{LabelSet, MAX_LABELS, extend};
pub(crate) use last_text::MAX_BYTES as MAX_ERROR_BYTES;
#[cfg(feature = "stacks")]
pub(crate) use newcomers::{announce, listen};
pub(crate) use span::SpanIds;

#[cfg(any(feature = "otlp", feature = "serve"))]
pub(crate) use site::Label;
pub use site::{Hot, Options, Sample, Site, Source};
