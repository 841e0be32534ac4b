//! The global allocator and its per-thread tallies.

mod counted;
#[cfg(feature = "jemalloc")]
mod jemalloc;
mod tallies;

pub use counted::Counted;
#[cfg(feature = "jemalloc")]
pub use jemalloc::Alloc;
#[cfg(feature = "jemalloc")]
pub(crate) use jemalloc::is_global as is_jemalloc;
pub(crate) use tallies::{Tallies, is_counting, uncounted};
