//! Errors of arenas.

use std::fmt;

use super::super::error::too_long;
use crate::scope::MAX_NAME_BYTES;

/// Why an arena cannot be created, or an operation on it failed.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ArenaError {
    /// A limit is below the size that jemalloc maps at first.
    Limit {
        /// The setting: `soft_limit` or `hard_limit`.
        which: &'static str,
        /// Its value, in bytes.
        bytes: usize,
        /// The minimum, in bytes.
        least: usize,
    },
    /// A name that is empty, longer than 255 bytes, or used by another existing arena.
    Name(String),
    /// jemalloc failed with an error number of `mallctl`.
    Refused {
        /// The operation that failed.
        what: &'static str,
        /// An `errno` value.
        code: i32,
    },
    /// Ordinary code has allocated in the arena through [`scope`](super::Arena::scope), and those
    /// allocations may still be in use.
    Scoped,
}

impl fmt::Display for ArenaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Limit { which, bytes, least } => {
                write!(f, "{which} is {bytes} bytes; allowed: at least {least}, which jemalloc maps at once")
            }
            Self::Name(name) if name.is_empty() => f.write_str("the arena's name is empty; allowed: 1 to 255 bytes"),
            Self::Name(name) if name.len() > MAX_NAME_BYTES => too_long(f, "arena", name),
            Self::Name(name) => {
                write!(f, "the arena's name {name:?} is already used; allowed: a name that no other arena has")
            }
            Self::Refused { what, code } => {
                write!(f, "jemalloc failed to {what}: {}", std::io::Error::from_raw_os_error(*code))
            }
            Self::Scoped => f.write_str(
                "the arena cannot be reset: code allocated in it through scope(), and may still use those allocations",
            ),
        }
    }
}

/// The same text as `Display`, so that `unwrap()` and `main` print it too.
impl fmt::Debug for ArenaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for ArenaError {}
