//! Statements of databases.

use crate::base::units::{count, time};
use crate::finding::facts::Facts;
use crate::finding::state::{Confidence, Finding, Gain};
use crate::snapshot::StatementFigures;

/// Statements that are shorter in all do not matter.
const LEAST_SECONDS: f64 = 0.05;
/// A run that is slow among hundreds that are not is chance.
const SLOW: f64 = 0.01;
/// N+1 must happen so often: Sentry's rule has one, of 50 ms.
const LEAST_REPEATS: u64 = 1;

fn took(statement: &StatementFigures) -> f64 {
    statement.durations.sum() as f64 * 1e-9
}

/// A finding about a statement.
fn about(statement: &StatementFigures, claim: &str, evidence: String, gain: f64, next_step: &str) -> Finding {
    Finding {
        subject: format!("{}: {}", statement.database, statement.statement),
        claim: format!("{claim}: {}", statement.statement),
        evidence,
        gain: Gain::wait(gain),
        confidence: Confidence::High,
        next_step: next_step.to_owned(),
        link: "queries".into(),
        ..Finding::default()
    }
}

pub(super) fn repeated(facts: &Facts<'_>) -> Vec<Finding> {
    let of = |statement: &StatementFigures| {
        let is_meant = statement.n_plus_one >= LEAST_REPEATS && took(statement) > LEAST_SECONDS;
        is_meant.then(|| {
            let callers = statement.callers.join(" and ");
            let evidence = format!(
                "{} calls ran it several times, {} runs of {} in all, by {callers}",
                count(statement.n_plus_one as f64),
                count(statement.calls as f64),
                time(statement.durations.sum() as f64),
            );
            let next = "Ask once for all of them: IN (…), a join, or a batch.";
            let finding =
                about(statement, "One call runs the same statement again and again", evidence, took(statement), next);
            Finding { refuted_by: "Each run depends on what the one before returned.".into(), ..finding }
        })
    };
    facts.snapshot.statements.iter().filter_map(of).collect()
}

pub(super) fn slow(facts: &Facts<'_>) -> Vec<Finding> {
    let of = |statement: &StatementFigures| {
        let is_slow = statement.slow as f64 > SLOW * statement.calls as f64 || statement.is_slow_on_average();
        (is_slow && statement.full_scans == 0).then(|| {
            let plan = statement.plan.as_ref().map(|plan| format!("; its plan: {}", plan.lines().next().unwrap_or("")));
            let evidence = format!(
                "{} of {} runs were slow, the longest took {}{}",
                count(statement.slow as f64),
                count(statement.calls as f64),
                time(statement.slowest.as_nanos() as f64),
                plan.unwrap_or_default(),
            );
            let next = "Read its plan; add an index, ask for less, or keep the answer in a cache.";
            let finding = about(statement, "A statement is slow", evidence, took(statement), next);
            Finding { refuted_by: "It waits for a lock or for the pool, not for the database.".into(), ..finding }
        })
    };
    facts.snapshot.statements.iter().filter_map(of).collect()
}

pub(super) fn scanning(facts: &Facts<'_>) -> Vec<Finding> {
    let of = |statement: &StatementFigures| {
        (statement.full_scans > 0 && took(statement) > LEAST_SECONDS).then(|| {
            let tables = statement.scanned_tables.join(", ");
            let tables = if tables.is_empty() { "a table".to_owned() } else { tables };
            let evidence = format!(
                "{} of {} runs read {tables} from the first row to the last, in {}",
                count(statement.full_scans as f64),
                count(statement.calls as f64),
                time(statement.durations.sum() as f64),
            );
            let next = "Add an index for its condition.";
            let finding = about(statement, "A statement reads a whole table", evidence, took(statement), next);
            Finding { refuted_by: "The table is small, or all of its rows are wanted.".into(), ..finding }
        })
    };
    facts.snapshot.statements.iter().filter_map(of).collect()
}
