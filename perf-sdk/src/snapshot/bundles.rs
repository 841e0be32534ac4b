//! Bundles of evidence that were made.

use std::fmt;

#[cfg(feature = "enabled")]
use serde::{Deserialize, Serialize};

/// Why a bundle was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "enabled", derive(Serialize, Deserialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum TriggerKind {
    /// Somebody asked for it.
    #[default]
    Request,
    /// An alert fired.
    Alert,
    /// The program panicked.
    Panic,
    /// A signal came.
    Signal,
}

impl TriggerKind {
    /// `request`, `alert`, `panic` or `signal`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Alert => "alert",
            Self::Panic => "panic",
            Self::Signal => "signal",
        }
    }
}

impl fmt::Display for TriggerKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One bundle of evidence.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "enabled", derive(Serialize, Deserialize))]
#[non_exhaustive]
pub struct BundleState {
    /// Its name, which is that of its file.
    pub name: String,
    /// When it was asked for, nanoseconds since the Unix epoch.
    pub at_unix_ns: u64,
    /// Why.
    pub trigger: TriggerKind,
    /// Which alert, panic or signal.
    pub what: String,
    /// What was known of it.
    pub evidence: String,
    /// Others that wanted one at the same time, as `trigger: what`.
    pub joined: Vec<String>,
    /// Its size. 0 while it is being made, and if that failed.
    pub bytes: u64,
    /// How long it took, seconds.
    pub took_seconds: f64,
    /// Its file, or `memory`. Empty if it is not kept any more, or was handed out to who asked.
    pub kept: String,
    /// Why it could not be made or kept as it should. Empty if it could.
    pub error: String,
}
