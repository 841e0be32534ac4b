//! What came of judging alerts: data.

use std::fmt;

#[cfg(feature = "enabled")]
use serde::{Deserialize, Serialize};

use super::action::AlertActionKind;

/// How bad it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "enabled", derive(Serialize, Deserialize), serde(rename_all = "lowercase"))]
#[non_exhaustive]
pub enum AlertSeverity {
    /// Good to know.
    Info,
    /// Somebody should look at it in working hours.
    #[default]
    Warning,
    /// Somebody should look at it now.
    Critical,
}

impl AlertSeverity {
    /// `info`, `warning` or `critical`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }

    #[cfg(feature = "toml")]
    pub(super) fn named(name: &str) -> Option<Self> {
        [Self::Info, Self::Warning, Self::Critical].into_iter().find(|severity| severity.name() == name)
    }
}

impl fmt::Display for AlertSeverity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Where an alert is in its life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "enabled", derive(Serialize, Deserialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum AlertPhase {
    /// It is not so.
    #[default]
    Inactive,
    /// It is so, but not yet for as long as its rule says.
    Pending,
    /// It is so.
    Firing,
    /// It was so a moment ago, and may be so again.
    CoolingDown,
}

impl AlertPhase {
    /// `inactive`, `pending`, `firing` or `cooling_down`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Inactive => "inactive",
            Self::Pending => "pending",
            Self::Firing => "firing",
            Self::CoolingDown => "cooling_down",
        }
    }

    /// Whether people were told of it, and not yet that it is over.
    #[must_use]
    pub fn is_active(self) -> bool {
        matches!(self, Self::Firing | Self::CoolingDown)
    }
}

/// In words: `cooling down`.
impl fmt::Display for AlertPhase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name().replace('_', " "))
    }
}

/// All rules at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "enabled", derive(Serialize, Deserialize))]
#[non_exhaustive]
pub struct Alerts {
    /// Nanoseconds since the Unix epoch.
    pub at_unix_ns: u64,
    /// Those of the program in the order in which they were added, then those that are shipped.
    pub rules: Vec<AlertRuleState>,
    /// How many actions came to which end, since the start of the profiler.
    #[cfg_attr(feature = "enabled", serde(default))]
    pub actions: Vec<AlertActionTotal>,
}

/// One rule at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "enabled", derive(Serialize, Deserialize))]
#[non_exhaustive]
pub struct AlertRuleState {
    /// Its name, or its expression.
    pub name: String,
    /// Its expression.
    pub expression: String,
    /// What it means, for people.
    pub summary: String,
    /// How bad its alerts are at first.
    pub severity: AlertSeverity,
    /// Whether it is there by default.
    pub is_shipped: bool,
    /// Why it cannot be judged now: nothing happened, no such name, no history. Empty if it can.
    pub reason: String,
    /// Its alerts that are not inactive: one, or one for each leak, target, pool or function.
    pub alerts: Vec<AlertState>,
}

/// One alert at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "enabled", derive(Serialize, Deserialize))]
#[non_exhaustive]
pub struct AlertState {
    /// Which of several alerts of its rule it is: a leak's place, a target's name, labels. Empty
    /// if there is only one.
    pub subject: String,
    /// 16 hexadecimal digits that are the same for the same rule and subject, in each process.
    pub fingerprint: String,
    /// Its phase.
    pub phase: AlertPhase,
    /// A warning becomes critical after it has fired for an hour.
    pub severity: AlertSeverity,
    /// The values that made it so, as text: `p99("search") is 312 ms over 1m, which is > 250ms`.
    pub evidence: String,
    /// Since when it is pending or fires, in nanoseconds since the Unix epoch.
    pub since_unix_ns: u64,
    /// The rule that fires and explains this one, so that nobody was told of it. Empty if people
    /// were.
    pub explained_by: String,
    /// The bundle of evidence that was made when it fired, or that it joined. Empty if there is
    /// none.
    #[cfg_attr(feature = "enabled", serde(default))]
    pub bundle: String,
}

/// What is so, and what happened.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "enabled", derive(Serialize, Deserialize))]
#[non_exhaustive]
pub struct AlertsReport {
    /// All rules now.
    pub now: Alerts,
    /// The last 1,000 changes, the latest first.
    pub events: Vec<AlertEvent>,
    /// The last 1,000 things that were done about them, the latest first.
    #[cfg_attr(feature = "enabled", serde(default))]
    pub runs: Vec<AlertRun>,
}

impl AlertsReport {
    /// What was done when this happened, in the order in which it was begun.
    pub fn runs_of(&self, event: &AlertEvent) -> impl Iterator<Item = &AlertRun> {
        let (fingerprint, at) = (event.fingerprint.clone(), event.at_unix_ns);
        let is_of = move |run: &&AlertRun| run.changed_at_unix_ns == at && run.fingerprint == fingerprint;
        self.runs.iter().rev().filter(is_of)
    }
}

/// What came of something that was done about an alert.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "enabled", derive(Serialize, Deserialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum AlertOutcome {
    /// It goes on, or waits for its turn.
    #[default]
    Running,
    /// It was done. A remedy is judged later; nothing else is.
    Done,
    /// The alert was over in the time after it.
    Recovered,
    /// The alert was not over by then.
    NoEffect,
    /// It could not be done.
    Failed,
    /// It was not begun: it ran too often, or there was no room or no processor for it.
    Skipped,
}

