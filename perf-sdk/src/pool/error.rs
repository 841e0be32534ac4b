//! Why there is no pool.

use std::fmt;

use crate::scope::{MAX_NAME_BYTES, beginning};

/// Why a pool cannot be had.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum PoolError {
    /// A name that is empty, longer than 255 bytes, or taken by another pool that lives.
    Name(String),
    /// Bounds that exclude each other.
    Bounds {
        /// Objects that are kept at least.
        min: usize,
        /// Objects that may be out, if there is a bound.
        max: Option<usize>,
        /// Idle objects that are kept at most.
        max_idle: usize,
    },
    /// A size of buffers that is 0, given twice, or none at all.
    Sizes(Vec<usize>),
}

impl fmt::Display for PoolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) if name.is_empty() => f.write_str("the pool's name is empty; allowed: 1 to 255 bytes"),
            Self::Name(name) if name.len() > MAX_NAME_BYTES => too_long(f, "pool", name),
            Self::Name(name) => write!(f, "the pool's name is {name:?}, as that of another; allowed: one of its own"),
            Self::Bounds { min, max, max_idle } => {
                let max = max.map_or_else(|| "none".to_owned(), |max| max.to_string());
                write!(
                    f,
                    "min is {min}, max {max}, max_idle {max_idle}; allowed: a max of at least 1, and a min that is above neither"
                )
            }
            Self::Sizes(sizes) => {
                write!(f, "the sizes of buffers are {sizes:?}; allowed: one or more, each above 0, none twice")
            }
        }
    }
}

/// A name of 100,000 characters is not repeated.
pub(super) fn too_long(f: &mut fmt::Formatter<'_>, of: &str, name: &str) -> fmt::Result {
    let begin = beginning(name, 40);
    write!(f, "the {of}'s name is {} bytes long, it begins with {begin:?}; allowed: 1 to {MAX_NAME_BYTES}", name.len())
}

/// The sentence that helps, also where `unwrap()` or `main` prints it.
impl fmt::Debug for PoolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for PoolError {}
