//! Figures of arenas, pools and memory pressure: plain data.

#[cfg(feature = "enabled")]
use serde::{Deserialize, Serialize};

use crate::histogram::{Histogram, Scale};

/// Figures of an [`Arena`](crate::pool::Arena). Requested sizes, except for active and mapped
/// bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "enabled", derive(Serialize, Deserialize))]
#[non_exhaustive]
pub struct ArenaAccount {
    /// The arena's name.
    pub name: String,
    /// jemalloc's index of the arena: see [`ArenaUse`](crate::snapshot::ArenaUse).
    pub index: u32,
    /// Bytes allocated through the allocator and not freed.
    pub allocated_bytes: u64,
    /// High-water mark of the allocated bytes. For each thread it may be off by the amount that a
    /// thread reports at a time: a 64th of the soft limit, at most 64 KiB.
    pub high_water_bytes: u64,
    /// Bytes allocated so far.
    pub total_bytes: u64,
    /// Allocations so far. A reallocation counts again.
    pub allocations: u64,
    /// Bytes in active pages, including those of ordinary code in a scope.
    pub active_bytes: u64,
    /// Bytes mapped from the system. Known only with a hard limit.
    pub mapped_bytes: Option<u64>,
    /// The callback is called when allocated bytes exceed this.
    pub soft_limit_bytes: Option<u64>,
    /// Allocations fail when mapped bytes would exceed this.
    pub hard_limit_bytes: Option<u64>,
    /// Failed allocations.
    pub refused: u64,
    /// Extents that were refused because of the hard limit. The allocation may succeed with a
    /// smaller one.
    pub refused_extents: u64,
    /// Extents that were granted beyond the hard limit to ordinary code in a scope.
    pub exceeded_extents: u64,
}

impl ArenaAccount {
    /// The counts since `earlier`. Current figures and limits are unchanged.
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

    /// Adds the figures of another process's arena of the same name.
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

/// The sum; `None` if one of the two is unknown or unlimited.
fn both(ours: Option<u64>, theirs: Option<u64>) -> Option<u64> {
    Some(ours? + theirs?)
}

/// Figures of a [`Pool`](crate::pool::Pool), or of one size of a
/// [`BufferPool`](crate::pool::BufferPool).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "enabled", derive(Serialize, Deserialize))]
#[non_exhaustive]
pub struct PoolAccount {
    /// The pool's name.
    pub name: String,
    /// Objects taken so far.
    pub taken: u64,
    /// Objects made so far, including those made at the start.
    pub made: u64,
    /// Those of them that were made at the start.
    pub first: u64,
    /// Objects in use now.
    pub outstanding: u64,
    /// Idle objects now, in the pool or with threads.
    pub idle: u64,
    /// Objects taken beyond the maximum. These are dropped when they return.
    pub beyond: u64,
    /// Dropped because their borrower panicked.
    pub poisoned: u64,
    /// Dropped because they could not be reset.
    pub unfit: u64,
    /// Dropped because enough objects were idle.
    pub surplus: u64,
    /// Dropped when memory ran short, or on request of the program.
    pub trimmed: u64,
    /// Waits for an object that timed out.
    pub timeouts: u64,
    /// The longest current checkout.
    pub oldest: Option<Checkout>,
}

impl PoolAccount {
    /// The share of taken objects that did not have to be made. `None` if none was taken.
    #[must_use]
    pub fn hit_ratio(&self) -> Option<f64> {
        let missed = self.made.saturating_sub(self.first).min(self.taken);
        (self.taken > 0).then(|| 1.0 - missed as f64 / self.taken as f64)
    }

    /// The counts since `earlier`. Current figures are unchanged.
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

    /// Adds the figures of another process's pool of the same name.
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

/// An object that is in use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "enabled", derive(Serialize, Deserialize))]
#[non_exhaustive]
pub struct Checkout {
    /// How long it has been in use, to within two seconds. 0 if the profiler did not run when it
    /// was taken.
    pub age_ns: u64,
    /// The function that took it; empty outside of all profiled functions.
    pub function: String,
    /// Its module.
    pub module: String,
    /// Its callers and the function itself, outermost first.
    pub scopes: Vec<String>,
}

/// Figures of a [`BumpPool`](crate::pool::BumpPool).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "enabled", derive(Serialize, Deserialize))]
#[non_exhaustive]
pub struct BumpAccount {
    /// The bump arenas themselves, as objects of a pool.
    pub pool: PoolAccount,
    /// Bytes used in arenas that were returned, so far.
    pub used_bytes: u64,
    /// Bytes held by these arenas when they were returned, so far. The unused part is waste.
    pub held_bytes: u64,
    /// High-water mark of the bytes used in one arena.
    pub high_water_bytes: u64,
    /// Bytes held by idle arenas.
    pub idle_bytes: u64,
}

impl BumpAccount {
    /// The share of held bytes that was not used. `None` before an arena was returned.
    #[must_use]
    pub fn waste_ratio(&self) -> Option<f64> {
        (self.held_bytes > 0).then(|| 1.0 - self.used_bytes as f64 / self.held_bytes as f64)
    }

    /// The counts since `earlier`.
    pub(crate) fn since(&self, earlier: &Self) -> Self {
        Self {
            pool: self.pool.since(&earlier.pool),
            used_bytes: self.used_bytes.saturating_sub(earlier.used_bytes),
            held_bytes: self.held_bytes.saturating_sub(earlier.held_bytes),
            high_water_bytes: self.high_water_bytes,
            idle_bytes: self.idle_bytes,
        }
    }

    /// Adds the figures of another process's pool of the same name.
    pub(crate) fn add(&mut self, other: &Self) {
        self.pool.add(&other.pool);
        self.used_bytes += other.used_bytes;
        self.held_bytes += other.held_bytes;
        self.high_water_bytes = self.high_water_bytes.max(other.high_water_bytes);
        self.idle_bytes += other.idle_bytes;
    }
}

/// The level of memory pressure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "enabled", derive(Serialize, Deserialize), serde(rename_all = "lowercase"))]
#[non_exhaustive]
pub enum Pressure {
    /// Memory in use is below the thresholds.
    #[default]
    Normal,
    /// Above the first threshold: pools are trimmed, and jemalloc returns pages that were unused
    /// for long.
    High,
    /// Above the second threshold: jemalloc returns all unused pages.
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

/// Memory pressure, and the reactions to it.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "enabled", derive(Serialize, Deserialize))]
#[non_exhaustive]
pub struct PressureAccount {
    /// The current level.
    pub level: Pressure,
    /// Memory in use of what is closest to its limit: the process with the program's own limit, one
    /// of its control groups, or the machine.
    pub used_bytes: u64,
    /// Its limit.
    pub limit_bytes: u64,
    /// How often memory was returned because of the level.
    pub reliefs: u64,
    /// Objects of pools that were dropped then.
    pub trimmed: u64,
    /// The duration of each step, on a thread of the profiler.
    pub pauses: Histogram,
}

impl PressureAccount {
    /// The counts since `earlier`.
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

    /// Adds the figures of another process. The level is that of the process with less memory left.
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
