//! A rule.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::action::AlertAction;
#[cfg(feature = "enabled")]
use super::action::{AlertCommand, Bounds};
use super::state::AlertSeverity;
use crate::expression::{Condition, Event, ExpressionError, Quantity, Rule, Source, parse_rule};
use crate::rate::Rate;

const MOST_NAME: usize = 200;
const MOST_SUMMARY: usize = 1_000;

/// The number of actions of a rule, and of runs of each within an hour: by default, and at most.
const MOST_ACTIONS: usize = 8;
const RUNS: u32 = 5;
const MOST_RUNS: u32 = 3_600;
/// An alert whose condition ended within this time after an action recovered.
const JUDGED_AFTER: Duration = Duration::from_secs(300);
const MOST_JUDGED_AFTER: Duration = Duration::from_secs(86_400);

/// How long an alert fires before it becomes worse.
const WORSE_AFTER: Duration = Duration::from_secs(3_600);
/// The time over which a metric is taken, if the rule has no `over`.
pub(super) const WINDOW: Duration = Duration::from_secs(60);
/// How long an alert goes on after its condition ended, if its rule has no `keep`.
const KEEP: Duration = Duration::from_secs(60);

/// What ought not to be so.
///
/// ```
/// use perf_sdk::alert::AlertRule;
///
/// let rule = AlertRule::new("cpu > 90% AND rate(\"search\") < 10/s for 1m")?.name("busy, and nothing done");
/// assert_eq!(rule.to_string(), "cpu > 90% AND rate(\"search\") < 10/s for 1m");
/// let error = AlertRule::new("cpu > 90").unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "alert:1:7 is \"90\"; allowed: for cpu, which is a share: a percentage, such as 90%"
/// );
/// # Ok::<(), perf_sdk::alert::ExpressionError>(())
/// ```
///
/// `docs/alerts.md` describes the language.
#[derive(Clone, Debug, PartialEq)]
pub struct AlertRule {
    pub(super) rule: Rule,
    pub(super) name: Option<String>,
    pub(super) severity: AlertSeverity,
    pub(super) summary: String,
    pub(super) parent: Option<String>,
    pub(super) evidence: bool,
    pub(super) flag: Option<String>,
    pub(super) actions: Vec<AlertAction>,
    pub(super) runs: u32,
    pub(super) judged_after: Duration,
    pub(super) is_shipped: bool,
}

/// What is wrong with a rule: the key, its value, and what is allowed.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) key: &'static str,
    pub(super) value: String,
    pub(super) allowed: &'static str,
}

impl AlertRule {
    /// A rule that has an expression, and defaults: a warning without a name; `every` is an info.
    ///
    /// # Errors
    /// A mistake in the expression.
    pub fn new(that: &str) -> Result<Self, ExpressionError> {
        parse_rule(&Source::of(that, "alert")).map(Self::of)
    }

    pub(super) fn of(rule: Rule) -> Self {
        // What happens regularly is no fault.
        let severity = if rule.condition.is_moment() { AlertSeverity::Info } else { AlertSeverity::default() };
        Self {
            rule,
            name: None,
            severity,
            summary: String::new(),
            parent: None,
            evidence: true,
            flag: None,
            actions: Vec::new(),
            runs: RUNS,
            judged_after: JUDGED_AFTER,
            is_shipped: false,
        }
    }

    /// Its name, which no other rule has: at most 200 characters. By default the expression. One
    /// that is the name of a shipped rule replaces it.
    #[must_use]
    pub fn name(self, name: impl Into<String>) -> Self {
        Self { name: Some(name.into()), ..self }
    }

    /// How bad its alerts are. A warning that fires for an hour becomes critical. `burn` says by
    /// itself how bad it is.
    #[must_use]
    pub fn severity(self, severity: AlertSeverity) -> Self {
        Self { severity, ..self }
    }

    /// What it means and what to do, for people: at most 1,000 characters.
    #[must_use]
    pub fn summary(self, summary: impl Into<String>) -> Self {
        Self { summary: summary.into(), ..self }
    }

