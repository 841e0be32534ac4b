//! Verdicts of the leak detector.

use std::fmt;

#[cfg(feature = "enabled")]
use serde::{Deserialize, Serialize};

/// A verdict of the leak detector.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "enabled", derive(Serialize, Deserialize), serde(rename_all = "lowercase"))]
#[non_exhaustive]
pub enum Verdict {
    /// No sign of a leak.
    #[default]
    None,
    /// It would be suspect, but it is declared to be bounded, and is within its bound.
    Bounded,
    /// Resident memory grows while allocated memory does not: the allocator retains it, or it is
    /// lost to fragmentation.
    Retention,
    /// Old objects from many generations survive: a leak, or a cache that is still filling.
    Suspect,
    /// In addition, old objects end so rarely that they outlive the horizon. And others of their
    /// kind do not become old, or a bound is exceeded.
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

/// The subject of a finding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "enabled", derive(Serialize, Deserialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum LeakSubject {
    /// Sampled live allocations of one call path and size.
    #[default]
    Memory,
    /// Objects taken from a pool.
    Pool,
    /// Futures of one function that have begun and not ended.
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

/// The part of a finding in one range of ages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "enabled", derive(Serialize, Deserialize))]
#[non_exhaustive]
pub struct AgeBand {
    /// The lower end of the range. The upper end is that of the next band.
    pub older_than_ns: u64,
    /// Bytes, estimated. 0 for subjects without a size.
    pub bytes: u64,
    /// Objects, estimated where memory is sampled.
    pub objects: u64,
}

/// A finding: one subject with its verdict and its evidence.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "enabled", derive(Serialize, Deserialize))]
#[non_exhaustive]
pub struct LeakFinding {
    /// The subject.
    pub watched: LeakSubject,
    /// The verdict.
    pub verdict: Verdict,
    /// The function that allocated or took it. Empty for subjects of the whole process.
    pub function: String,
    /// Its module.
    pub module: String,
    /// The names of all callers and of the function itself, outermost first.
    pub scopes: Vec<String>,
    /// The name of the pool, for objects taken from one.
    #[cfg_attr(feature = "enabled", serde(default))]
    pub pool: String,
    /// For memory: the end of the size class. Allocations of at least half and less than this
    /// number of usable bytes are evaluated together.
    pub below_bytes: u64,
    /// Bytes held now, estimated. 0 for subjects without a size.
    pub bytes: u64,
    /// Objects held now, estimated where memory is sampled.
    pub objects: u64,
    /// The part of the bytes that is old.
    pub retained_bytes: u64,
    /// Growth of old bytes per hour: the median slope between all pairs of windows (Theil and Sen).
    pub bytes_per_hour: f64,
    /// Growth of old objects per hour, computed in the same way.
    pub objects_per_hour: f64,
    /// Seconds until the process reaches its memory limit at this growth, if everything else stays
    /// constant. `None` if there is no growth or no limit.
    pub seconds_to_limit: Option<f64>,
    /// Bytes and objects held now by age, youngest first.
    pub ages: Vec<AgeBand>,
    /// The evidence for the verdict, as a sentence.
    pub evidence: String,
}

/// The leak detector's latest verdicts.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "enabled", derive(Serialize, Deserialize))]
#[non_exhaustive]
pub struct Leaks {
    /// The time between two evaluations.
    pub window_ns: u64,
    /// The lifetime from which an object counts as leaked.
    pub horizon_ns: u64,
    /// The number of evaluations.
    pub windows: u64,
    /// The number of call paths and sizes with enough old samples for a verdict. Verdicts are
    /// corrected for this number of tests.
    pub tested: u64,
    /// The memory limit of the process, in bytes.
    pub limit_bytes: Option<u64>,
    /// All findings with a verdict other than `none`, the worst and largest first.
    pub findings: Vec<LeakFinding>,
}
