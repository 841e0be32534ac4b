//! Targets in a file of TOML.

use std::ops::Range;

use toml_span::value::{Table, ValueInner};
use toml_span::{Span, Value};

use super::definition::Target;
use super::list::Targets;
use crate::expression::{ExpressionError, Source, error_at, nearest, parse_comparison, parse_share, parse_time};

const KEYS: [&str; 7] = ["name", "that", "window", "objective", "period", "min_events", "margin"];

impl Targets {
    /// The targets of a file. Messages name `place`, with line and column.
    ///
    /// ```
    /// let targets = perf_sdk::target::Targets::parse_toml(
    ///     r#"
    ///     [[target]]
    ///     name = "search is fast"
    ///     that = 'p95("search") < 100ms'
    ///     window = "5m"        # or over 5m in the expression
    ///     objective = "99.9%"  # of the calls, over the period
    ///     period = "30d"
    ///     min_events = 50
    ///     margin = "80%"       # of the limit: from here on it is at risk
    ///     "#,
    ///     "targets.toml",
    /// )?;
    /// assert_eq!(targets.iter().count(), 1);
    /// # Ok::<(), perf_sdk::target::ExpressionError>(())
    /// ```
    ///
    /// A list of expressions is allowed too: `target = ["cpu < 75%", "resident < 1GiB"]`. Only with
    /// the feature `toml`.
    ///
    /// # Errors
    /// A mistake in the file or in an expression, and two targets of one name.
    pub fn parse_toml(text: &str, place: &str) -> Result<Self, ExpressionError> {
        let file = File { text, place };
        let parsed = toml_span::parse(text)
            .map_err(|error| file.error(error.span.start, &error.kind.to_string(), "TOML with tables [[target]]"))?;
        let mut targets = Self::new();
        let Some(root) = parsed.as_table() else { return Ok(targets) };
        for (key, value) in root {
            if key.name != "target" {
                return Err(file.error(key.span.start, &key.name, "tables [[target]]"));
            }
            let Some(entries) = value.as_array() else {
                return Err(file.error(key.span.start, &key.name, "tables [[target]], or a list of expressions"));
            };
            for entry in entries {
                file.add(entry, &mut targets)?;
            }
        }
        Ok(targets)
    }
}

struct File<'a> {
    text: &'a str,
    place: &'a str,
}

impl File<'_> {
    fn error(&self, at: usize, value: &str, allowed: &str) -> ExpressionError {
        error_at(self.place, self.text, at, value, allowed.to_owned())
    }

    fn add(&self, entry: &Value<'_>, to: &mut Targets) -> Result<(), ExpressionError> {
        let (target, named_at) = match entry.as_ref() {
            ValueInner::Table(table) => self.target(table, entry.span)?,
            ValueInner::String(_) => (Target::of(self.read(entry, "that", parse_comparison)?), entry.span.start),
            other => {
                let allowed = "a table [[target]], or an expression in quotes";
                return Err(self.error(entry.span.start, &format!("of type {}", other.type_str()), allowed));
            }
        };
        let title = target.title();
        to.push(target).map_err(|allowed| self.error(named_at, &title, allowed))
    }

    /// A target, and where its name is.
    fn target(&self, table: &Table<'_>, span: Span) -> Result<(Target, usize), ExpressionError> {
        if let Some((key, _)) = table.iter().find(|(key, _)| !KEYS.contains(&key.name.as_ref())) {
            let hint = nearest(&key.name, KEYS).map(|meant| format!("; did you mean {meant}?")).unwrap_or_default();
            return Err(self.error(key.span.start, &key.name, &format!("{}{hint}", KEYS.join(", "))));
        }
        let Some(that) = table.get("that") else {
            return Err(self.error(span.start, "without that", "that = 'p95(\"search\") < 100ms'"));
        };
        let mut target = Target::of(self.read(that, "that", parse_comparison)?);
        if let Some(name) = table.get("name") {
            target.name = Some(self.string(name, "name")?.to_owned());
        }
        let time = |key| table.get(key).map(|value| self.read(value, key, parse_time)).transpose();
        let share = |key| {
            let read = table.get(key).map(|value| self.read(value, key, parse_share)).transpose();
            read.map(|quantity| quantity.map(|quantity| quantity.value()))
        };
        (target.window, target.period) = (time("window")?, time("period")?);
        (target.objective, target.margin) = (share("objective")?, share("margin")?);
        if let Some(events) = table.get("min_events") {
            let number = events.as_integer().and_then(|number| u64::try_from(number).ok());
            let wrong =
                || self.error(events.span.start, self.slice(events.span), "min_events as a whole number from 0");
            target.min_events = Some(number.ok_or_else(wrong)?);
        }
        if let Some(fault) = target.fault() {
            let at = table.get(fault.key).map_or(span, |value| value.span);
            return Err(self.error(at.start, self.slice(at), &fault.allowed));
        }
        Ok((target, table.get("name").unwrap_or(that).span.start))
    }

    fn slice(&self, span: Span) -> &str {
        self.text.get(Range::from(span)).unwrap_or_default()
    }

    fn string<'b>(&self, value: &'b Value<'_>, key: &str) -> Result<&'b str, ExpressionError> {
        let wrong = || {
            let value_type = format!("of type {}", value.as_ref().type_str());
            self.error(value.span.start, &value_type, &format!("{key} as a text in quotes"))
        };
        value.as_str().ok_or_else(wrong)
    }

    fn read<T>(
        &self,
        value: &Value<'_>,
        key: &str,
        parse: fn(&Source<'_>) -> Result<T, ExpressionError>,
    ) -> Result<T, ExpressionError> {
        let text = self.string(value, key)?;
        parse(&Source::of_string(text, self.place, self.text, value.span.into()))
    }
}
