//! Rules in a file of TOML.

use toml_span::Span;
use toml_span::value::Table;

use super::definition::AlertRule;
use super::list::AlertRules;
use super::state::AlertSeverity;
use crate::expression::{ExpressionError, File, FileEntry, parse_rule};

const KEYS: [&str; 7] = ["name", "that", "severity", "summary", "explained_by", "evidence", "flag"];

impl AlertRules {
    /// The rules of a file. Messages name `place`, with line and column.
    ///
    /// ```
    /// let rules = perf_sdk::alert::AlertRules::parse_toml(
    ///     r#"
    ///     [[alert]]
    ///     name = "search is slow"
    ///     that = 'p99("search") > 250ms for 30s keep 2m'
    ///     severity = "critical"            # info, warning or critical; warning by default
    ///     summary = "See the runbook."     # for people
    ///     explained_by = "cpu"             # while that rule fires, nobody is told of this one
    ///     evidence = false                 # no bundle is made when it fires
    ///     flag = "degrade"                 # flag!("degrade") is true while it fires
    ///     "#,
    ///     "alerts.toml",
    /// )?;
    /// assert_eq!(rules.iter().count(), 1);
    /// # Ok::<(), perf_sdk::alert::ExpressionError>(())
    /// ```
    ///
    /// A list of expressions is allowed too: `alert = ["cpu > 90% for 5m", "leak(suspect)"]`. Only
    /// with the feature `toml`.
    ///
    /// # Errors
    /// A mistake in the file or in an expression, and two rules of one name.
    pub fn parse_toml(text: &str, place: &str) -> Result<Self, ExpressionError> {
        let file = File::new(text, place, "alert");
        let mut rules = Self::new();
        file.visit(|entry| {
            let (rule, named_at) = match entry {
                FileEntry::Text(text) => (AlertRule::of(file.read(text, "that", parse_rule)?), text.span.start),
                FileEntry::Table(table, span) => rule(&file, table, span)?,
            };
            let title = rule.title();
            rules.push(rule).map_err(|allowed| file.error(named_at, &title, allowed))
        })?;
        Ok(rules)
    }
}

/// A rule, and where its name is.
fn rule(file: &File<'_>, table: &Table<'_>, span: Span) -> Result<(AlertRule, usize), ExpressionError> {
    let that = file.that(table, span, &KEYS, "cpu > 90% for 5m")?;
    let mut rule = AlertRule::of(file.read(that, "that", parse_rule)?);
    rule.name = file.text_of(table, "name")?;
    rule.parent = file.text_of(table, "explained_by")?;
    rule.flag = file.text_of(table, "flag")?;
    rule.summary = file.text_of(table, "summary")?.unwrap_or_default();
    if let Some(value) = table.get("severity") {
        let named = AlertSeverity::named(file.string(value, "severity")?);
        rule.severity = named.ok_or_else(|| file.error_in(value.span, "info, warning or critical"))?;
    }
    if let Some(value) = table.get("evidence") {
        rule.evidence = value.as_bool().ok_or_else(|| file.error_in(value.span, "true or false"))?;
    }
    if let Some(fault) = rule.fault() {
        let at = table.get(fault.key).map_or(span, |value| value.span);
        return Err(file.error_in(at, fault.allowed));
    }
    Ok((rule, table.get("name").unwrap_or(that).span.start))
}
