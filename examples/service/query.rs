//! Questions of users.

use std::fmt;

use crate::kind::Kind;
use crate::tokenize;

/// The maximum length of a question in bytes.
pub(crate) const MAX_BYTES: usize = 256;

/// A question in normal form, which is the same for equivalent questions.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Query {
    /// Sorted, without duplicates.
    pub(crate) words: Vec<String>,
    /// Words that a result must not contain.
    pub(crate) without: Vec<String>,
    /// The only kind of item that is requested.
    pub(crate) kind: Option<Kind>,
}

/// Why a question is invalid.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub(crate) enum QueryError {
    TooLong { bytes: usize },
    UnknownKind { given: String },
    NoWords,
}

#[perf_sdk::profiled(error = display)]
impl Query {
    /// Parses a question such as `read file -async kind:fn`: words, excluded words, and a kind of
    /// item.
    pub(crate) fn parse(text: &str) -> Result<Self, QueryError> {
        if text.len() > MAX_BYTES {
            return Err(QueryError::TooLong { bytes: text.len() });
        }
        let mut query = Self { words: Vec::new(), without: Vec::new(), kind: None };
        for part in text.split_whitespace() {
            if let Some(kind) = part.strip_prefix("kind:") {
                query.kind = Some(kind.parse().map_err(|()| QueryError::UnknownKind { given: kind.to_owned() })?);
            } else if let Some(unwanted) = part.strip_prefix('-') {
                query.without.extend(tokenize::list(unwanted));
            } else {
                query.words.extend(tokenize::list(part));
            }
        }
        for list in [&mut query.words, &mut query.without] {
            list.sort_unstable();
            list.dedup();
        }
        if query.words.is_empty() { Err(QueryError::NoWords) } else { Ok(query) }
    }
}

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { bytes } => write!(f, "a question has at most {MAX_BYTES} bytes, this one has {bytes}"),
            Self::UnknownKind { given } => {
                write!(f, "no kind of item is called {given:?}; allowed: ")?;
                let names = Kind::ALL.map(|(_, name)| name);
                f.write_str(&names.join(", "))
            }
            Self::NoWords => f.write_str("no word to look for; keywords and single letters do not count"),
        }
    }
}

impl std::error::Error for QueryError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_questions_have_one_form() {
        let query = Query::parse("  readFile kind:fn -async_io ").unwrap();
        assert_eq!(query.words, ["file", "read"]);
        assert_eq!(query.without, ["io"]);
        assert_eq!(query.kind, Some(Kind::Fn));
        assert_eq!(query, Query::parse("file -io kind:fn READ_file").unwrap());
    }

    #[test]
    fn an_invalid_question_is_an_error_with_the_reason() {
        let error = Query::parse("read kind:class").unwrap_err().to_string();
        assert!(error.contains("\"class\"") && error.contains("fn, struct"), "{error}");
        for text in ["", "fn", "-file", "a b c", "kind:fn", "(){}"] {
            assert_eq!(Query::parse(text), Err(QueryError::NoWords), "{text}");
        }
        assert_eq!(Query::parse(&"a".repeat(257)), Err(QueryError::TooLong { bytes: 257 }));
        assert!(Query::parse(&"a".repeat(256)).is_ok());
    }
}
