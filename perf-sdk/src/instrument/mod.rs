//! Instruments: they measure caches, databases, pools of connections, queues, readers, writers, and
//! values that are made at their first use.
//!
//! What an instrument counts is among the [readings](crate::snapshot::Snapshot::readings), with the
//! instrument's name as a label, and so in scrapes, in the history and in targets. What a function
//! used of it is with [the function](crate::snapshot::Function::instruments).
//!
//! A name is one instrument: a second one with the same kind and name is the first one, and both
//! add to the same counters. There are at most 63 names of a kind; further ones count as `(other)`.
//! Counters last as long as the process.

mod cache;
mod closures;
mod durations;
mod families;
#[cfg(feature = "tower")]
mod http;
pub mod io;
mod kind;
pub mod lazy;
mod parents;
mod pool;
mod query;
mod queue;
mod registry;
mod stripes;
mod tag;
#[cfg(test)]
mod testing;
mod uses;

#[cfg(feature = "tower")]
pub use self::http::{CountedBody, HttpFuture, HttpLayer, HttpService, watch_http};
pub use cache::{Cache, CacheTotals, watch_cache};
pub(crate) use families::{Instruments, NAME, distributions, read};
pub use pool::{ConnectionPool, PoolState, watch_pool};
pub(crate) use query::statements;
pub use query::{Dialect, Query, Statement, watch_query};
pub use queue::{Queue, Queued, Received, watch_queue};
pub(crate) use uses::{Use, uses};

use crate::reading::Description;

/// Everything that an instrument may show.
pub(crate) fn descriptions() -> impl Iterator<Item = &'static Description> {
    let all = cache::descriptions().chain(pool::descriptions()).chain(queue::descriptions());
    let all = all.chain(io::descriptions()).chain(lazy::descriptions()).chain(query::descriptions());
    #[cfg(feature = "tower")]
    let all = all.chain(http::descriptions());
    all
}

/// The name and the help of each histogram that an instrument may show.
pub(crate) const DISTRIBUTIONS: &[(&str, &str)] = &[
    cache::DISTRIBUTION,
    pool::DISTRIBUTION,
    queue::DISTRIBUTION,
    io::DISTRIBUTION,
    query::DISTRIBUTION,
    #[cfg(feature = "tower")]
    http::DISTRIBUTION,
];
