//! Memory for a subsystem or a request, and reuse of objects that are expensive to make. Each has
//! an account in the scrape and on the index page.
//!
//! - [`Arena`]: a jemalloc arena with a name and limits, for a subsystem.
//! - [`BumpPool`]: reusable bump arenas for requests.
//! - [`Pool`], [`BufferPool`]: reusable objects and buffers.
//! - [`on_pressure`]: a callback for when memory runs short. Pools are then trimmed, and jemalloc
//!   returns unused pages to the system.

mod arena;
mod buffer;
mod bump;
mod error;
mod object;
mod out;
mod parts;
mod pressure;
mod registry;

/// Whether this is a valid name for a pool or an arena.
fn is_name(name: &str) -> bool {
    (1..=crate::scope::MAX_NAME_BYTES).contains(&name.len())
}

pub use crate::accounts::{ArenaAccount, BumpAccount, Checkout, PoolAccount, Pressure};
pub(crate) use arena::accounts as arena_accounts;
pub use arena::{Arena, ArenaBuilder, ArenaError};
pub use buffer::{Buffer, BufferPool, BufferPoolBuilder, OwnedBuffer};
pub use bump::{BumpPool, PooledBump};
pub use error::PoolError;
pub use object::{Exhausted, OwnedPooled, Pool, PoolBuilder, Pooled};
pub use pressure::{PressureListener, on_pressure};
pub(crate) use pressure::{Thresholds, Used, account as pressure_account, watch as watch_pressure};
pub(crate) use registry::{accounts as pool_accounts, taken};
