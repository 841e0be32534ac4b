//! A rule.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::state::AlertSeverity;
use crate::expression::{ExpressionError, Quantity, Rule, Source, parse_rule};

const MOST_NAME: usize = 200;
const MOST_SUMMARY: usize = 1_000;

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
        let is_long = self.summary.chars().count() > MOST_SUMMARY;
        is_long.then(|| Fault { key: "summary", value: self.summary.clone(), allowed: "at most 1000 characters" })
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
