//! Who is running on this thread: sites, and the current scope as a chain of callers that allocator hooks and signal
//! handlers can read.

#[cfg(feature = "pool")]
mod callers;
mod current;
mod intern;
mod name;
mod site;

#[cfg(feature = "pool")]
pub(crate) use callers::callers;
pub(crate) use current::{Path, Scopes, Slot};
pub(crate) use intern::intern;
pub use site::{Options, Sample, Site, Source};
