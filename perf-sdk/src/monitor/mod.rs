//! Readings of the process and of what it may use. Linux; elsewhere they are absent.

mod limit;
mod process;

pub(crate) use limit::memory_limit_bytes;
#[cfg(feature = "pool")]
pub(crate) use limit::memory_used;
pub(crate) use process::{Process, read as process};