    /// The name of a rule that explains this one. While it fires, nobody is told of this one.
    #[must_use]
    pub fn explained_by(self, rule: impl Into<String>) -> Self {
        Self { parent: Some(rule.into()), ..self }
    }

    /// Whether a bundle of evidence is made when it fires, which is so by default.
    #[must_use]
    pub fn evidence(self, evidence: bool) -> Self {
        Self { evidence, ..self }
    }

    /// The [flag](crate::flag) that is on while it fires and cools down.
    #[must_use]
    pub fn flag(self, flag: impl Into<String>) -> Self {
        Self { flag: Some(flag.into()), ..self }
    }

    /// Adds something that is done when it fires, after people were told: at most eight, and each
    /// but [`Command`](AlertAction::Command) once. Afterwards it is judged whether that helped
    /// ([`AlertRun`](super::AlertRun)).
    ///
    /// ```
    /// use perf_sdk::alert::{AlertAction, AlertCommand, AlertRule};
    ///
    /// let rule = AlertRule::new("memory > 90%")?
    ///     .action(AlertAction::Purge)
    ///     .action(AlertAction::Command(AlertCommand::new("/usr/local/bin/drop-caches")));
    /// # drop(rule);
    /// # Ok::<(), perf_sdk::alert::ExpressionError>(())
    /// ```
    ///
    /// None is begun while a rule that explains this one fires, and while nearly all threads of the
    /// control group wait for a processor or for memory.
    #[must_use]
    pub fn action(mut self, action: AlertAction) -> Self {
        self.actions.push(action);
        self
    }

    /// How often each of its actions may run within an hour: 5 times by default, 1 to 3,600. Those
    /// that go with the alert, flags and rates, are not counted.
    #[must_use]
    pub fn runs_an_hour(self, runs: u32) -> Self {
        Self { runs, ..self }
    }

    /// Within which time after an action the alert must be over, besides the time of `keep`, so
    /// that it helped: 5 minutes by default, 1 second to 1 day.
    #[must_use]
    pub fn judged_after(self, time: Duration) -> Self {
        Self { judged_after: time, ..self }
    }

    /// Its name, or its expression.
    #[must_use]
    pub fn title(&self) -> String {
        self.name.clone().unwrap_or_else(|| self.rule.to_string())
    }

    /// How bad its alerts are at first.
    #[must_use]
    pub fn first_severity(&self) -> AlertSeverity {
        self.severity
    }

    /// The name of the rule that explains it.
    #[must_use]
    pub fn parent(&self) -> Option<&str> {
        self.parent.as_deref()
    }

    /// Whether a bundle of evidence is made when it fires.
    #[cfg(feature = "flight")]
    pub(crate) fn wants_evidence(&self) -> bool {
        self.evidence
    }

    #[cfg_attr(not(feature = "enabled"), allow(dead_code))]
    pub(crate) fn actions(&self) -> &[AlertAction] {
        &self.actions
    }

    #[cfg_attr(not(feature = "enabled"), allow(dead_code))]
    pub(crate) fn wanted_flag(&self) -> Option<&str> {
        self.flag.as_deref()
    }

    /// How its actions are bounded and judged.
    #[cfg(feature = "enabled")]
    pub(crate) fn bounds(&self) -> Bounds {
        let judged_after = (self.keep() + self.judged_after).as_secs();
        let judged_after = (!self.rule.condition.is_moment()).then_some(judged_after);
        Bounds { runs: Some(self.runs), judged_after }
    }

    /// The rate of its functions while it fires.
    #[cfg_attr(not(feature = "enabled"), allow(dead_code))]
    pub(super) fn sampling(&self) -> Option<Rate> {
        self.actions.iter().find_map(|action| match action {
            AlertAction::Sampling(rate) => Some(*rate),
            _ => None,
        })
    }

    /// Whether the subjects of its alerts are functions.
    pub(super) fn is_of_functions(&self) -> bool {
        matches!(self.rule.condition, Condition::Event(Event::ErrorBurst))
    }

    pub(super) fn hold(&self) -> Duration {
        self.rule.hold.and_then(Quantity::duration).unwrap_or_default()
    }

