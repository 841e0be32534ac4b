//! What is known of a statement of a database.

use std::cmp::Ordering;
use std::time::Duration;

#[cfg(feature = "enabled")]
use serde::{Deserialize, Serialize};

use crate::base::sort;
use crate::histogram::Histogram;

/// The maximum number of callers that are kept of one statement.
pub(crate) const MAX_CALLERS: usize = 8;

/// What is known of the statements of one shape: see
/// [`Query::statements`](crate::instrument::Query::statements).
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "enabled", derive(Serialize, Deserialize))]
#[non_exhaustive]
pub struct StatementFigures {
    /// The name of the [database](crate::watch_query).
    pub database: String,
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

    fn is_same(&self, other: &Self) -> bool {
        (&self.database, &self.statement) == (&other.database, &other.statement)
    }

    /// The costliest comes first.
    fn order(&self, other: &Self) -> Ordering {
        let by_cost = other.durations.sum().cmp(&self.durations.sum());
        by_cost.then_with(|| (&self.database, &self.statement).cmp(&(&other.database, &other.statement)))
    }

    fn counts(&mut self) -> [&mut u64; 8] {
        [
            &mut self.calls,
            &mut self.errors,
            &mut self.cancelled,
            &mut self.rows,
            &mut self.slow,
            &mut self.n_plus_one,
            &mut self.duplicates,
            &mut self.full_scans,
        ]
    }

    /// Adds what another process or window knows of the same statement.
    fn add(&mut self, other: &Self) {
        self.durations.merge(&other.durations);
        let mut theirs = other.clone();
        for (our, their) in self.counts().into_iter().zip(theirs.counts()) {
            *our = our.saturating_add(*their);
        }
        self.slowest = self.slowest.max(other.slowest);
        if self.plan.is_none() {
            self.plan.clone_from(&other.plan);
            self.scanned_tables.clone_from(&other.scanned_tables);
        }
        for caller in &other.callers {
            if self.callers.len() < MAX_CALLERS && !self.callers.contains(caller) {
                self.callers.push(caller.clone());
            }
        }
    }

    fn since(&self, earlier: &Self) -> Self {
        let (mut now, mut was) = (self.clone(), earlier.clone());
        now.durations = self.durations.since(&earlier.durations);
        for (now, was) in now.counts().into_iter().zip(was.counts()) {
            *now = now.saturating_sub(*was);
        }
        now
    }
}

/// The costliest first.
pub(crate) fn sort_statements(all: &mut [StatementFigures]) {
    sort::sort_by(all, StatementFigures::order);
}

/// What ran since `earlier`. Plans, callers and the slowest run are those of now.
pub(in crate::snapshot) fn since(now: &[StatementFigures], earlier: &[StatementFigures]) -> Vec<StatementFigures> {
    let of = |now: &StatementFigures| match earlier.iter().find(|was| was.is_same(now)) {
        Some(was) => now.since(was),
        None => now.clone(),
    };
    let mut window: Vec<StatementFigures> = now.iter().map(of).filter(|one| one.calls > 0).collect();
    sort_statements(&mut window);
    window
}

/// Adds those of another snapshot.
pub(in crate::snapshot) fn add(ours: &mut Vec<StatementFigures>, theirs: &[StatementFigures]) {
    for their in theirs {
        match ours.iter_mut().find(|our| our.is_same(their)) {
            Some(our) => our.add(their),
            None => ours.push(their.clone()),
        }
    }
    sort_statements(ours);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(statement: &str, runs: &[u64]) -> StatementFigures {
        let mut figures = StatementFigures { database: "db".into(), statement: statement.into(), ..Default::default() };
        runs.iter().for_each(|ns| figures.durations.record(*ns, 1));
        let number = runs.len() as u64;
        figures.counts().into_iter().for_each(|count| *count = number);
        figures
    }

    #[test]
    fn a_window_plus_the_time_before_is_the_whole() {
        let early = vec![one("b", &[5, 6]), one("quiet", &[1])];
        let late = vec![one("a", &[9, 9]), one("b", &[5, 6, 8]), one("quiet", &[1])];
        let window = since(&late, &early);
        assert_eq!(window, [one("a", &[9, 9]), one("b", &[8])]);
        let mut sum = early;
        add(&mut sum, &window);
        let costliest = |name: &str| sum.iter().position(|one| one.statement == name);
        assert_eq!(["b", "a", "quiet"].map(costliest), [0, 1, 2].map(Some));
        assert!(late.iter().all(|one| sum.contains(one)), "{sum:?}");
    }

    #[test]
    fn of_two_processes_a_plan_and_the_first_callers_are_kept() {
        let with = |plan: Option<&str>, callers: std::ops::Range<u32>| StatementFigures {
            plan: plan.map(str::to_owned),
            callers: callers.map(|caller| caller.to_string()).collect(),
            slowest: Duration::from_millis(7),
            ..one("a", &[1])
        };
        let mut sum = vec![StatementFigures { slowest: Duration::ZERO, ..with(None, 0..3) }];
        add(&mut sum, &[with(Some("SCAN t"), 2..20)]);
        assert_eq!((sum[0].plan.as_deref(), sum[0].slowest), (Some("SCAN t"), Duration::from_millis(7)));
        assert_eq!(sum[0].callers, ["0", "1", "2", "3", "4", "5", "6", "7"]);
        assert_eq!((sum[0].calls, sum[0].full_scans), (2, 2));
    }
}
