//! Mistakes in expressions.

use std::fmt;

use crate::error::Error;

/// A mistake in an expression, or in the file that has it.
///
/// ```
/// let error = perf_sdk::target::Target::new("p95(search) < 90").unwrap_err();
/// assert_eq!((error.line, error.column, error.value.as_str()), (1, 15, "90"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExpressionError {
    /// The file, the environment variable, or the method that has the expression.
    pub place: String,
    /// The line in it, from 1.
    pub line: usize,
    /// The character in the line, from 1.
    pub column: usize,
    /// The part that is wrong. Empty at the end of the expression.
    pub value: String,
    /// What is allowed instead.
    pub allowed: String,
}

impl ExpressionError {
    /// `place:line:column`.
    fn position(&self) -> String {
        format!("{}:{}:{}", self.place, self.line, self.column)
    }
}

impl fmt::Display for ExpressionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (position, allowed) = (self.position(), &self.allowed);
        if self.value.is_empty() {
            return write!(f, "{position} is the end; allowed: {allowed}");
        }
        write!(f, "{position} is {:?}; allowed: {allowed}", self.value)
    }
}

impl std::error::Error for ExpressionError {}

impl From<ExpressionError> for Error {
    fn from(error: ExpressionError) -> Self {
        Self::Setting { place: error.position(), value: error.value, allowed: error.allowed }
    }
}
