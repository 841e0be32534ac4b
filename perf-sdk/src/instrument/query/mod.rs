//! Databases: the statements that a program runs.
//!
//! | file | job |
//! |---|---|
//! | `dialect`, `token`, `shape` | the shape of a statement, by a small tokenizer |
//! | `statements` | the statements of one database, found by text and by shape |
//! | `plan`, `details` | plans and what they say, callers |

mod details;
mod dialect;
mod plan;
mod shape;
mod statements;
mod token;

use std::future::Future;
use std::hash::{DefaultHasher, Hash, Hasher as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

pub use dialect::Dialect;
use shape::Control;
use statements::{Counter, Known, Statements};

use super::durations::Stopwatch;
use super::kind::Kind;
use super::parents::Parents;
use super::registry::{Entry, Measured, Registry};
use super::stripes::Counts;
use crate::outcome::Outcome;
use crate::reading::{Description, Labels, Sheet, Unit};
use crate::record;
use crate::snapshot::{Distribution, StatementFigures, sort_statements};

/// Statements of this duration are slow, unless told otherwise: Sentry's threshold.
const SLOW: Duration = Duration::from_millis(500);
/// From so many equal shapes beneath one call on they are N+1, unless told otherwise: Sentry's
/// threshold.
const N_PLUS_ONE: u32 = 5;
/// A closure that takes longer than this is not asked for the plan of its statement again.
const PLAN_PATIENCE: Duration = Duration::from_millis(250);

macro_rules! counters {
    ($($name:ident $metric:literal $help:literal),+ $(,)?) => {
        $(static $name: Description = Description::counter($metric, Unit::Count, $help);)+
        static ALL: &[&Description] = &[$(&$name),+];
    };
}

counters! {
    QUERIES "queries_total" "Statements that a database was given.",
    ERRORS "query_errors_total" "Statements that returned an error.",
    CANCELLED "query_cancellations_total" "Statements whose future was dropped before it was ready.",
    ROWS "query_rows_total" "Rows that statements returned or changed, where that was said.",
    SLOW_QUERIES "slow_queries_total" "Statements that took as long as the threshold for slow ones, or longer.",
    N_PLUS_ONES "query_n_plus_one_total" "Calls of profiled functions that ran several statements of one shape.",
    DUPLICATES "query_duplicates_total" "Statements that the same call of a function had run before with equal values.",
    FULL_SCANS "query_full_scans_total" "Statements that read a table from the first row to the last.",
    TRANSACTIONS "query_transactions_total" "Transactions that ended, by how they did.",
    PROBLEMS "query_statement_problems_total" "Events that a statement was slow, N+1, a duplicate or a full scan.",
}

pub(crate) const DISTRIBUTION: (&str, &str) = ("query_duration_seconds", "Duration of statements, by their shape.");

/// What is counted of each statement, and its metric for the whole database.
static SUMMED: [(Counter, &Description); 7] = [
    (Counter::Errors, &ERRORS),
    (Counter::Cancelled, &CANCELLED),
    (Counter::Rows, &ROWS),
    (Counter::Slow, &SLOW_QUERIES),
    (Counter::NPlusOne, &N_PLUS_ONES),
    (Counter::Duplicates, &DUPLICATES),
    (Counter::FullScans, &FULL_SCANS),
];

/// What is a metric of each statement, where it happened.
const NAMED: [(Counter, &str); statements::PROBLEMS] = [
    (Counter::Slow, "slow"),
    (Counter::NPlusOne, "n_plus_one"),
    (Counter::Duplicates, "duplicate"),
    (Counter::FullScans, "full_scan"),
];

/// One database.
#[derive(Debug)]
struct Database {
    statements: Statements,
    /// Transactions that were committed, and those that were rolled back.
    transactions: Counts<2>,
    /// Their labels.
    outcomes: [OnceLock<Labels>; 2],
    slow_ns: AtomicU64,
    n_plus_one: AtomicU32,
    through: AtomicU32,
    is_mysql: AtomicU32,
}

static DATABASES: Registry<Database> = Registry::new(Kind::Query);
static PARENTS: Parents = Parents::new();

impl Database {
    fn new() -> Self {
        Self {
            statements: Statements::new(),
            transactions: Counts::new(),
            outcomes: [const { OnceLock::new() }; 2],
            slow_ns: AtomicU64::new(ns(SLOW)),
            n_plus_one: AtomicU32::new(N_PLUS_ONE),
            through: AtomicU32::new(0),
            is_mysql: AtomicU32::new(0),
        }
    }

    fn dialect(&self) -> Dialect {
        if self.is_mysql.load(Relaxed) == 1 { Dialect::MySql } else { Dialect::Standard }
    }
}

fn ns(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

impl Measured for Database {
    fn read(entry: &Entry<Self>, into: &mut Sheet) {
        let mut sums = [0_u64; statements::COUNTERS];
        let mut queries = 0;
        for statement in entry.statements.all() {
            let counts = statement.counts.sums();
            queries += statement.durations.count() + counts[Counter::Cancelled as usize];
            for (sum, (counter, _)) in sums.iter_mut().zip(&SUMMED) {
                *sum += counts[*counter as usize];
            }
            for ((counter, problem), labels) in NAMED.into_iter().zip(&statement.problems) {
                if counts[counter as usize] > 0 {
                    let pairs = || statement.labels.pairs().chain([("problem", problem)]).collect::<Vec<_>>();
                    let labels = labels.get_or_init(|| Labels::of(&pairs()));
                    into.push_of(&PROBLEMS, labels, counts[counter as usize] as f64);
                }
            }
        }
        into.push_of(&QUERIES, &entry.labels, queries as f64);
        for (sum, (_, description)) in sums.iter().zip(&SUMMED) {
            into.push_of(description, &entry.labels, *sum as f64);
        }
        let ended = entry.transactions.sums();
        if ended.iter().any(|number| *number > 0) {
            for ((outcome, labels), number) in ["commit", "rollback"].into_iter().zip(&entry.outcomes).zip(ended) {
                let labels = labels.get_or_init(|| entry.labels_and(&[("outcome", outcome)]));
                into.push_of(&TRANSACTIONS, labels, number as f64);
            }
        }
    }

    fn distributions(entry: &Entry<Self>, into: &mut Vec<Distribution>) {
        for statement in entry.statements.all() {
            let histogram = statement.durations.read();
            if histogram.count() > 0 {
                let labels = statement.labels.to_map();
                into.push(Distribution { name: DISTRIBUTION.0.into(), help: DISTRIBUTION.1.into(), labels, histogram });
            }
        }
    }

    fn reset(&self) {
        self.statements.reset();
        self.transactions.reset();
        PARENTS.reset();
    }
}

/// A database that is measured: see [`watch_query`]. A clone is the same database.
#[derive(Clone, Copy, Debug)]
pub struct Query {
    entry: &'static Entry<Database>,
}

/// Measures the statements that a program gives to a database: their durations by shape, rows and
/// errors, and which are slow, N+1, duplicates or full scans.
///
/// ```
/// # fn find(_: &str, id: u32) -> Result<String, String> { Ok(id.to_string()) }
/// let db = perf_sdk::watch_query("db");
///
/// #[perf_sdk::profiled]
/// fn names(db: perf_sdk::instrument::Query) -> Result<Vec<String>, String> {
///     let sql = "SELECT name FROM users WHERE id = ?";
///     (0..10).map(|id| db.run(sql, || find(sql, id))).collect() // better: one statement with IN (…)
/// }
///
/// names(db)?;
/// let statements = db.statements();
/// assert_eq!((statements[0].calls, statements[0].n_plus_one), (10, 1));
/// assert!(statements[0].callers[0].ends_with("names"));
/// # Ok::<(), String>(())
/// ```
///
/// The shape of a statement is its text without literals, comments and layout; lists of values have
/// one value. `docs/queries.md` lists the metrics, and how to measure rusqlite and sqlx.
///
/// **N+1** is a running call of a profiled function, or a profiled future over all of its polls,
/// that runs 5 or more statements of one shape itself. It counts once for each such call. A
/// **duplicate** is a statement that the same call ran before, with the same text and the same
/// [values](Statement::values). Begin and end of transactions are neither.
///
/// **Limits.** 128 shapes of a database; further ones count as `(other)`. A shape has 255 bytes.
///
/// **Cost.** A lock and a comparison with the names of all databases: keep the result.
///
/// **Blind spots.** Futures and functions are compared only in calls that are measured, where a
/// future's calls are sampled. Names in double quotes are part of the shape, so a literal that is
/// written like that, which SQLite accepts, is in it.
#[must_use]
pub fn watch_query(name: &str) -> Query {
    Query { entry: DATABASES.join(name, Database::new) }
}

impl Query {
    /// Statements of this duration and longer are slow: 500 ms by default.
    #[must_use]
    pub fn slow(self, threshold: Duration) -> Self {
        self.entry.slow_ns.store(ns(threshold), Relaxed);
        self
    }

    /// From so many statements of one shape beneath one call on they are N+1: 5 by default, at
    /// least 2.
    #[must_use]
    pub fn n_plus_one(self, statements: u32) -> Self {
        self.entry.n_plus_one.store(statements.max(2), Relaxed);
        self
    }

    /// Statements are compared beneath the call so many levels above the one that runs them: 0 by
    /// default. With 1, a loop that calls a profiled function of one statement is N+1.
    #[must_use]
    pub fn through(self, levels: u32) -> Self {
        self.entry.through.store(levels, Relaxed);
        self
    }

    /// Sets what quotes mean: [`Dialect::Standard`] by default. Set it before the first statement.
    #[must_use]
    pub fn dialect(self, dialect: Dialect) -> Self {
        self.entry.is_mysql.store(u32::from(dialect == Dialect::MySql), Relaxed);
        self
    }

    /// Runs a statement, and records its duration and whether it returned an error.
    ///
    /// **Cost.** Two clock reads and some counters, if a statement with this text ran before: no
    /// lock, no allocation. While recording is switched off, a load.
    ///
    /// # Errors
    /// That of `run`.
    #[inline]
    pub fn run<T, E>(&self, sql: &str, run: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        if record::is_off() { run() } else { self.statement(sql).run(run) }
    }

    /// As [`run`](Self::run), for a future. The time is that until it is ready.
    ///
    /// # Errors
    /// That of the future.
    pub async fn run_async<T, E>(&self, sql: &str, run: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        if record::is_off() { run.await } else { self.statement(sql).run_async(run).await }
    }

    /// A statement, for what cannot be said by [`run`](Self::run): rows, values, plans. It may be
    /// kept.
    #[must_use]
    pub fn statement(&self, sql: &str) -> Statement {
        let labels = |shape: &str| self.entry.labels_and(&[("statement", shape)]);
        let known = self.entry.statements.find(sql, self.entry.dialect(), labels);
        Statement { entry: self.entry, known, values: None }
    }

    /// Counts a transaction that ended where no statement says so: sqlx and others begin and end
    /// them by methods.
    pub fn transaction(&self, is_committed: bool) {
        if !record::is_off() {
            self.entry.transactions.add(usize::from(!is_committed), 1);
        }
    }

    /// The texts of statements whose plan is not known, for a thread or a task that finds them out
    /// for [`Statement::set_plan`]. A text is returned again after ten minutes at the earliest.
    #[must_use]
    pub fn unexplained(&self) -> Vec<String> {
        let statements =
            self.entry.statements.all().filter_map(|statement| Some((statement, statement.first.as_ref()?)));
        statements.filter(|(statement, _)| details::wants_plan(statement)).map(|(_, first)| first.to_string()).collect()
    }

    /// What is known of each statement, the costliest first.
    #[must_use]
    pub fn statements(&self) -> Vec<StatementFigures> {
        let mut all = known_of(self.entry);
        sort_statements(&mut all);
        all
    }
}

/// What is known of the statements of all databases that ran, the costliest first.
pub(crate) fn statements() -> Vec<StatementFigures> {
    let mut all: Vec<StatementFigures> = DATABASES.entries().flat_map(known_of).collect();
    all.retain(|statement| statement.calls > 0);
    sort_statements(&mut all);
    all
}

fn known_of(entry: &'static Entry<Database>) -> Vec<StatementFigures> {
    entry.statements.all().map(|statement| figures(entry.name, statement)).collect()
}

fn figures(database: &str, statement: &'static statements::Statement) -> StatementFigures {
    let counts = statement.counts.sums();
    let of = |counter: Counter| counts[counter as usize];
    let detail = details::of(statement);
    let durations = statement.durations.read();
    StatementFigures {
        database: database.to_owned(),
        statement: statement.shape.to_string(),
        calls: durations.count() + of(Counter::Cancelled),
        errors: of(Counter::Errors),
        cancelled: of(Counter::Cancelled),
        rows: of(Counter::Rows),
        slow: of(Counter::Slow),
        slowest: Duration::from_nanos(statement.slowest_ns.load(Relaxed)),
        n_plus_one: of(Counter::NPlusOne),
        duplicates: of(Counter::Duplicates),
        full_scans: of(Counter::FullScans),
        durations,
        plan: Some(detail.plan.text).filter(|plan| !plan.is_empty()),
        scanned_tables: detail.plan.full_scans,
        callers: detail.callers,
    }
}

/// A statement of a [`Query`].
#[derive(Clone, Copy, Debug)]
pub struct Statement {
    entry: &'static Entry<Database>,
    known: Known,
    values: Option<u64>,
}

/// A statement that runs. If it is dropped, it is cancelled or panics.
struct Open {
    statement: Statement,
    beneath: Option<Beneath>,
    watch: Stopwatch,
}

/// The running call that runs a statement, as keys of [`PARENTS`].
#[derive(Clone, Copy)]
struct Beneath {
    shape: u64,
    /// `None` if what the statement asks for is not known.
    question: Option<u64>,
}

impl Open {
    fn note(&self, outcome: Outcome) {
        let ns = self.watch.elapsed_ns();
        let _operation = record::operation();
        // What drops a future may be another function than the one that awaited it.
        if outcome != Outcome::Cancelled {
            self.statement.compare(self.beneath);
        }
        self.statement.note(ns, outcome);
    }

    fn end(self, is_ok: bool) {
        self.note(if is_ok { Outcome::Ok } else { Outcome::Error });
        std::mem::forget(self);
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.note(if std::thread::panicking() { Outcome::Panic } else { Outcome::Cancelled });
    }
}

impl Statement {
    /// The values that are bound to the statement's parameters, which its text does not show. Only
    /// their hash is kept. Without them, a statement with parameters is never a duplicate.
    ///
    /// ```
    /// let db = perf_sdk::watch_query("values");
    /// let by_id = db.statement("SELECT name FROM users WHERE id = ?");
    /// let name = by_id.values(&7).run(|| Ok::<_, ()>("Ada"));
    /// # assert_eq!(name, Ok("Ada"));
    /// ```
    #[must_use]
    pub fn values(self, values: &impl Hash) -> Self {
        let mut hasher = DefaultHasher::new();
        values.hash(&mut hasher);
        Self { values: Some(hasher.finish()), ..self }
    }

    /// Runs it: see [`Query::run`].
    ///
    /// # Errors
    /// That of `run`.
    #[inline]
    pub fn run<T, E>(&self, run: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        if record::is_off() {
            return run();
        }
        let open = self.begin();
        let result = run();
        open.end(result.is_ok());
        result
    }

    /// Runs it: see [`Query::run_async`]. A future that is dropped before it is ready counts as
    /// cancelled.
    ///
    /// # Errors
    /// That of the future.
    pub async fn run_async<T, E>(self, run: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        if record::is_off() {
            return run.await;
        }
        let open = self.begin();
        let result = run.await;
        open.end(result.is_ok());
        result
    }

    /// Records a run that was timed elsewhere, such as by a hook of the database's library, and has
    /// just ended on this thread.
    pub fn record(&self, duration: Duration, outcome: Outcome) {
        if !record::is_off() {
            let _operation = record::operation();
            self.compare(self.beneath());
            self.note(ns(duration), outcome);
        }
    }

    /// Counts rows that it returned or changed.
    #[inline]
    pub fn rows(&self, rows: u64) {
        if !record::is_off() {
            self.known.statement.count(Counter::Rows, rows);
        }
    }

    /// Counts a full scan that is known otherwise than by the plan, such as by SQLite's counter of
    /// steps.
    pub fn full_scan(&self) {
        if !record::is_off() && !self.known.statement.has_full_scan.load(Relaxed) {
            self.known.statement.count(Counter::FullScans, 1);
        }
    }

    /// Takes the statement's plan from `plan`, if it should be found out now: see
    /// [`wants_plan`](Self::wants_plan). So `plan` is called rarely, and on this thread.
    ///
    /// One that panics, or takes longer than 250 ms, is not called again for this statement. The
    /// panic ends here.
    pub fn explain(&self, plan: impl FnOnce() -> Option<String>) {
        if !self.wants_plan() {
            return;
        }
        let watch = Stopwatch::start();
        let result = catch_unwind(AssertUnwindSafe(plan));
        if let Ok(Some(plan)) = &result {
            self.set_plan(plan);
        }
        if result.is_err() || watch.elapsed_ns() > ns(PLAN_PATIENCE) {
            details::refuse_plan(self.known.statement);
        }
    }

    /// Whether the plan should be found out: it is unknown, or the statement was slow since. True
    /// for one caller, and then not for ten minutes.
    #[must_use]
    pub fn wants_plan(&self) -> bool {
        !record::is_off() && self.known.control.is_none() && details::wants_plan(self.known.statement)
    }

    /// Sets the plan: the text of `EXPLAIN QUERY PLAN` of SQLite, of `EXPLAIN` of `PostgreSQL`, of
    /// `EXPLAIN FORMAT=TREE` of `MySQL`. 4 KiB of it are kept. A line that scans a table makes the
    /// runs from now on full scans.
    pub fn set_plan(&self, plan: &str) {
        if !record::is_off() {
            details::set_plan(self.known.statement, plan);
        }
    }

    #[inline]
    fn begin(&self) -> Open {
        let beneath = self.beneath();
        // PERF: while the statement runs, what its end reads comes into the caches.
        if let Some(Beneath { shape, question }) = beneath {
            PARENTS.expect(shape);
            question.into_iter().for_each(|question| PARENTS.expect(question));
        }
        self.known.statement.durations.expect();
        Open { statement: *self, beneath, watch: Stopwatch::start() }
    }

    #[inline]
    fn beneath(&self) -> Option<Beneath> {
        let Known { statement, literals, has_parameters, control } = self.known;
        if control.is_some() {
            return None;
        }
        let call = record::running_call(self.entry.through.load(Relaxed))?;
        let shape = mixed(call.key(), statement.key);
        let is_known = !has_parameters || self.values.is_some();
        let question = is_known.then(|| mixed(shape, mixed(literals ^ 1, self.values.unwrap_or(0))));
        Some(Beneath { shape, question })
    }

    /// Counts it beneath the call that runs it.
    #[inline]
    fn compare(&self, beneath: Option<Beneath>) {
        let Some(Beneath { shape, question }) = beneath else { return };
        let statement = self.known.statement;
        if PARENTS.count(shape) == u64::from(self.entry.n_plus_one.load(Relaxed)) {
            statement.count(Counter::NPlusOne, 1);
            details::note_caller(statement);
        }
        if question.is_some_and(|question| PARENTS.count(question) > 1) {
            statement.count(Counter::Duplicates, 1);
        }
    }

    #[inline]
    fn note(&self, ns: u64, outcome: Outcome) {
        let statement = self.known.statement;
        self.entry.charge(1, 0, ns);
        record::note_query(&statement.shape, ns, outcome);
        if outcome == Outcome::Cancelled {
            return statement.count(Counter::Cancelled, 1);
        }
        statement.durations.record(ns);
        if statement.has_full_scan.load(Relaxed) {
            statement.count(Counter::FullScans, 1);
        }
        if outcome != Outcome::Ok {
            statement.count(Counter::Errors, 1);
        }
        if ns >= self.entry.slow_ns.load(Relaxed) {
            statement.count(Counter::Slow, 1);
            statement.slowest_ns.fetch_max(ns, Relaxed);
            details::note_slow(statement);
        }
        if let (Some(control), Outcome::Ok) = (self.known.control, outcome) {
            match control {
                Control::Commit => self.entry.transactions.add(0, 1),
                Control::Rollback => self.entry.transactions.add(1, 1),
                Control::Begin | Control::Savepoint => {}
            }
        }
    }
}

#[inline]
fn mixed(a: u64, b: u64) -> u64 {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    let product = u128::from(a ^ ODD) * u128::from(b.wrapping_mul(ODD) | 1);
    (product as u64) ^ ((product >> 64) as u64)
}

/// Everything that a database may have.
pub(super) fn descriptions() -> impl Iterator<Item = &'static Description> {
    ALL.iter().copied()
}

#[cfg(test)]
mod tests;
