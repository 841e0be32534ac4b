//! Memory for a subsystem or a request, and reuse of objects that are expensive to make. Each has
//! an account in the scrape and on the index page.
//!
//! - [`Arena`]: a jemalloc arena with a name and limits, for a subsystem.
//! - [`BumpPool`]: reusable bump arenas for requests.
//! - [`Pool`], [`BufferPool`]: reusable objects and buffers.
//! - [`on_pressure`]: a callback for when memory runs short. Pools are then trimmed, and jemalloc
//!   returns unused pages to the system.
//!
//! ```
//! # fn main() -> Result<(), perf_sdk::pool::PoolError> {
//! let buffers = perf_sdk::pool::BufferPool::new("replies")?;
//! let mut reply = buffers.get(1_000); // of 1 KiB, used again
//! reply.extend_from_slice(b"Dear Ada,");
//! drop(reply);
//!
//! let snapshot = perf_sdk::snapshot();
//! assert!(snapshot.pools.iter().any(|pool| pool.name.starts_with("replies") && pool.taken == 1));
//! # Ok(())
//! # }
//! ```

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
pub(crate) use pressure::{
    PressureWatch, Response as PressureResponse, Thresholds, Used, account as pressure_account, relieve,
};
pub(crate) use registry::{accounts as pool_accounts, taken};
