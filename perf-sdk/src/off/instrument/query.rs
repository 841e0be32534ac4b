//! Statements that are not measured.

use std::future::Future;
use std::hash::Hash;
use std::time::Duration;

use crate::outcome::Outcome;
use crate::snapshot::StatementFigures;

/// Which quotes surround a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Dialect {
    /// SQLite, `PostgreSQL` and other databases that follow the standard.
    #[default]
    Standard,
    /// `MySQL` and `MariaDB`.
    MySql,
}

/// A database that is not measured.
#[derive(Clone, Copy, Debug)]
pub struct Query(());

/// A statement that is not measured.
#[derive(Clone, Copy, Debug)]
pub struct Statement(());

/// Does nothing.
#[inline(always)]
#[must_use]
pub fn watch_query(_name: &str) -> Query {
    Query(())
}

#[allow(clippy::unused_self)]
impl Query {
    /// Does nothing.
    #[inline(always)]
    #[must_use]
    pub fn slow(self, _threshold: Duration) -> Self {
        self
    }

    /// Does nothing.
    #[inline(always)]
    #[must_use]
    pub fn n_plus_one(self, _statements: u32) -> Self {
        self
    }

    /// Does nothing.
    #[inline(always)]
    #[must_use]
    pub fn through(self, _levels: u32) -> Self {
        self
    }

    /// Does nothing.
    #[inline(always)]
    #[must_use]
    pub fn dialect(self, _dialect: Dialect) -> Self {
        self
    }

    /// Runs `run`.
    ///
    /// # Errors
    /// That of `run`.
    #[inline(always)]
    pub fn run<T, E>(&self, _sql: &str, run: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        run()
    }

    /// Awaits `run`.
    ///
    /// # Errors
    /// That of the future.
    pub async fn run_async<T, E>(&self, _sql: &str, run: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        run.await
    }

    /// A statement that is not measured.
    #[inline(always)]
    #[must_use]
    pub fn statement(&self, _sql: &str) -> Statement {
        Statement(())
    }

    /// Does nothing.
    #[inline(always)]
    pub fn transaction(&self, _is_committed: bool) {}

    /// Nothing.
    #[inline(always)]
    #[must_use]
    pub fn unexplained(&self) -> Vec<String> {
        Vec::new()
    }

    /// Nothing.
    #[inline(always)]
    #[must_use]
    pub fn statements(&self) -> Vec<StatementFigures> {
        Vec::new()
    }
}

#[allow(clippy::unused_self)]
impl Statement {
    /// Does nothing.
    #[inline(always)]
    #[must_use]
    pub fn values(self, _values: &impl Hash) -> Self {
        self
    }

    /// Runs `run`.
    ///
    /// # Errors
    /// That of `run`.
    #[inline(always)]
    pub fn run<T, E>(&self, run: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        run()
    }

    /// Awaits `run`.
    ///
    /// # Errors
    /// That of the future.
    pub async fn run_async<T, E>(self, run: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        run.await
    }

    /// Does nothing.
    #[inline(always)]
    pub fn record(&self, _duration: Duration, _outcome: Outcome) {}

    /// Does nothing.
    #[inline(always)]
    pub fn rows(&self, _rows: u64) {}

    /// Does nothing.
    #[inline(always)]
    pub fn full_scan(&self) {}

    /// Does nothing: `plan` is not called.
    #[inline(always)]
    pub fn explain(&self, _plan: impl FnOnce() -> Option<String>) {}

    /// Always false.
    #[inline(always)]
    #[must_use]
    pub fn wants_plan(&self) -> bool {
        false
    }

    /// Does nothing.
    #[inline(always)]
    pub fn set_plan(&self, _plan: &str) {}
}
