//! Rules in a file of TOML.

use toml_span::value::Table;
use toml_span::{Span, Value};

use super::action::{AlertAction, AlertCommand};
use super::definition::AlertRule;
use super::list::AlertRules;
use super::state::AlertSeverity;
use crate::expression::{ExpressionError, File, FileEntry, parse_rule, parse_time};

const KEYS: [&str; 15] = [
    "name",
    "that",
    "severity",
    "summary",
    "explained_by",
    "evidence",
    "flag",
    "command",
    "timeout",
    "at_end",
    "sampling",
    "trim",
    "purge",
    "runs",
    "judged_after",
];

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
    ///     command = ["/bin/drop", "--all"] # is run when it fires; no shell
    ///     timeout = "10s"                  # of the command; 30s by default
    ///     at_end = true                    # the command is run once more when it is over
    ///     sampling = "always"              # of the functions in `that`, while it fires
    ///     # purge = true                   # or trim: unused memory is returned; feature `pool`
    ///     runs = 5                         # of each action within an hour
    ///     judged_after = "5m"              # by then it must be over, or the action did not help
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
    let is_true = |key: &str| match table.get(key) {
        None => Ok(false),
        Some(value) => value.as_bool().ok_or_else(|| file.error_in(value.span, "true or false")),
    };
    rule.actions.extend(command(file, table)?.map(AlertAction::Command));
    if let Some(value) = table.get("sampling") {
        let rate = file
            .string(value, "sampling")?
            .parse()
            .map_err(|_| file.error_in(value.span, "a rate: always, 1/2 to 1/4096, or a percentage"))?;
        rule.actions.push(AlertAction::Sampling(rate));
    }
    rule.actions.extend(is_true("trim")?.then_some(AlertAction::Trim));
    rule.actions.extend(is_true("purge")?.then_some(AlertAction::Purge));
    if let Some(value) = table.get("runs") {
        let runs = value.as_integer().and_then(|runs| u32::try_from(runs).ok());
        rule.runs = runs.ok_or_else(|| file.error_in(value.span, "1 to 3600 runs of each action within an hour"))?;
    }
    let time = |key| table.get(key).map(|value| file.read(value, key, parse_time)).transpose();
    if let Some(time) = time("judged_after")? {
        rule.judged_after = time;
    }
    if let Some(fault) = rule.fault() {
        let at = table.get(fault.key).map_or(span, |value| value.span);
        return Err(file.error_in(at, fault.allowed));
    }
    Ok((rule, table.get("name").unwrap_or(that).span.start))
}

/// The program and its arguments, with its times.
fn command(file: &File<'_>, table: &Table<'_>) -> Result<Option<AlertCommand>, ExpressionError> {
    let Some(value) = table.get("command") else {
        let needs = ["timeout", "at_end"].into_iter().find_map(|key| table.get(key));
        return match needs {
            Some(value) => Err(file.error_in(value.span, "beside a command")),
            None => Ok(None),
        };
    };
    let allowed = "a list of the program and its arguments, such as [\"/bin/drop\", \"--all\"]";
    let parts = value.as_array().ok_or_else(|| file.error_in(value.span, allowed))?;
    let text = |part: &Value<'_>| part.as_str().map(str::to_owned).ok_or_else(|| file.error_in(part.span, allowed));
    let mut parts = parts.iter().map(text);
    let program = parts.next().ok_or_else(|| file.error_in(value.span, allowed))??;
    let mut command = AlertCommand::new(program);
    for argument in parts {
        command = command.arg(argument?);
    }
    if let Some(value) = table.get("timeout") {
        command = command.timeout(file.read(value, "timeout", parse_time)?);
    }
    if let Some(value) = table.get("at_end") {
        command = command.at_end(value.as_bool().ok_or_else(|| file.error_in(value.span, "true or false"))?);
    }
    Ok(Some(command))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::rate::Rate;

    const THAT: &str = "[[alert]]\nthat = 'p99(search) > 250ms'\n";

    #[test]
    #[cfg(feature = "pool")]
    fn actions_are_read_and_have_defaults() {
        let text = format!(
            "{THAT}command = [\"/bin/drop\", \"a b\"]\ntimeout = \"1.5s\"\nat_end = true\nsampling = \"1/8\"\n\
             purge = true\ntrim = false\nruns = 9\njudged_after = \"2m\"\n"
        );
        let rules = AlertRules::parse_toml(&text, "a.toml").unwrap();
        let command = AlertCommand::new("/bin/drop").arg("a b").timeout(Duration::from_millis(1_500)).at_end(true);
        let expected = AlertRule::new("p99(search) > 250ms")
            .unwrap()
            .action(AlertAction::Command(command))
            .action(AlertAction::Sampling(Rate::one_in(8).unwrap()))
            .action(AlertAction::Purge)
            .runs_an_hour(9)
            .judged_after(Duration::from_secs(120));
        assert_eq!(rules.all, [expected]);
        let plain = AlertRules::parse_toml(THAT, "a.toml").unwrap();
        assert!(plain.all[0].actions.is_empty() && plain.all[0].runs == 5);
    }

    #[test]
    fn mistakes_in_actions_are_named_with_their_place() {
        let list = "a list of the program and its arguments, such as [\"/bin/drop\", \"--all\"]";
        for (line, message) in [
            ("command = \"rm -r x\"", format!("a.toml:3:12 is \"rm -r x\"; allowed: {list}")),
            ("command = []", format!("a.toml:3:11 is \"[]\"; allowed: {list}")),
            ("command = [\"a\", 1]", format!("a.toml:3:17 is \"1\"; allowed: {list}")),
            ("command = [\"\"]", "allowed: a program, with at most 4096 bytes".to_owned()),
            ("command = [\"a\"]\ntimeout = \"2h\"", "a.toml:4:12 is \"2h\"; allowed: a time from 1ms to 1h".to_owned()),
            ("command = [\"a\"]\ntimeout = \"soon\"", "a.toml:4:12 is \"soon\"".to_owned()),
            ("timeout = \"2s\"", "a.toml:3:12 is \"2s\"; allowed: beside a command".to_owned()),
            ("sampling = \"more\"", "a.toml:3:13 is \"more\"; allowed: a rate: always, 1/2 to 1/4096".to_owned()),
            ("trim = 1", "a.toml:3:8 is \"1\"; allowed: true or false".to_owned()),
            ("runs = 0", "a.toml:3:8 is \"0\"; allowed: 1 to 3600 runs of each action within an hour".to_owned()),
            ("judged_after = \"2d\"", "a.toml:3:17 is \"2d\"; allowed: a time from 1s to 24h".to_owned()),
        ] {
            let error = AlertRules::parse_toml(&format!("{THAT}{line}\n"), "a.toml").unwrap_err().to_string();
            assert!(error.contains(&message), "{line}: {message}: {error}");
        }
        let text = "[[alert]]\nthat = 'cpu > 9%'\nsampling = 'always'\n";
        let error = AlertRules::parse_toml(text, "a.toml").unwrap_err().to_string();
        assert!(error.contains("a.toml:3:13 is \"always\"; allowed: in a rule that names a function"), "{error}");
        let twice = AlertRule::new("cpu > 9%").unwrap().action(AlertAction::Trim).action(AlertAction::Trim);
        let error = AlertRules::new().add(twice).unwrap_err().to_string();
        assert!(error.contains("action of the alert cpu > 9% is \"trim\"") && error.contains("once"), "{error}");
    }
}
