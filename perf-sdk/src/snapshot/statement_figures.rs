//! What is known of a statement of a database.

use std::time::Duration;

use crate::histogram::Histogram;

/// What is known of the statements of one shape: see
/// [`Query::statements`](crate::instrument::Query::statements).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct StatementFigures {
    /// The shape: the text without literals, at most 255 bytes.
    pub statement: String,
    /// How often it ran.
    pub calls: u64,
    /// Runs that returned an error or panicked.
    pub errors: u64,
    /// Runs whose future was dropped before it was ready. They have no duration.
    pub cancelled: u64,
    /// Rows returned or changed, where that was said.
    pub rows: u64,
    /// Durations in nanoseconds.
    pub durations: Histogram,
    /// Runs as long as the threshold or longer.
    pub slow: u64,
    /// The longest one of these; zero without any.
    pub slowest: Duration,
    /// Calls of profiled functions that ran it several times.
    pub n_plus_one: u64,
    /// Runs that the same call had made before, with equal values.
    pub duplicates: u64,
    /// Runs that read a table from the first row to the last.
    pub full_scans: u64,
    /// The plan, as the database said it.
    pub plan: Option<String>,
    /// The tables that the plan reads from the first row to the last.
    pub scanned_tables: Vec<String>,
    /// Paths of functions, outermost first, that ran it several times in one call: the first 8.
    pub callers: Vec<String>,
}

impl StatementFigures {
    /// Whether it is slow by the sum: `PgHero`'s rule of at least 100 runs that take 20 ms on
    /// average.
    #[must_use]
    pub fn is_slow_on_average(&self) -> bool {
        let runs = self.durations.count();
        runs >= 100 && self.durations.sum() / runs >= 20_000_000
    }
}
