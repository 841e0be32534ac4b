//! Targets together.

use std::collections::HashSet;

use super::definition::Target;
use crate::error::Error;
use crate::expression::{ExpressionError, Source, error_at, parse_list};

/// Targets, each of another name, in the order in which they were added.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Targets {
    pub(super) all: Vec<Target>,
    titles: HashSet<String>,
}

/// The maximum number of targets: each is judged at every turn.
const MOST: usize = 1_000;

impl Targets {
    /// None.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A list of expressions, separated by semicolons or ends of lines. Messages name `place`.
    ///
    /// ```
    /// let targets = perf_sdk::target::Targets::parse("cpu < 75%; p95(search) < 100ms", "code")?;
    /// assert_eq!(targets.iter().count(), 2);
    /// # Ok::<(), perf_sdk::target::ExpressionError>(())
    /// ```
    ///
    /// # Errors
    /// A mistake in an expression, the same expression twice, or more than 1,000 of them.
    pub fn parse(text: &str, place: &str) -> Result<Self, ExpressionError> {
        let mut targets = Self::new();
        for (at, that) in parse_list(&Source::of(text, place))? {
            let target = Target::of(that);
            let title = target.title();
            targets.push(target).map_err(|allowed| error_at(place, text, at, &title, allowed.to_owned()))?;
        }
        Ok(targets)
    }

    /// Adds a target.
    ///
    /// # Errors
    /// [`Error::Setting`] if there is one of this name, or if an objective, a period, a margin or a
    /// window is not allowed.
    pub fn add(&mut self, target: Target) -> Result<(), Error> {
        let title = target.title();
        if let Some(fault) = target.fault() {
            let place = format!("{} of the target {title}", fault.key);
            return Err(Error::Setting { place, value: fault.value, allowed: fault.allowed });
        }
        let wrong =
            |allowed: &str| Error::Setting { place: "target".to_owned(), value: title, allowed: allowed.to_owned() };
        self.push(target).map_err(wrong)
    }

    /// Adds all targets of another list, or none.
    ///
    /// # Errors
    /// [`Error::Setting`] if two targets have the same name, or if there are more than 1,000.
    pub fn append(&mut self, others: Self) -> Result<(), Error> {
        let mut all = self.clone();
        others.all.into_iter().try_for_each(|target| all.add(target))?;
        *self = all;
        Ok(())
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Target> {
        self.all.iter()
    }

    /// The functions of the program that they are about.
    #[cfg_attr(not(feature = "enabled"), allow(dead_code))]
    pub(crate) fn functions(&self) -> impl Iterator<Item = &str> {
        self.all.iter().filter_map(|target| target.that.metric.profiled_function())
    }

    /// Adds a target, or says what is allowed.
    pub(super) fn push(&mut self, target: Target) -> Result<(), &'static str> {
        if self.all.len() == MOST {
            return Err("at most 1000 targets");
        }
        if !self.titles.insert(target.title()) {
            return Err("a name that no other target has");
        }
        self.all.push(target);
        Ok(())
    }
}