impl AlertOutcome {
    /// `running`, `done`, `recovered`, `no_effect`, `failed` or `skipped`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Done => "done",
            Self::Recovered => "recovered",
            Self::NoEffect => "no_effect",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }
}

/// In words: `no effect`.
impl fmt::Display for AlertOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name().replace('_', " "))
    }
}

/// Something that was done about an alert.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "enabled", derive(Serialize, Deserialize))]
#[non_exhaustive]
pub struct AlertRun {
    /// Tells it from others.
    pub number: u64,
    /// When it was begun, in nanoseconds since the Unix epoch.
    pub at_unix_ns: u64,
    /// The name of the rule.
    pub rule: String,
    /// As [`AlertState::subject`].
    pub subject: String,
    /// As [`AlertState::fingerprint`].
    pub fingerprint: String,
    /// The [time](AlertEvent::at_unix_ns) of the change for which it was done.
    pub changed_at_unix_ns: u64,
    /// What was done.
    pub action: AlertActionKind,
    /// What came of it.
    pub outcome: AlertOutcome,
    /// What exactly was done, or why it was not: the command and its exit, a flag, a bundle.
    pub detail: String,
    /// The first 4 KiB of what a command wrote.
    pub output: String,
    /// How often it was tried.
    pub attempts: u32,
    /// How long the last attempt took, in seconds.
    pub took_seconds: f64,
    /// When its outcome was known, in nanoseconds since the Unix epoch. 0 if it is not.
    pub judged_at_unix_ns: u64,
}

/// How often an action came to one end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "enabled", derive(Serialize, Deserialize))]
#[non_exhaustive]
pub struct AlertActionTotal {
    /// The action.
    pub action: AlertActionKind,
    /// The end.
    pub outcome: AlertOutcome,
    /// How often.
    pub number: u64,
}

/// What happened to an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "enabled", derive(Serialize, Deserialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum AlertChange {
    /// It fires.
    Fired,
    /// It fires for so long that it is worse.
    Escalated,
    /// It is over.
    Resolved,
}

impl AlertChange {
    /// `fired`, `escalated` or `resolved`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Fired => "fired",
            Self::Escalated => "escalated",
            Self::Resolved => "resolved",
        }
    }
}

impl fmt::Display for AlertChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// An alert that changed.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "enabled", derive(Serialize, Deserialize))]
#[non_exhaustive]
pub struct AlertEvent {
    /// Nanoseconds since the Unix epoch.
    pub at_unix_ns: u64,
    /// The name of the rule.
    pub rule: String,
    /// As [`AlertState::subject`].
    pub subject: String,
    /// As [`AlertState::fingerprint`].
    pub fingerprint: String,
    /// What happened.
    pub change: AlertChange,
    /// How bad it is since.
    pub severity: AlertSeverity,
    /// As [`AlertState::evidence`]: of an alert that is over, what it was last.
    pub evidence: String,
    /// The value that made it so, in bytes, seconds, shares of 1 or numbers. `None` if there is not
    /// one value, as of leaks and of several conditions.
    #[cfg_attr(feature = "enabled", serde(default))]
    pub value: Option<f64>,
    /// What the rule means, for people.
    pub summary: String,
    /// When it fired, in nanoseconds since the Unix epoch.
    pub since_unix_ns: u64,
    /// For how long it fired.
    pub fired_seconds: f64,
    /// The rule that explains it, so that nobody is told. Empty if people are.
    pub explained_by: String,
    /// The bundle of evidence that was made of it, or that it joined. Empty if there is none.
    #[cfg_attr(feature = "enabled", serde(default))]
    pub bundle: String,
}

/// An alert that is in another phase.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "enabled", derive(Serialize, Deserialize))]
#[non_exhaustive]
pub struct AlertTransition {
    /// The name of the rule.
    pub rule: String,
    /// As [`AlertState::subject`].
    pub subject: String,
    /// As [`AlertState::fingerprint`].
    pub fingerprint: String,
    /// The phase in which it was.
    pub from: AlertPhase,
    /// The phase in which it is.
    pub to: AlertPhase,
    /// As [`AlertState::evidence`].
    pub evidence: String,
}

impl AlertEvent {
    /// The name of the rule, and the subject if there is one.
    #[must_use]
    pub fn title(&self) -> String {
        title(&self.rule, &self.subject)
    }
}

pub(crate) fn title(rule: &str, subject: &str) -> String {
    if subject.is_empty() { rule.to_owned() } else { format!("{rule}: {subject}") }
}

impl Alerts {
    /// All alerts that fire or cool down, each with its rule: what people were told of.
    pub fn active(&self) -> impl Iterator<Item = (&AlertRuleState, &AlertState)> {
        self.all().filter(|(_, alert)| alert.phase.is_active())
    }

    fn all(&self) -> impl Iterator<Item = (&AlertRuleState, &AlertState)> {
        self.rules.iter().flat_map(|rule| rule.alerts.iter().map(move |alert| (rule, alert)))
    }

    /// All alerts in this phase, each with its rule.
    pub fn in_phase(&self, phase: AlertPhase) -> impl Iterator<Item = (&AlertRuleState, &AlertState)> {
        self.all().filter(move |(_, alert)| alert.phase == phase)
    }
}
