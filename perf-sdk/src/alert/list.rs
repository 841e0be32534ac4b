//! Rules together.

use std::collections::{HashMap, HashSet};

#[cfg(feature = "enabled")]
use super::action::AlertCommand;
use super::definition::AlertRule;
use crate::error::Error;
use crate::expression::{ExpressionError, Source, error_at, nearest, parse_rules};

/// Rules, each of another name, in the order in which they were added.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AlertRules {
    pub(super) all: Vec<AlertRule>,
    titles: HashSet<String>,
}

/// The maximum number of rules.
const MOST: usize = 1_000;

impl AlertRules {
    /// None.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A list of expressions, separated by semicolons or ends of lines. Messages name `place`.
    ///
    /// ```
    /// let rules = perf_sdk::alert::AlertRules::parse("cpu > 90% for 5m; leak(suspect)", "code")?;
    /// assert_eq!(rules.iter().count(), 2);
    /// # Ok::<(), perf_sdk::alert::ExpressionError>(())
    /// ```
    ///
    /// # Errors
    /// A mistake in an expression, the same expression twice, or more than 1,000 of them.
    pub fn parse(text: &str, place: &str) -> Result<Self, ExpressionError> {
        let mut rules = Self::new();
        for (at, rule) in parse_rules(&Source::of(text, place))? {
            let rule = AlertRule::of(rule);
            let title = rule.title();
            rules.push(rule).map_err(|allowed| error_at(place, text, at, &title, allowed.to_owned()))?;
        }
        Ok(rules)
    }

    /// Adds a rule.
    ///
    /// # Errors
    /// [`Error::Setting`] if there is one of this name, or if its name or summary is not allowed.
    pub fn add(&mut self, rule: AlertRule) -> Result<(), Error> {
        let title = rule.title();
        if let Some(fault) = rule.fault() {
            let place = format!("{} of the alert {title}", fault.key);
            return Err(Error::Setting { place, value: fault.value, allowed: fault.allowed.to_owned() });
        }
        let wrong =
            |allowed: &str| Error::Setting { place: "alert".to_owned(), value: title, allowed: allowed.to_owned() };
        self.push(rule).map_err(wrong)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &AlertRule> {
        self.all.iter()
    }

    /// The functions of the program that they are about.
    #[cfg_attr(not(feature = "enabled"), allow(dead_code))]
    pub(crate) fn functions(&self) -> impl Iterator<Item = &str> {
        self.all.iter().flat_map(|rule| rule.rule.condition.functions())
    }

    /// Adds those of another list whose names are not there.
    #[cfg_attr(not(feature = "enabled"), allow(dead_code))]
    pub(crate) fn with(mut self, others: Self) -> Self {
        for rule in others.all {
            // One of the program replaces it.
            let _ = self.push(rule);
        }
        self
    }

    /// Each rule that is said to explain another one is there, and none explains itself through
    /// others: nobody would be told of any of them.
    ///
    /// # Errors
    /// [`Error::Setting`], with the names that are allowed.
    #[cfg_attr(not(feature = "enabled"), allow(dead_code))]
    pub(crate) fn check_parents(&self) -> Result<(), Error> {
        let parents: HashMap<String, Option<&str>> =
            self.all.iter().map(|rule| (rule.title(), rule.parent.as_deref())).collect();
        for rule in &self.all {
            let Some(parent) = rule.parent.as_deref() else { continue };
            let wrong = |allowed: String| {
                let place = format!("explained_by of the alert {}", rule.title());
                Err(Error::Setting { place, value: parent.to_owned(), allowed })
            };
            if !parents.contains_key(parent) {
                let names: Vec<String> = self.all.iter().map(AlertRule::title).collect();
                let meant = nearest(parent, names.iter().map(String::as_str));
                let hint = meant.map(|meant| format!("; did you mean {meant:?}?")).unwrap_or_default();
                return wrong(format!("the name of another alert: {}{hint}", names.join(", ")));
            }
            let above = std::iter::successors(Some(parent), |name| parents.get(*name).copied().flatten());
            if above.take(self.all.len()).any(|name| name == rule.title()) {
                return wrong("an alert that this one does not explain".to_owned());
            }
        }
        Ok(())
    }

    /// Runs this command when one fires, unless its rule has a command.
    #[cfg(feature = "enabled")]
    pub(crate) fn or_command(&mut self, command: Option<&AlertCommand>) {
        let Some(command) = command else { return };
        self.all.iter_mut().for_each(|rule| rule.or_command(command));
    }

    /// Adds a rule, or says what is allowed.
    pub(super) fn push(&mut self, rule: AlertRule) -> Result<(), &'static str> {
        if self.all.len() == MOST {
            return Err("at most 1000 alerts");
        }
        if !self.titles.insert(rule.title()) {
            return Err("a name that no other alert has");
        }
        self.all.push(rule);
        Ok(())
    }
}
