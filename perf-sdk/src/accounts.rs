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
    /// The most that this ever was, give or take what a thread tells of at a time: a 64th of the
    /// soft limit, at most 64 KiB.
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

impl ArenaAccount {
    /// With what was counted since `earlier`; what it holds, and its limits, are those of now.
    pub(crate) fn since(&self, earlier: &Self) -> Self {
        Self {
            name: self.name.clone(),
            index: self.index,
            allocated_bytes: self.allocated_bytes,
            high_water_bytes: self.high_water_bytes,
            total_bytes: self.total_bytes.saturating_sub(earlier.total_bytes),
            allocations: self.allocations.saturating_sub(earlier.allocations),
            active_bytes: self.active_bytes,
            mapped_bytes: self.mapped_bytes,
            soft_limit_bytes: self.soft_limit_bytes,
            hard_limit_bytes: self.hard_limit_bytes,
            refused: self.refused.saturating_sub(earlier.refused),
            refused_extents: self.refused_extents.saturating_sub(earlier.refused_extents),
            exceeded_extents: self.exceeded_extents.saturating_sub(earlier.exceeded_extents),
        }
    }

    /// Another process's arena of the same name besides.
    pub(crate) fn add(&mut self, other: &Self) {
        self.allocated_bytes += other.allocated_bytes;
        self.high_water_bytes = self.high_water_bytes.max(other.high_water_bytes);
        self.total_bytes += other.total_bytes;
        self.allocations += other.allocations;
        self.active_bytes += other.active_bytes;
        self.mapped_bytes = both(self.mapped_bytes, other.mapped_bytes);
        self.soft_limit_bytes = both(self.soft_limit_bytes, other.soft_limit_bytes);
        self.hard_limit_bytes = both(self.hard_limit_bytes, other.hard_limit_bytes);
        self.refused += other.refused;
        self.refused_extents += other.refused_extents;
        self.exceeded_extents += other.exceeded_extents;
    }
}

/// Not known of one, or not limited: not of both.
fn both(ours: Option<u64>, theirs: Option<u64>) -> Option<u64> {
    Some(ours? + theirs?)
}

/// What a [`Pool`](crate::pool::Pool), or one size of a [`BufferPool`](crate::pool::BufferPool),
/// holds.
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

    /// With what was counted since `earlier`; what is out and what waits is that of now.
    pub(crate) fn since(&self, earlier: &Self) -> Self {
        Self {
            name: self.name.clone(),
            taken: self.taken.saturating_sub(earlier.taken),
            made: self.made.saturating_sub(earlier.made),
            first: self.first.saturating_sub(earlier.first),
            outstanding: self.outstanding,
            idle: self.idle,
            beyond: self.beyond.saturating_sub(earlier.beyond),
            poisoned: self.poisoned.saturating_sub(earlier.poisoned),
            unfit: self.unfit.saturating_sub(earlier.unfit),
            surplus: self.surplus.saturating_sub(earlier.surplus),
            trimmed: self.trimmed.saturating_sub(earlier.trimmed),
            timeouts: self.timeouts.saturating_sub(earlier.timeouts),
            oldest: self.oldest.clone(),
        }
    }

    /// Another process's pool of the same name besides.
    pub(crate) fn add(&mut self, other: &Self) {
        self.taken += other.taken;
        self.made += other.made;
        self.first += other.first;
        self.outstanding += other.outstanding;
        self.idle += other.idle;
        self.beyond += other.beyond;
        self.poisoned += other.poisoned;
        self.unfit += other.unfit;
        self.surplus += other.surplus;
        self.trimmed += other.trimmed;
        self.timeouts += other.timeouts;
        let age = |oldest: &Option<Checkout>| oldest.as_ref().map(|checkout| checkout.age_ns);
        if age(&other.oldest) > age(&self.oldest) {
            self.oldest.clone_from(&other.oldest);
        }
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

    /// With what was counted since `earlier`.
    pub(crate) fn since(&self, earlier: &Self) -> Self {
        Self {
            pool: self.pool.since(&earlier.pool),
            used_bytes: self.used_bytes.saturating_sub(earlier.used_bytes),
            held_bytes: self.held_bytes.saturating_sub(earlier.held_bytes),
            high_water_bytes: self.high_water_bytes,
            idle_bytes: self.idle_bytes,
        }
    }

    /// Another process's pool of the same name besides.
    pub(crate) fn add(&mut self, other: &Self) {
        self.pool.add(&other.pool);
        self.used_bytes += other.used_bytes;
        self.held_bytes += other.held_bytes;
        self.high_water_bytes = self.high_water_bytes.max(other.high_water_bytes);
        self.idle_bytes += other.idle_bytes;
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
    /// Above the first threshold: pools are trimmed, jemalloc gives back pages that were long
    /// unused.
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
    /// Used of what is nearest to its limit: the process by the program's own limit, one of its
    /// control groups, or the machine.
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

impl PressureAccount {
    /// With what was done since `earlier`.
    pub(crate) fn since(&self, earlier: &Self) -> Self {
        Self {
            level: self.level,
            used_bytes: self.used_bytes,
            limit_bytes: self.limit_bytes,
            reliefs: self.reliefs.saturating_sub(earlier.reliefs),
            trimmed: self.trimmed.saturating_sub(earlier.trimmed),
            pauses: self.pauses.since(&earlier.pauses),
        }
    }

    /// Another process's besides: how short memory is, of the one that has less left.
    pub(crate) fn add(&mut self, other: &Self) {
        let used = |of: &Self| of.used_bytes as f64 / of.limit_bytes.max(1) as f64;
        if (other.level, used(other)) > (self.level, used(self)) {
            (self.level, self.used_bytes, self.limit_bytes) = (other.level, other.used_bytes, other.limit_bytes);
        }
        self.reliefs += other.reliefs;
        self.trimmed += other.trimmed;
        self.pauses.merge(&other.pauses);
    }
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
