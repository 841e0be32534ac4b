//! Statements of databases.

use perf_sdk::snapshot::StatementFigures;
use serde::Serialize;

use crate::client::Client;
use crate::failure::Failure;

#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Queries {
    pub(crate) all: usize,
    /// Those that took most time first.
    pub(crate) statements: Vec<Statement>,
}

#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Statement {
    pub(crate) database: String,
    /// Without literals.
    pub(crate) statement: String,
    pub(crate) calls: u64,
    pub(crate) errors: u64,
    pub(crate) rows: u64,
    pub(crate) total_seconds: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) mean_seconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) p99_seconds: Option<f64>,
    pub(crate) slow: u64,
    /// Calls of functions that ran it several times.
    pub(crate) n_plus_one: u64,
    pub(crate) duplicates: u64,
    pub(crate) full_scans: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) callers: Vec<String>,
}

const NS: f64 = 1e-9;

pub(crate) fn ask(client: &Client, limit: usize) -> Result<Queries, Failure> {
    let figures: Vec<StatementFigures> = client.json("/queries", &[("format", "json")])?;
    Ok(Queries { all: figures.len(), statements: figures.iter().take(limit).map(statement).collect() })
}

fn statement(figures: &StatementFigures) -> Statement {
    Statement {
        database: figures.database.clone(),
        statement: figures.statement.clone(),
        calls: figures.calls,
        errors: figures.errors,
        rows: figures.rows,
        total_seconds: figures.durations.sum_in_base_unit(),
        mean_seconds: figures.durations.mean().map(|ns| ns * NS),
        p99_seconds: figures.durations.quantile(0.99).map(|ns| ns * NS),
        slow: figures.slow,
        n_plus_one: figures.n_plus_one,
        duplicates: figures.duplicates,
        full_scans: figures.full_scans,
        callers: figures.callers.clone(),
    }
}
