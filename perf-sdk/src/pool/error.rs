//! Errors of pools.

use std::fmt;

use crate::scope::{MAX_NAME_BYTES, beginning};

/// Why a pool cannot be created.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum PoolError {
    /// A name that is empty, longer than 255 bytes, or used by another existing pool.
    Name(String),
    /// Bounds that contradict each other.
    Bounds {
        /// The minimum number of objects.
        min: usize,
        /// The maximum number of objects in use, if there is one.
        max: Option<usize>,
        /// The maximum number of idle objects.
        max_idle: usize,
    },
    /// A list of buffer sizes that is empty, or contains 0 or a duplicate.
    Sizes(Vec<usize>),
}

impl fmt::Display for PoolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) if name.is_empty() => f.write_str("the pool's name is empty; allowed: 1 to 255 bytes"),
            Self::Name(name) if name.len() > MAX_NAME_BYTES => too_long(f, "pool", name),
            Self::Name(name) => {
                write!(f, "the pool's name {name:?} is already used; allowed: a name that no other pool has")
            }
            Self::Bounds { min, max, max_idle } => {
                let max = max.map_or_else(|| "none".to_owned(), |max| max.to_string());
                write!(
                    f,
                    "min is {min}, max {max}, max_idle {max_idle}; allowed: a max of at least 1, and a min that is above neither"
                )
            }
            Self::Sizes(sizes) => {
                write!(f, "the sizes of buffers are {sizes:?}; allowed: one or more, each above 0, no duplicates")
            }
        }
    }
}

/// Reports only the beginning of a name that may be very long.
pub(super) fn too_long(f: &mut fmt::Formatter<'_>, of: &str, name: &str) -> fmt::Result {
    let begin = beginning(name, 40);
    write!(f, "the {of}'s name is {} bytes long, it begins with {begin:?}; allowed: 1 to {MAX_NAME_BYTES}", name.len())
}

/// The same text as `Display`, so that `unwrap()` and `main` print it too.
impl fmt::Debug for PoolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for PoolError {}
