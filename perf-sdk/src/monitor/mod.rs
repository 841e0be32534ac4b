//! Readings of the process and its limits. Linux only; elsewhere they are absent.

mod limit;
mod process;

#[cfg(feature = "pool")]
pub(crate) use limit::MemoryReader;
#[cfg(feature = "stacks")]
pub(crate) use limit::memory_left_bytes;
pub(crate) use limit::memory_limit_bytes;
pub(crate) use process::{Process, read as process};
