//! Memory of one's own for a subsystem, a request, or objects that are dear to make; each with an
//! account in the scrape and on the page.
//!
//! - [`Arena`]: a jemalloc arena with a name and limits, for a subsystem.
//! - [`BumpPool`]: bump arenas for requests, reused.
//! - [`Pool`], [`BufferPool`]: objects and buffers that are used again.
//! - [`on_pressure`]: hear when memory runs short; pools are trimmed then, and jemalloc gives
//!   unused pages back.

mod arena;
mod buffer;
mod bump;
mod error;
mod object;
mod out;
mod parts;
mod pressure;
mod registry;

/// Whether a pool or an arena may be called so.
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
