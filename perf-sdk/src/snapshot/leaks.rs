//! Verdicts on what grows, as the leak detector reached them.

use std::fmt;

#[cfg(feature = "enabled")]
use serde::{Deserialize, Serialize};

/// What the leak detector thinks of something that is held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "enabled", derive(Serialize, Deserialize), serde(rename_all = "lowercase"))]
#[non_exhaustive]
pub enum Verdict {
    /// Nothing that looks like a leak.
    #[default]
    None,
    /// It would look like a leak, but was declared to be bounded, and is within its bound.
    Bounded,
    /// Resident memory grows while what is allocated does not: the allocator keeps it, or it is
    /// lost to fragmentation.
    Retention,
    /// Old objects from many generations survive: a leak, or a cache that still fills.
    Suspect,
    /// And old objects end so seldom that they outlive the horizon, while others of their kind do
    /// not, or while a bound is exceeded.
    Confirmed,
}

impl Verdict {
    /// `none`, `bounded`, `retention`, `suspect` or `confirmed`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Bounded => "bounded",
            Self::Retention => "retention",
            Self::Suspect => "suspect",
            Self::Confirmed => "confirmed",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a finding is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "enabled", derive(Serialize, Deserialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum LeakSubject {
    /// Sampled live allocations of one call path and size.
    #[default]
    Memory,
    /// Objects taken from a pool.
    Pool,
    /// Futures of one function that were begun and have not ended.
    Tasks,
    /// The process's threads.
    Threads,
    /// The process's open file descriptors.
    FileDescriptors,
    /// The process's resident memory.
    Resident,
}

impl LeakSubject {
    /// `memory`, `pool`, `tasks`, `threads`, `file_descriptors` or `resident`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Pool => "pool",
            Self::Tasks => "tasks",
            Self::Threads => "threads",
            Self::FileDescriptors => "file_descriptors",
            Self::Resident => "resident",
        }
    }
}

impl fmt::Display for LeakSubject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What of a finding is so old.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "enabled", derive(Serialize, Deserialize))]
#[non_exhaustive]
pub struct AgeBand {
    /// At least so old, and younger than the next band.
    pub older_than_ns: u64,
    /// Bytes, an estimate; 0 where objects are counted.
    pub bytes: u64,
    /// Objects, an estimate where memory is sampled.
    pub objects: u64,
}

/// One thing that was judged, with what speaks for the verdict.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "enabled", derive(Serialize, Deserialize))]
#[non_exhaustive]
pub struct LeakFinding {
    /// What it is about.
    pub watched: LeakSubject,
    /// The verdict.
    pub verdict: Verdict,
    /// The function that allocated or took it; empty for what belongs to the process.
    pub function: String,
    /// Its module.
    pub module: String,
    /// The names of all callers and of the function itself, outermost first.
    pub scopes: Vec<String>,
    /// Of what was taken from a pool: its name.
    #[cfg_attr(feature = "enabled", serde(default))]
    pub pool: String,
    /// Of memory: allocations of at least half and less than so many usable bytes are judged
    /// together.
    pub below_bytes: u64,
    /// Held now, an estimate; 0 where things are counted that have no size.
    pub bytes: u64,
    /// Held now, an estimate where memory is sampled.
    pub objects: u64,
    /// Of the bytes, those that are old.
    pub retained_bytes: u64,
    /// Growth of what is old, bytes an hour: the median slope between all pairs of windows (Theil
    /// and Sen).
    pub bytes_per_hour: f64,
    /// Likewise, objects an hour.
    pub objects_per_hour: f64,
    /// Seconds until the process reaches its memory limit at this growth, the rest staying as it
    /// is; `None` where it does not grow or there is no limit.
    pub seconds_to_limit: Option<f64>,
    /// Held now by age, youngest first.
    pub ages: Vec<AgeBand>,
    /// What speaks for the verdict, a sentence.
    pub evidence: String,
}

/// The leak detector's latest verdicts.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "enabled", derive(Serialize, Deserialize))]
#[non_exhaustive]
pub struct Leaks {
    /// Between two looks.
    pub window_ns: u64,
    /// What lives longer counts as leaked.
    pub horizon_ns: u64,
    /// Looks so far.
    pub windows: u64,
    /// Call paths and sizes of which enough was old to be judged; by so many the verdicts are
    /// corrected.
    pub tested: u64,
    /// What the memory limit is that the process grows towards, bytes.
    pub limit_bytes: Option<u64>,
    /// All verdicts but `none`, the worst and largest first.
    pub findings: Vec<LeakFinding>,
}
