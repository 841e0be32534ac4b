//! Rules that need to know nothing of a program.

use super::definition::AlertRule;
use super::list::AlertRules;
use super::state::AlertSeverity;

/// Name, expression, severity, the rule that explains it, and what it means.
type Shipped = (&'static str, &'static str, AlertSeverity, &'static str, &'static str);

use AlertSeverity::{Critical, Info, Warning};

const RULES: &[Shipped] = &[
    (
        "cpu",
        "cpu > 95% over 5m for 5m",
        Info,
        "",
        "The process takes all of the processors that it may use. /flamegraph?weight=cpu says for what.",
    ),
    (
        "throttled",
        "throttled > 25% over 5m for 1m",
        Warning,
        "",
        "The control group's CPU quota stops the process in a quarter of its periods and more. \
         Raise the quota, or use fewer threads.",
    ),
    (
        "memory",
        "memory > 95% over 1m for 1m",
        Critical,
        "",
        "The control group's memory, without what it caches of files, is nearly used up: \
         the kernel ends the process at its limit. \
         /flamegraph?weight=live says who holds it.",
    ),
    (
        "memory will be full",
        "memory_full_in < 1h over 30m AND memory_full_in < 1h over 15m for 5m",
        Warning,
        "memory",
        "Memory has grown for half an hour in a way that reaches the control group's limit within one. \
         /leaks and /flamegraph?weight=live say who holds it.",
    ),
    (
        "descriptors",
        "descriptors > 90% over 1m for 1m",
        Critical,
        "",
        "The process can open hardly any more files and connections. Look for some that are not closed.",
    ),
    (
        "errors",
        "errors(burst)",
        Warning,
        "",
        "A function fails far more often than it did in the hour before. The first page has the text of its last error, where the attribute says error = display.",
    ),
    ("leak", "leak(confirmed)", Critical, "", "Objects are allocated and never freed. /leaks has the places."),
    ("target", "target(missed) for 1m", Warning, "", "A figure is not what it ought to be. /targets has all of them."),
    (
        "runtime",
        "mean(tokio_busy_ratio) > 95% over 1m for 1m",
        Warning,
        "",
        "The workers of the tokio runtime are always busy, so that tasks wait for them. \
         Something may block them.",
    ),
    (
        "pool",
        "lowest(connection_pool_waiting) > 0 over 30s for 30s",
        Warning,
        "",
        "Somebody always waits for a connection. The pool is too small, or connections are kept too long.",
    ),
];

impl AlertRules {
    /// The rules that are there by default.
    ///
    /// ```
    /// let names: Vec<String> =
    ///     perf_sdk::alert::AlertRules::shipped().iter().map(|rule| rule.to_string()).collect();
    /// assert!(names.contains(&"leak(confirmed)".to_owned()));
    /// ```
    #[must_use]
    pub fn shipped() -> Self {
        let mut rules = Self::new();
        for (name, that, severity, parent, summary) in RULES {
            let Ok(rule) = AlertRule::new(that) else { continue };
            let rule = AlertRule {
                name: Some((*name).to_owned()),
                severity: *severity,
                summary: (*summary).to_owned(),
                parent: (!parent.is_empty()).then(|| (*parent).to_owned()),
                is_shipped: true,
                ..rule
            };
            let _ = rules.push(rule);
        }
        rules
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_of_them_are_there_and_their_parents_too() {
        let rules = AlertRules::shipped();
        assert_eq!(rules.iter().count(), RULES.len());
        for rule in rules.iter() {
            assert!(rule.fault().is_none() && !rule.summary.is_empty(), "{rule:?}");
            let is_there = |parent: &String| rules.iter().any(|other| other.title() == *parent);
            assert!(rule.parent.as_ref().is_none_or(is_there), "{rule:?}");
        }
    }
}
