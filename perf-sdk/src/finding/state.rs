//! Findings: data.

use std::fmt;

#[cfg(feature = "enabled")]
use serde::{Deserialize, Serialize};

/// How sure a finding is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "enabled", derive(Serialize, Deserialize), serde(rename_all = "lowercase"))]
#[non_exhaustive]
pub enum Confidence {
    /// Look before you act.
    #[default]
    Low,
    /// Probably.
    Medium,
    /// It was counted, or measured.
    High,
}

impl fmt::Display for Confidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        })
    }
}

/// What could be won back in the time of the snapshot, at most.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "enabled", derive(Serialize, Deserialize))]
#[non_exhaustive]
pub struct Gain {
    /// CPU time, in seconds.
    pub cpu_seconds: f64,
    /// Time that calls waited, in seconds, summed over calls.
    pub wait_seconds: f64,
    /// Memory, in bytes.
    pub bytes: f64,
}

impl Gain {
    pub(super) fn cpu(seconds: f64) -> Self {
        Self { cpu_seconds: seconds.max(0.0), ..Self::default() }
    }

    pub(super) fn wait(seconds: f64) -> Self {
        Self { wait_seconds: seconds.max(0.0), ..Self::default() }
    }

    pub(super) fn memory(bytes: f64) -> Self {
        Self { bytes: bytes.max(0.0), ..Self::default() }
    }
}

/// Something that can be done about a finding, and undone: see
/// [`Handle::optimize`](crate::Handle::optimize).
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "enabled", derive(Serialize, Deserialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Remedy {
    /// Pools are trimmed, and jemalloc returns all unused pages. What is needed again is allocated
    /// again.
    Purge,
    /// Functions whose `module::function` matches the pattern are measured less often. All calls
    /// are counted. [`Handle::set_sampling`](crate::Handle::set_sampling) with `None` undoes it.
    #[non_exhaustive]
    Sampling {
        /// A pattern, as of `PERF_SAMPLE`.
        pattern: String,
        /// One call in so many is measured.
        one_in: u32,
    },
    /// The flag of this name is switched on. [`Handle::set_flag`](crate::Handle::set_flag) undoes
    /// it.
    Flag(String),
}

/// Something that somebody should look at.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "enabled", derive(Serialize, Deserialize))]
#[non_exhaustive]
pub struct Finding {
    /// The name of the rule: `n_plus_one`.
    pub rule: String,
    /// What it is about: a function, a statement, a cache. Empty if it is the process.
    pub subject: String,
    /// What is so: one sentence, without its full stop.
    pub claim: String,
    /// The numbers on which it rests.
    pub evidence: String,
    /// What could be won back.
    pub gain: Gain,
    /// How sure it is.
    pub confidence: Confidence,
    /// What to do next: one sentence.
    pub next_step: String,
    /// What would show that the claim is wrong: one sentence.
    pub refuted_by: String,
    /// What can be done about it at once, and undone. `None` if it needs a human.
    #[cfg_attr(feature = "enabled", serde(default))]
    pub remedy: Option<Remedy>,
    /// A page of the endpoint, relative to its first one: `queries`. Empty if there is none.
    pub link: String,
    /// 16 hexadecimal digits that are the same for the same rule and subject, in each process.
    pub fingerprint: String,
}

/// The findings of one snapshot.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "enabled", derive(Serialize, Deserialize))]
#[non_exhaustive]
pub struct Findings {
    /// When the snapshot was taken, in nanoseconds since the Unix epoch.
    pub at_unix_ns: u64,
    /// The length of its recorded time, in nanoseconds.
    pub window_ns: u64,
    /// What matters most comes first.
    pub findings: Vec<Finding>,
    /// The number of those that are left out because they were accepted
    /// (`PERF_FINDINGS_ACCEPTED`).
    #[cfg_attr(feature = "enabled", serde(default))]
    pub accepted: u64,
}
