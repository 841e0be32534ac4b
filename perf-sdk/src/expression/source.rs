//! Where in a file an expression stands.

use super::error::ExpressionError;

/// The maximum number of characters of a wrong value in a message.
const MOST_SHOWN: usize = 60;

/// A text and its place.
pub(crate) struct Source<'a> {
    /// The text of the expression.
    pub(crate) text: &'a str,
    /// The name of the file, variable or method.
    place: &'a str,
    /// The whole file.
    file: &'a str,
    /// The position in the file of each byte of `text`, and of its end. Absent if the file is the
    /// text.
    positions: Option<Vec<usize>>,
}

impl<'a> Source<'a> {
    /// A text that is not part of a file.
    pub(crate) fn of(text: &'a str, place: &'a str) -> Self {
        Self { text, place, file: text, positions: None }
    }

    /// The value of a TOML string. `span` is its part of the file, without quotes.
    #[cfg(feature = "toml")]
    pub(crate) fn of_string(text: &'a str, place: &'a str, file: &'a str, span: std::ops::Range<usize>) -> Self {
        let positions = positions(text, file, span.clone()).unwrap_or_else(|| vec![span.start; text.len() + 1]);
        Self { text, place, file, positions: Some(positions) }
    }

    /// The mistake at this part of the text.
    pub(crate) fn error(&self, start: usize, end: usize, allowed: impl Into<String>) -> ExpressionError {
        let value = self.text.get(start..end).unwrap_or_default();
        let at = match &self.positions {
            Some(positions) => positions.get(start).or(positions.last()).copied().unwrap_or_default(),
            None => start,
        };
        error_at(self.place, self.file, at, value, allowed.into())
    }
}

/// The mistake at this byte of a file.
pub(crate) fn error_at(place: &str, file: &str, at: usize, value: &str, allowed: String) -> ExpressionError {
    let before = file.get(..at).unwrap_or(file);
    let column = before.rsplit('\n').next().map_or(0, |line| line.chars().count()) + 1;
    let value = match value.char_indices().nth(MOST_SHOWN) {
        Some((cut, _)) => format!("{}…", &value[..cut]),
        None => value.to_owned(),
    };
    ExpressionError { place: place.to_owned(), line: before.matches('\n').count() + 1, column, value, allowed }
}

/// The positions in a file of the bytes of a TOML string. `None` if the string has escapes that are
/// not known here: then its beginning stands for all of it.
#[cfg(feature = "toml")]
fn positions(text: &str, file: &str, span: std::ops::Range<usize>) -> Option<Vec<usize>> {
    let raw = file.get(span.clone())?;
    if raw == text {
        return Some((span.start..=span.end).collect());
    }
    let (mut positions, mut decoded, mut rest) = (Vec::with_capacity(text.len() + 1), text.chars(), raw.char_indices());
    while let Some((at, read)) = rest.next() {
        let meant = match read {
            '\\' => match rest.next()?.1 {
                quoted @ ('"' | '\\') => quoted,
                't' => '\t',
                'n' => '\n',
                _ => return None,
            },
            // Line ends are those of Unix in the value.
            '\r' if raw[at..].starts_with("\r\n") => continue,
            other => other,
        };
        if decoded.next()? != meant {
            return None;
        }
        positions.extend(std::iter::repeat_n(span.start + at, meant.len_utf8()));
    }
    positions.push(span.end);
    decoded.next().is_none().then_some(positions)
}
