//! Lists of expressions in files of TOML: `[[target]]`, `[[alert]]`.

use std::ops::Range;

use toml_span::value::{Table, ValueInner};
use toml_span::{Span, Value};

use super::error::ExpressionError;
use super::source::{Source, error_at};
use super::suggestion::nearest;

/// A file with tables of one name, or a list of expressions with that name.
pub(crate) struct File<'a> {
    text: &'a str,
    place: &'a str,
    /// `target`
    kind: &'static str,
}

/// An entry of the file.
pub(crate) enum FileEntry<'a, 'b> {
    /// An expression in quotes.
    Text(&'a Value<'b>),
    /// A table, and its part of the file.
    Table(&'a Table<'b>, Span),
}

impl<'a> File<'a> {
    /// Messages name `place`, with line and column.
    pub(crate) fn new(text: &'a str, place: &'a str, kind: &'static str) -> Self {
        Self { text, place, kind }
    }

    /// Calls `each` with the entries.
    pub(crate) fn visit(
        &self,
        mut each: impl FnMut(FileEntry<'_, '_>) -> Result<(), ExpressionError>,
    ) -> Result<(), ExpressionError> {
        let kind = self.kind;
        let parsed = toml_span::parse(self.text).map_err(|error| {
            self.error(error.span.start, &error.kind.to_string(), &format!("TOML with tables [[{kind}]]"))
        })?;
        let Some(root) = parsed.as_table() else { return Ok(()) };
        for (key, value) in root {
            if key.name != kind {
                return Err(self.error(key.span.start, &key.name, &format!("tables [[{kind}]]")));
            }
            let Some(entries) = value.as_array() else {
                let allowed = format!("tables [[{kind}]], or a list of expressions");
                return Err(self.error(key.span.start, &key.name, &allowed));
            };
            for entry in entries {
                match entry.as_ref() {
                    ValueInner::Table(table) => each(FileEntry::Table(table, entry.span))?,
                    ValueInner::String(_) => each(FileEntry::Text(entry))?,
                    other => {
                        let allowed = format!("a table [[{kind}]], or an expression in quotes");
                        let value = format!("of type {}", other.type_str());
                        return Err(self.error(entry.span.start, &value, &allowed));
                    }
                }
            }
        }
        Ok(())
    }

    /// The mistake at this byte of the file.
    pub(crate) fn error(&self, at: usize, value: &str, allowed: &str) -> ExpressionError {
        error_at(self.place, self.text, at, value, allowed.to_owned())
    }

    /// The mistake that is this part of the file.
    pub(crate) fn error_in(&self, span: Span, allowed: &str) -> ExpressionError {
        self.error(span.start, self.text.get(Range::from(span)).unwrap_or_default(), allowed)
    }

    /// The expression of a table, which has no other keys than these.
    pub(crate) fn that<'t, 'v>(
        &self,
        table: &'t Table<'v>,
        span: Span,
        keys: &[&str],
        example: &str,
    ) -> Result<&'t Value<'v>, ExpressionError> {
        if let Some((key, _)) = table.iter().find(|(key, _)| !keys.contains(&key.name.as_ref())) {
            let meant = nearest(&key.name, keys.iter().copied());
            let hint = meant.map(|meant| format!("; did you mean {meant}?")).unwrap_or_default();
            return Err(self.error(key.span.start, &key.name, &format!("{}{hint}", keys.join(", "))));
        }
        let lacks = || self.error(span.start, "without that", &format!("that = '{example}'"));
        table.get("that").ok_or_else(lacks)
    }

    /// The text of a key.
    pub(crate) fn string<'b>(&self, value: &'b Value<'_>, key: &str) -> Result<&'b str, ExpressionError> {
        let wrong = || {
            let value_type = format!("of type {}", value.as_ref().type_str());
            self.error(value.span.start, &value_type, &format!("{key} as a text in quotes"))
        };
        value.as_str().ok_or_else(wrong)
    }

    /// The text of a key, if it is there.
    pub(crate) fn text_of(&self, table: &Table<'_>, key: &str) -> Result<Option<String>, ExpressionError> {
        table.get(key).map(|value| self.string(value, key).map(str::to_owned)).transpose()
    }

    /// What the text of a key means.
    pub(crate) fn read<T>(
        &self,
        value: &Value<'_>,
        key: &str,
        parse: fn(&Source<'_>) -> Result<T, ExpressionError>,
    ) -> Result<T, ExpressionError> {
        let text = self.string(value, key)?;
        parse(&Source::of_string(text, self.place, self.text, value.span.into()))
    }
}
