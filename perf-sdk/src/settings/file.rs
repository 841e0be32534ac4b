//! Settings in a TOML file: `key = value`, with the keys of the table.

use std::path::Path;
use std::{fs, io};

use toml_span::value::ValueInner;

use super::misspelt;
use super::setting::{SETTINGS, Setting};
use crate::error::Error;

/// The maximum size of the file, more than all settings together can take.
const MOST_BYTES: u64 = 1 << 20;

/// One entry of the file.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) key: &'static str,
    /// File, line and column.
    pub(super) place: String,
    /// The value as in the environment variable.
    pub(super) text: String,
}

/// Reads all entries of the file.
pub(super) fn read(path: &Path) -> Result<Vec<Line>, Error> {
    let text = text(path).map_err(|source| Error::Config { path: path.to_owned(), source })?;
    parse(&path.display().to_string(), &text)
}

/// The text of a file that a setting names.
pub(super) fn text(path: &Path) -> io::Result<String> {
    let size = fs::metadata(path)?;
    if !size.is_file() || size.len() > MOST_BYTES {
        return Err(io::Error::other("not a regular file of at most 1 MiB"));
    }
    fs::read_to_string(path)
}

/// All settings except the file itself.
fn allowed_here() -> impl Iterator<Item = &'static Setting> {
    SETTINGS.iter().filter(|setting| setting.key != "config")
}

/// `name` is the name of the file.
fn parse(name: &str, text: &str) -> Result<Vec<Line>, Error> {
    let place = |at: usize| {
        let before = text.get(..at).unwrap_or(text);
        let column = before.rsplit('\n').next().map_or(0, |line| line.chars().count());
        format!("{name}:{}:{}", before.matches('\n').count() + 1, column + 1)
    };
    let not_toml = |at: usize, what: String| Error::Setting {
        place: place(at),
        value: what,
        allowed: "TOML of the form key = value".to_owned(),
    };
    let parsed = toml_span::parse(text).map_err(|error| not_toml(error.span.start, error.kind.to_string()))?;
    let Some(table) = parsed.as_table() else { return Ok(Vec::new()) };
    let mut lines = Vec::new();
    for (key, value) in table {
        let Some(setting) = allowed_here().find(|setting| setting.key == key.name) else {
            let meant = misspelt::nearest_key(&key.name).filter(|meant| *meant != "config");
            let allowed = match meant {
                Some(meant) => format!("the keys of the table of settings; did you mean {meant}?"),
                None => allowed_here().map(|setting| setting.key).collect::<Vec<_>>().join(", "),
            };
            return Err(Error::Setting { place: place(key.span.start), value: key.name.to_string(), allowed });
        };
        // Lists are joined with the separator of their variable.
        let separator = if matches!(setting.key, "buckets" | "targets" | "alerts" | "scaling") { ";" } else { "," };
        let Some(text) = written(value.as_ref(), separator) else {
            let value = format!("of type {}", value.as_ref().type_str());
            return Err(Error::Setting { place: place(key.span.start), value, allowed: setting.allowed.to_owned() });
        };
        lines.push(Line { key: setting.key, place: place(value.span.start), text });
    }
    Ok(lines)
}

/// The value as in the environment variable. `None` if its type is not allowed.
fn written(value: &ValueInner<'_>, separator: &str) -> Option<String> {
    match value {
        ValueInner::String(text) => Some(text.to_string()),
        ValueInner::Integer(number) => Some(number.to_string()),
        ValueInner::Float(number) => Some(number.to_string()),
        ValueInner::Boolean(is) => Some(is.to_string()),
        ValueInner::Array(values) => {
            let texts = values.iter().map(|value| match value.as_ref() {
                ValueInner::Array(_) => None,
                value => written(value, separator),
            });
            Some(texts.collect::<Option<Vec<_>>>()?.join(separator))
        }
        ValueInner::Table(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_as_a_variable_has_them() {
        let text = "# Of the service.\nlisten = \"off\"\nreport = false\nstacks_hz = 250\nsample = [\"a::*=1/64\", \"b=never\"]\n\
                    buckets = ['http_*=1ms,5ms', 'x=1']\n";
        let lines = parse("perf.toml", text).unwrap();
        let all: Vec<(&str, &str, &str)> =
            lines.iter().map(|line| (line.key, line.text.as_str(), line.place.as_str())).collect();
        for expected in [
            ("listen", "off", "perf.toml:2:11"),
            ("report", "false", "perf.toml:3:10"),
            ("stacks_hz", "250", "perf.toml:4:13"),
            ("sample", "a::*=1/64,b=never", "perf.toml:5:10"),
            ("buckets", "http_*=1ms,5ms;x=1", "perf.toml:6:11"),
        ] {
            // The span of a string may or may not include its quotes.
            let found = all.iter().find(|(key, ..)| *key == expected.0).unwrap();
            assert_eq!((found.0, found.1), (expected.0, expected.1));
            assert!(found.2.starts_with(expected.2.rsplit_once(':').unwrap().0), "{found:?}");
        }
    }

    #[test]
    fn mistakes_have_a_line_and_a_column() {
        for (text, place, named) in [
            ("listen = \"off\"\nbugdet = \"1%\"\n", "f:2:1", "did you mean budget?"),
            ("listen = \"off\"\n\n  [listen]\n", "f:3:", "TOML"),
            ("report = \n", "f:1:", "TOML"),
            ("report = true\nreport = false\n", "f:2:1", "TOML"),
            ("[push]\nserver = 1\n", "f:1:", "http://HOST"),
            ("heap = [[1]]\n", "f:1:", "a size"),
            ("config = \"other.toml\"\n", "f:1:1", "listen, "),
        ] {
            let error = parse("f", text).unwrap_err().to_string();
            assert!(error.starts_with(place) && error.contains(named), "{text:?}: {error}");
        }
    }
}
