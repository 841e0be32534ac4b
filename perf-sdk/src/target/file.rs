//! Targets in a file of TOML.

use toml_span::Span;
use toml_span::value::Table;

use super::definition::Target;
use super::list::Targets;
use crate::expression::{ExpressionError, File, FileEntry, parse_comparison, parse_share, parse_time};

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
        let file = File::new(text, place, "target");
        let mut targets = Self::new();
        file.visit(|entry| {
            let (target, named_at) = match entry {
                FileEntry::Text(text) => (Target::of(file.read(text, "that", parse_comparison)?), text.span.start),
                FileEntry::Table(table, span) => target(&file, table, span)?,
            };
            let title = target.title();
            targets.push(target).map_err(|allowed| file.error(named_at, &title, allowed))
        })?;
        Ok(targets)
    }
}

/// A target, and where its name is.
fn target(file: &File<'_>, table: &Table<'_>, span: Span) -> Result<(Target, usize), ExpressionError> {
    let that = file.that(table, span, &KEYS, "p95(\"search\") < 100ms")?;
    let mut target = Target::of(file.read(that, "that", parse_comparison)?);
    target.name = file.text_of(table, "name")?;
    let time = |key| table.get(key).map(|value| file.read(value, key, parse_time)).transpose();
    let share = |key| {
        let read = table.get(key).map(|value| file.read(value, key, parse_share)).transpose();
        read.map(|quantity| quantity.map(|quantity| quantity.value()))
    };
    (target.window, target.period) = (time("window")?, time("period")?);
    (target.objective, target.margin) = (share("objective")?, share("margin")?);
    if let Some(events) = table.get("min_events") {
        let number = events.as_integer().and_then(|number| u64::try_from(number).ok());
        let wrong = || file.error_in(events.span, "min_events as a whole number from 0");
        target.min_events = Some(number.ok_or_else(wrong)?);
    }
    if let Some(fault) = target.fault() {
        let at = table.get(fault.key).map_or(span, |value| value.span);
        return Err(file.error_in(at, &fault.allowed));
    }
    Ok((target, table.get("name").unwrap_or(that).span.start))
}
