//! What may happen: data.

#[cfg(feature = "enabled")]
use serde::{Deserialize, Serialize};

use crate::alert::{AlertEvent, AlertRun, AlertTransition};
use crate::snapshot::{BundleState, LeakFinding, Pressure};

/// Something that happened, and when.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "enabled", derive(Serialize, Deserialize))]
#[non_exhaustive]
pub struct EventRecord {
    /// Events are numbered from 1 on since the start of the profiler.
    pub number: u64,
    /// Nanoseconds since the Unix epoch.
    pub at_unix_ns: u64,
    /// What happened.
    pub event: Event,
}

/// What happened.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "enabled", derive(Serialize, Deserialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Event {
    /// An alert fires, is worse, or is over.
    Alert(AlertEvent),
    /// An alert is in another phase: pending and cooling down are among them. Only while somebody
    /// reads events.
    AlertPhase(AlertTransition),
    /// The leak detector's verdict on something is worse than before.
    Leak(LeakFinding),
    /// The level of memory pressure is another one.
    Pressure(PressureChange),
    /// Memory was returned because of pressure.
    Relief(Relief),
    /// Functions are measured at other rates. Those that the budget sets are told only while
    /// somebody reads events: one that usually is four times higher or lower than it was told last,
    /// and a function that begins or ceases to rest.
    Rates(RateChanges),
    /// A bundle of evidence was made, or could not be.
    Bundle(BundleState),
    /// Something was done about an alert, failed or was skipped; or it was judged whether it
    /// helped.
    Action(AlertRun),
    /// A flag was switched.
    Flag(FlagChange),
    /// The program said something, such as that it was deployed: see [`mark`](crate::mark).
    Mark(Mark),
    /// The reader was slow: so many events before this one are lost to it. The number and the time
    /// of the record are those of the last of them.
    Lost(u64),
}

impl Event {
    /// Its kind, as in JSON: `alert`, `alert_phase`, `leak`, `pressure`, `relief`, `rates`,
    /// `bundle`, `action`, `flag`, `mark`, `lost`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Alert(_) => "alert",
            Self::AlertPhase(_) => "alert_phase",
            Self::Leak(_) => "leak",
            Self::Pressure(_) => "pressure",
            Self::Relief(_) => "relief",
            Self::Rates(_) => "rates",
            Self::Bundle(_) => "bundle",
            Self::Action(_) => "action",
            Self::Flag(_) => "flag",
            Self::Mark(_) => "mark",
            Self::Lost(_) => "lost",
        }
    }
}

/// Another level of memory pressure.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "enabled", derive(Serialize, Deserialize))]
#[non_exhaustive]
pub struct PressureChange {
    /// The level from now on.
    pub level: Pressure,
    /// Memory in use of what is closest to its limit.
    pub used_bytes: u64,
    /// Its limit.
    pub limit_bytes: u64,
}

/// Memory that was returned to the system.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "enabled", derive(Serialize, Deserialize))]
#[non_exhaustive]
pub struct Relief {
    /// The level of pressure for which it was done.
    pub level: Pressure,
    /// Memory in use before it, of what is closest to its limit.
    pub used_bytes: u64,
    /// The limit.
    pub limit_bytes: u64,
    /// Objects of pools that were dropped.
    pub trimmed: u64,
    /// How long it took, in seconds.
    pub took_seconds: f64,
}

/// Rates that changed together.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "enabled", derive(Serialize, Deserialize))]
#[non_exhaustive]
pub struct RateChanges {
    /// What changed them: `budget`, `program`, or `alert`.
    pub by: String,
    /// Twenty of them at most.
    pub changes: Vec<RateChange>,
    /// How many more there were.
    pub further: u64,
}

/// Another rate of a function.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "enabled", derive(Serialize, Deserialize))]
#[non_exhaustive]
pub struct RateChange {
    /// The function; if the program or an alert changed it, the pattern or the name.
    pub function: String,
    /// One call in so many was measured. `None` if it is not known.
    pub before: Option<u32>,
    /// One call in so many is measured; 0: none. `None`: as the attribute and the budget say.
    pub now: Option<u32>,
    /// From now on it rests, with the rate 0: it has so many calls that they are estimated, and
    /// counted in short moments only.
    #[cfg_attr(feature = "enabled", serde(default))]
    pub rests: bool,
}

/// A flag that was switched.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "enabled", derive(Serialize, Deserialize))]
#[non_exhaustive]
pub struct FlagChange {
    /// Its name.
    pub flag: String,
    /// Whether it is wanted from now on by who switched it. It is on as long as somebody wants it.
    pub on: bool,
    /// Who switched it: `program` or `alert`.
    pub by: String,
}

/// What the program said.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "enabled", derive(Serialize, Deserialize))]
#[non_exhaustive]
pub struct Mark {
    /// The text: one line.
    pub text: String,
}