    pub(super) fn keep(&self) -> Duration {
        self.rule.keep.and_then(Quantity::duration).unwrap_or(KEEP)
    }

    /// How long an alert of this severity fires before it is worse. `None` if it does not become
    /// so.
    pub(super) fn worse_after(severity: AlertSeverity) -> Option<Duration> {
        (severity == AlertSeverity::Warning).then_some(WORSE_AFTER)
    }

    pub(super) fn fault(&self) -> Option<Fault> {
        let is_plain = |text: &str| !text.trim().is_empty() && !text.chars().any(char::is_control);
        let names = [("name", &self.name), ("explained_by", &self.parent), ("flag", &self.flag)];
        for (key, name) in names.into_iter().filter_map(|(key, name)| Some((key, name.as_ref()?))) {
            if !is_plain(name) || name.chars().count() > MOST_NAME {
                return Some(Fault {
                    key,
                    value: name.clone(),
                    allowed: "1 to 200 characters without control characters",
                });
            }
        }
        if self.parent.is_some() && self.parent == Some(self.title()) {
            return Some(Fault { key: "explained_by", value: self.title(), allowed: "the name of another rule" });
        }
        if let Some(fault) = self.fault_of_actions() {
            return Some(fault);
        }
        let is_long = self.summary.chars().count() > MOST_SUMMARY;
        is_long.then(|| Fault { key: "summary", value: self.summary.clone(), allowed: "at most 1000 characters" })
    }
}

impl AlertRule {
    fn fault_of_actions(&self) -> Option<Fault> {
        let fault = |key, value: String, allowed| Some(Fault { key, value, allowed });
        let command = |action: &AlertAction| match action {
            AlertAction::Command(command) => command.fault(),
            _ => None,
        };
        if let Some((key, value, allowed)) = self.actions.iter().find_map(command) {
            return fault(key, value, allowed);
        }
        if self.actions.len() > MOST_ACTIONS {
            return fault("action", self.actions.len().to_string(), "at most 8 actions");
        }
        let kinds: Vec<_> = self.actions.iter().map(AlertAction::kind).collect();
        let is_twice =
            |at: &usize| !matches!(self.actions[*at], AlertAction::Command(_)) && kinds[..*at].contains(&kinds[*at]);
        if let Some(twice) = (0..kinds.len()).find(is_twice) {
            return fault("action", kinds[twice].name().to_owned(), "each action but command once");
        }
        let names_functions = self.is_of_functions() || !self.rule.condition.functions().is_empty();
        if let Some(rate) = self.sampling().filter(|_| !names_functions) {
            let allowed = "in a rule that names a function, such as p99(\"search\") > 250ms, or errors(burst)";
            return fault("sampling", rate.to_string(), allowed);
        }
        if !cfg!(feature = "pool") && cfg!(feature = "enabled") {
            let memory = self.actions.iter().find(|action| matches!(action, AlertAction::Trim | AlertAction::Purge));
            if let Some(action) = memory {
                return fault(action.kind().name(), "true".to_owned(), "with the feature pool only");
            }
        }
        if !(1..=MOST_RUNS).contains(&self.runs) {
            return fault("runs", self.runs.to_string(), "1 to 3600 runs of each action within an hour");
        }
        let is_allowed = (Duration::from_secs(1)..=MOST_JUDGED_AFTER).contains(&self.judged_after);
        if is_allowed {
            None
        } else {
            fault("judged_after", format!("{:?}", self.judged_after), "a time from 1s to 24h")
        }
    }

    /// The command of all rules that have none of their own.
    #[cfg(feature = "enabled")]
    pub(super) fn or_command(&mut self, command: &AlertCommand) {
        let has_one = self.actions.iter().any(|action| matches!(action, AlertAction::Command(_)));
        if !has_one {
            self.actions.push(AlertAction::Command(command.clone()));
        }
    }
}

/// The expression.
impl fmt::Display for AlertRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.rule.fmt(f)
    }
}

impl FromStr for AlertRule {
    type Err = ExpressionError;

    fn from_str(text: &str) -> Result<Self, ExpressionError> {
        Self::new(text)
    }
}
