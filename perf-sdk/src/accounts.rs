//! What arenas and pools hold: plain data.

#[cfg(feature = "enabled")]
use serde::{Deserialize, Serialize};

use crate::histogram::{Histogram, Scale};

/// What an [`Arena`](crate::pool::Arena) holds; requested sizes, but for active and mapped bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "enabled", derive(Serialize, Deserialize))]
#[non_exhaustive]
pub struct ArenaAccount {
    /// The arena's name.
    pub name: String,
    /// jemalloc's number for it: see [`ArenaUse`](crate::snapshot::ArenaUse).
    pub index: u32,
    /// Allocated through the allocator and not freed.
    pub allocated_bytes: u64,
    /// The most that this ever was, give or take what a thread tells of at a time: a 64th of the soft limit, at most 64 KiB.
    pub high_water_bytes: u64,
    /// Allocated ever.
    pub total_bytes: u64,
    /// Allocations ever; one that is resized counts again.
    pub allocations: u64,
    /// Pages that hold something allocated, by plain code in a scope too.
    pub active_bytes: u64,
    /// Taken from the system; known with a hard limit only.
    pub mapped_bytes: Option<u64>,
    /// Above it the callback is called.
    pub soft_limit_bytes: Option<u64>,
    /// Above it allocations fail.
    pub hard_limit_bytes: Option<u64>,
    /// Allocations that failed.
    pub refused: u64,
    /// Extents that were refused because of the hard limit; an allocation may do with another one.
    pub refused_extents: u64,
    /// Extents that plain code in a scope was given beyond the hard limit.
    pub exceeded_extents: u64,
}

/// What a [`Pool`](crate::pool::Pool), or one size of a [`BufferPool`](crate::pool::BufferPool), holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "enabled", derive(Serialize, Deserialize))]
#[non_exhaustive]
pub struct PoolAccount {
    /// The pool's name.
    pub name: String,
    /// Objects taken, ever.
    pub taken: u64,
    /// Objects made, ever; those that the pool was filled with included.
    pub made: u64,
    /// Of these, those that it was filled with.
    pub first: u64,
    /// Out now.
    pub outstanding: u64,
    /// Waiting to be taken, with threads or with the pool.
    pub idle: u64,
    /// Taken beyond the most that may be out; these are not kept when they come back.
    pub beyond: u64,
    /// Dropped because their borrower panicked.
    pub poisoned: u64,
    /// Dropped because they could not be reset.
    pub unfit: u64,
    /// Dropped because enough were waiting.
    pub surplus: u64,
    /// Dropped when memory ran short, or when the program asked for it.
    pub trimmed: u64,
    /// Waits for an object that ended without one.
    pub timeouts: u64,
    /// The checkout that lasts longest.
    pub oldest: Option<Checkout>,
}

impl PoolAccount {
    /// The part of what was taken that did not have to be made; `None` before anything was.
    #[must_use]
    pub fn hit_ratio(&self) -> Option<f64> {
        let missed = self.made.saturating_sub(self.first).min(self.taken);
        (self.taken > 0).then(|| 1.0 - missed as f64 / self.taken as f64)
    }
}

/// An object that is out of its pool.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "enabled", derive(Serialize, Deserialize))]
#[non_exhaustive]
pub struct Checkout {
    /// Since when, give or take two seconds; 0 where the profiler did not run then.
    pub age_ns: u64,
    /// The function that took it; empty outside of all.
    pub function: String,
    /// Its module.
    pub module: String,
    /// Its callers and itself, outermost first.
    pub scopes: Vec<String>,
}

/// What a [`BumpPool`](crate::pool::BumpPool) holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "enabled", derive(Serialize, Deserialize))]
#[non_exhaustive]
pub struct BumpAccount {
    /// The bump arenas themselves, as objects of a pool.
    pub pool: PoolAccount,
    /// Used by those that came back, ever: bytes.
    pub used_bytes: u64,
    /// Held by them at that time, ever; what of it was not used is waste.
    pub held_bytes: u64,
    /// The most that one used.
    pub high_water_bytes: u64,
    /// Held by those that wait.
    pub idle_bytes: u64,
}

impl BumpAccount {
    /// The part of what was held that was not used; `None` before one came back.
    #[must_use]
    pub fn waste_ratio(&self) -> Option<f64> {
        (self.held_bytes > 0).then(|| 1.0 - self.used_bytes as f64 / self.held_bytes as f64)
    }
}

/// How short memory is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "enabled", derive(Serialize, Deserialize), serde(rename_all = "lowercase"))]
#[non_exhaustive]
pub enum Pressure {
    /// There is enough.
    #[default]
    Normal,
    /// Above the first threshold: pools are trimmed, jemalloc gives back pages that were long unused.
    High,
    /// Above the second: jemalloc gives back all unused pages.
    Critical,
}

impl Pressure {
    /// `normal`, `high` or `critical`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

impl std::fmt::Display for Pressure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// What was found of memory, and done about it.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "enabled", derive(Serialize, Deserialize))]
#[non_exhaustive]
pub struct PressureAccount {
    /// How short memory is now.
    pub level: Pressure,
    /// Used of what is nearest to its limit: the process by the program's own limit, one of its control groups, or the machine.
    pub used_bytes: u64,
    /// Its limit.
    pub limit_bytes: u64,
    /// Times that something was done about it.
    pub reliefs: u64,
    /// Objects of pools that were dropped then.
    pub trimmed: u64,
    /// How long each single step took, on a thread of the profiler's.
    pub pauses: Histogram,
}

impl Default for PressureAccount {
    fn default() -> Self {
        Self {
            level: Pressure::Normal,
            used_bytes: 0,
            limit_bytes: 0,
            reliefs: 0,
            trimmed: 0,
            pauses: Histogram::new(Scale::Seconds),
        }
    }
}
