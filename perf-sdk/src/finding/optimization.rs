//! What was done about findings: data.

#[cfg(feature = "enabled")]
use serde::{Deserialize, Serialize};

use super::state::Remedy;

/// What [`Handle::optimize`](crate::Handle::optimize) did.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "enabled", derive(Serialize, Deserialize))]
#[non_exhaustive]
pub struct Optimization {
    /// When it began, in nanoseconds since the Unix epoch.
    pub at_unix_ns: u64,
    /// How long it took, in seconds.
    pub took_seconds: f64,
    /// Remedies that were applied, each once.
    pub done: Vec<AppliedRemedy>,
    /// Findings of which nothing was done.
    pub not_done: Vec<NotApplied>,
    /// The figures concerned, before and right after.
    pub figures: Vec<OptimizedFigure>,
}

/// A remedy that was applied.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "enabled", derive(Serialize, Deserialize))]
#[non_exhaustive]
pub struct AppliedRemedy {
    /// What was done.
    pub remedy: Remedy,
    /// Fingerprints of the findings for which it was.
    pub fingerprints: Vec<String>,
    /// What exactly was done.
    pub detail: String,
}

/// A finding of which nothing was done.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "enabled", derive(Serialize, Deserialize))]
#[non_exhaustive]
pub struct NotApplied {
    /// The name of the finding's rule.
    pub rule: String,
    /// What it is about.
    pub subject: String,
    /// Its fingerprint.
    pub fingerprint: String,
    /// Why.
    pub why: String,
}

/// A figure before and after.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "enabled", derive(Serialize, Deserialize))]
#[non_exhaustive]
pub struct OptimizedFigure {
    /// Its name, with its unit: `jemalloc_resident_bytes`, `process_resident_memory_bytes`,
    /// `one_in`, `flag_on`.
    pub name: String,
    /// Of which function or flag it is. Empty if it is of the process.
    pub subject: String,
    /// Before anything was done. `None` if it was not known.
    pub before: Option<f64>,
    /// Right after. `None` if it is not known.
    pub after: Option<f64>,
}
