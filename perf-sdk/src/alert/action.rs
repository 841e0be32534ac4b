//! What is done when an alert fires.

use std::fmt;
use std::time::Duration;

#[cfg(feature = "enabled")]
use serde::{Deserialize, Serialize};

use crate::rate::Rate;

/// The time that a command has, if nothing else is said, and at most.
const TIMEOUT: Duration = Duration::from_secs(30);
const MOST_TIMEOUT: Duration = Duration::from_secs(3_600);
const MOST_ARGUMENTS: usize = 100;
const MOST_TEXT: usize = 4_096;

/// What is done when an alert fires: see [`AlertRule::action`](super::AlertRule::action).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum AlertAction {
    /// A program is run.
    Command(AlertCommand),
    /// The functions that the rule names are measured at this rate while it fires and cools down,
    /// whatever the budget says. Of `errors(burst)`: the function that fails.
    Sampling(Rate),
    /// Pools are trimmed, and jemalloc returns pages that were unused for long: as at high memory
    /// pressure. Needs the feature `pool`.
    Trim,
    /// Pools are trimmed, and jemalloc returns all unused pages: as at critical memory pressure.
    /// Needs the feature `pool`.
    Purge,
}

impl AlertAction {
    /// Which one it is.
    #[must_use]
    pub fn kind(&self) -> AlertActionKind {
        match self {
            Self::Command(_) => AlertActionKind::Command,
            Self::Sampling(_) => AlertActionKind::Sampling,
            Self::Trim => AlertActionKind::Trim,
            Self::Purge => AlertActionKind::Purge,
        }
    }
}

/// The kinds of what may be done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "enabled", derive(Serialize, Deserialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum AlertActionKind {
    /// A bundle of evidence is made.
    #[default]
    Capture,
    /// A flag is switched on.
    Flag,
    /// A program is run.
    Command,
    /// Functions are measured more often.
    Sampling,
    /// Memory is returned that was unused for long.
    Trim,
    /// All unused memory is returned.
    Purge,
}

impl AlertActionKind {
    /// `capture`, `flag`, `command`, `sampling`, `trim` or `purge`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Capture => "capture",
            Self::Flag => "flag",
            Self::Command => "command",
            Self::Sampling => "sampling",
            Self::Trim => "trim",
            Self::Purge => "purge",
        }
    }

    /// Whether it may end an alert, so that it is judged by whether that happened. The others tell
    /// more about it.
    #[must_use]
    pub fn is_remedy(self) -> bool {
        matches!(self, Self::Flag | Self::Command | Self::Trim | Self::Purge)
    }

    /// Whether it is done so many times an hour at most.
    pub(crate) fn is_counted(self) -> bool {
        matches!(self, Self::Command | Self::Trim | Self::Purge)
    }
}

impl fmt::Display for AlertActionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A program that is run when an alert fires.
///
/// ```
/// use std::time::Duration;
/// use perf_sdk::alert::{AlertAction, AlertCommand, AlertRule};
///
/// let command = AlertCommand::new("/usr/local/bin/drop-caches").arg("--half").timeout(Duration::from_secs(10));
/// let rule = AlertRule::new("memory > 90%")?.action(AlertAction::Command(command));
/// # drop(rule);
/// # Ok::<(), perf_sdk::alert::ExpressionError>(())
/// ```
///
/// No shell is between: `AlertCommand::new("/bin/sh").arg("-c").arg("…")` is one. A program without
/// a slash is looked for in `PATH`. It has the environment of the process, and besides it
/// `PERF_ALERT_NAME`, `PERF_ALERT_STATE` (`firing`, or `resolved`), `PERF_ALERT_SEVERITY`,
/// `PERF_ALERT_SUBJECT`, `PERF_ALERT_EVIDENCE`, `PERF_ALERT_SUMMARY`, `PERF_ALERT_FINGERPRINT`,
/// `PERF_ALERT_SINCE` (seconds since 1970), `PERF_ALERT_BUNDLE`, and `PERF_ALERT_VALUE`, the value
/// in bytes, seconds or shares of 1, if there is one. It reads nothing, and the first 4 KiB of what
/// it writes are kept. After its time it is killed, with all of its process group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertCommand {
    program: String,
    arguments: Vec<String>,
    timeout: Duration,
    at_end: bool,
}

impl AlertCommand {
    /// A program without arguments, which has 30 s.
    #[must_use]
    pub fn new(program: impl Into<String>) -> Self {
        Self { program: program.into(), arguments: Vec::new(), timeout: TIMEOUT, at_end: false }
    }

    /// One more argument.
    #[must_use]
    pub fn arg(mut self, argument: impl Into<String>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// The time after which it is killed: 1 ms to 1 h.
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// Whether it is run once more when the alert is over, with the state `resolved`, if it was run
    /// when the alert fired. It is not by default.
    #[must_use]
    pub fn at_end(self, at_end: bool) -> Self {
        Self { at_end, ..self }
    }

    /// The program, without its arguments, which may be secret.
    #[cfg(feature = "enabled")]
    pub(crate) fn program(&self) -> &str {
        &self.program
    }

    #[cfg(feature = "enabled")]
    pub(crate) fn arguments(&self) -> &[String] {
        &self.arguments
    }

    #[cfg(feature = "enabled")]
    pub(crate) fn time(&self) -> Duration {
        self.timeout
    }

    #[cfg(feature = "enabled")]
    pub(crate) fn runs_at_end(&self) -> bool {
        self.at_end
    }

    /// What is wrong with it: the part, and what is allowed.
    pub(crate) fn fault(&self) -> Option<(&'static str, String, &'static str)> {
        let is_fine = |text: &String| text.len() <= MOST_TEXT && !text.contains('\0');
        if self.program.trim().is_empty() || !is_fine(&self.program) {
            return Some(("command", self.program.clone(), "a program, with at most 4096 bytes"));
        }
        if self.arguments.len() > MOST_ARGUMENTS {
            return Some(("command", self.program.clone(), "at most 100 arguments"));
        }
        if let Some(wrong) = self.arguments.iter().find(|argument| !is_fine(argument)) {
            let shown: String = wrong.chars().take(40).collect();
            return Some(("command", shown, "arguments of at most 4096 bytes, without the character 0"));
        }
        let is_allowed = (Duration::from_millis(1)..=MOST_TIMEOUT).contains(&self.timeout);
        (!is_allowed).then(|| ("timeout", format!("{:?}", self.timeout), "a time from 1ms to 1h"))
    }
}

/// The program and its arguments.
impl fmt::Display for AlertCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.program)?;
        self.arguments.iter().try_for_each(|argument| write!(f, " {argument}"))
    }
}

/// How a run is bounded, and judged.
#[cfg(feature = "enabled")]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// The number of runs of one action of one rule within an hour. `None`: any.
    pub(crate) runs: Option<u32>,
    /// Within how many seconds of its end an alert must be over. `None`: it is not judged.
    pub(crate) judged_after: Option<u64>,
}
