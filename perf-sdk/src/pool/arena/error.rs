//! Why there is no arena.

use std::fmt;

use super::super::error::too_long;
use crate::scope::MAX_NAME_BYTES;

/// Why an arena cannot be had, or cannot do what was asked.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ArenaError {
    /// A limit is less than jemalloc takes at a time.
    Limit {
        /// Which: `soft_limit` or `hard_limit`.
        which: &'static str,
        /// Its value, bytes.
        bytes: usize,
        /// The least that is allowed, bytes.
        least: usize,
    },
    /// A name that is empty, longer than 255 bytes, or taken by another arena that lives.
    Name(String),
    /// jemalloc refused: its error number, as of `mallctl`.
    Refused {
        /// What was asked.
        what: &'static str,
        /// An `errno` value.
        code: i32,
    },
    /// Plain code has allocated in the arena by [`scope`](super::Arena::scope): nobody knows
    /// whether that is still in use.
    Scoped,
}

impl fmt::Display for ArenaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Limit { which, bytes, least } => {
                write!(f, "{which} is {bytes} bytes; allowed: at least {least}, which jemalloc takes at a time")
            }
            Self::Name(name) if name.is_empty() => f.write_str("the arena's name is empty; allowed: 1 to 255 bytes"),
            Self::Name(name) if name.len() > MAX_NAME_BYTES => too_long(f, "arena", name),
            Self::Name(name) => write!(f, "the arena's name is {name:?}, as that of another; allowed: one of its own"),
            Self::Refused { what, code } => {
                write!(f, "jemalloc refuses {what}: {}", std::io::Error::from_raw_os_error(*code))
            }
            Self::Scoped => f.write_str(
                "the arena cannot be emptied: plain code allocated in it by scope(), and may still hold that",
            ),
        }
    }
}

/// The sentence that helps, also where `unwrap()` or `main` prints it.
impl fmt::Debug for ArenaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for ArenaError {}
