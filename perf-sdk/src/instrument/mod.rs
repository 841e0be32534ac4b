//! Instruments: they measure caches, pools of connections, queues, readers, writers, and values that
//! are made at their first use.
//!
//! What an instrument counts is among the [readings](crate::snapshot::Snapshot::readings), with the
//! instrument's name as a label, and so in scrapes, in the history and in targets. What a function
//! used of it is with [the function](crate::snapshot::Function::instruments).
//!
//! A name is one instrument: a second one with the same kind and name is the first one, and both
//! add to the same counters. There are at most 63 names of a kind; further ones count as `(other)`.
//! Counters last as long as the process.

mod cache;
mod durations;
mod families;
mod kind;
mod registry;
mod stripes;
mod tag;
mod uses;

pub use cache::{Cache, watch_cache};
pub(crate) use families::{Instruments, NAME, distributions, read};
pub(crate) use uses::{Use, uses};

use crate::reading::Description;

/// Everything that an instrument may show.
pub(crate) fn descriptions() -> impl Iterator<Item = &'static Description> {
    cache::descriptions()
}
