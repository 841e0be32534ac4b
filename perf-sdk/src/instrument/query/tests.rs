use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::{Context, Waker};

use super::*;
use crate::collect;
use crate::record::{FutureExt as _, measure};

fn value(name: &str, db: &str, more: &[(&str, &str)]) -> Option<f64> {
    let seen = collect::take();
    let is = |labels: &std::collections::BTreeMap<String, String>| {
        labels.len() == 1 + more.len()
            && labels.get("db").is_some_and(|label| label == db)
            && more.iter().all(|(name, value)| labels.get(*name).is_some_and(|label| label == value))
    };
    seen.readings.iter().find(|reading| reading.name == name && is(&reading.labels)).map(|reading| reading.value)
}

fn only(query: Query) -> StatementFigures {
    let all = query.statements();
    assert_eq!(all.len(), 1, "{all:?}");
    all.into_iter().next().unwrap()
}

fn ok() -> Result<(), ()> {
    Ok(())
}

#[test]
fn a_statement_is_counted_by_its_shape() {
    let db = watch_query("counted");
    measure("asks a database", || {
        db.run("SELECT a FROM t WHERE id = 1", ok).unwrap();
        db.run("SELECT a FROM t -- again\n WHERE id = 2", ok).unwrap();
        assert_eq!(db.run("SELECT a FROM t WHERE id = 3", || Err::<(), _>("locked")), Err("locked"));
    });
    db.statement("SELECT a FROM t WHERE id = 4").rows(7);
    let panicked =
        catch_unwind(AssertUnwindSafe(|| db.run("SELECT a FROM t WHERE id = 5", || -> Result<(), ()> { panic!() })));
    assert!(panicked.is_err());
    let figures = only(db);
    assert_eq!((figures.statement.as_str(), figures.calls), ("SELECT a FROM t WHERE id = ?", 4));
    assert_eq!((figures.errors, figures.rows, figures.slow), (2, 7, 0));
    assert_eq!(value("queries_total", "counted", &[]), Some(4.0));
    assert_eq!(value("query_errors_total", "counted", &[]), Some(2.0));
    assert_eq!(value("slow_queries_total", "counted", &[]), Some(0.0), "a target needs it from the start");
    let seen = collect::take();
    let of = |one: &&Distribution| one.labels.get("db").is_some_and(|db| db == "counted");
    let durations: Vec<_> = seen.distributions.iter().filter(of).collect();
    assert_eq!(durations.len(), 1);
    assert_eq!((&*durations[0].name, durations[0].histogram.count()), ("query_duration_seconds", 4));
    assert_eq!(durations[0].labels["statement"], "SELECT a FROM t WHERE id = ?");
    let function = seen.functions.iter().find(|function| function.name == "asks a database").unwrap();
    let [used] = &function.instruments[..] else { panic!("{:?}", function.instruments) };
    assert_eq!((used.kind.as_str(), used.name.as_str(), used.operations), ("db", "counted", 3));
}

#[test]
fn slow_statements_keep_their_plan() {
    let db = watch_query("slow").slow(Duration::from_millis(20));
    let statement = db.statement("SELECT a FROM t WHERE b = $1");
    let mut asked = 0;
    for (ms, plan) in [(1, None), (20, Some("Seq Scan on t")), (30, Some("Seq Scan on t"))] {
        statement.record(Duration::from_millis(ms), Outcome::Ok);
        statement.explain(|| {
            asked += 1;
            plan.map(str::to_owned)
        });
    }
    assert_eq!(asked, 1, "for ten minutes");
    statement.set_plan("Seq Scan on t  (cost=0.00..1.00)");
    statement.record(Duration::from_millis(1), Outcome::Ok);
    let figures = only(db);
    assert_eq!((figures.slow, figures.slowest), (2, Duration::from_millis(30)));
    assert_eq!(figures.plan.as_deref(), Some("Seq Scan on t  (cost=0.00..1.00)"));
    assert_eq!((figures.full_scans, figures.scanned_tables), (1, vec!["t".to_owned()]));
    assert_eq!(value("slow_queries_total", "slow", &[]), Some(2.0));
    let labels = [("statement", "SELECT a FROM t WHERE b = ?"), ("problem", "slow")];
    assert_eq!(value("query_statement_problems_total", "slow", &labels), Some(2.0));
}

#[test]
fn a_closure_that_panics_is_not_asked_for_a_plan_again() {
    let db = watch_query("panicking plan").slow(Duration::ZERO);
    let statement = db.statement("SELECT a FROM t");
    statement.explain(|| panic!("on purpose"));
    statement.record(Duration::from_secs(1), Outcome::Ok);
    assert!(!statement.wants_plan());
    assert_eq!(only(db).plan, None);
}

#[test]
fn texts_without_a_plan_are_listed_once() {
    let db = watch_query("unexplained");
    for sql in ["SELECT a FROM t WHERE id = 1", "SELECT a FROM t WHERE id = 2", "BEGIN", "COMMIT", "ROLLBACK"] {
        db.run(sql, ok).unwrap();
    }
    db.transaction(true);
    assert_eq!(db.unexplained(), ["SELECT a FROM t WHERE id = 1"]);
    assert_eq!(db.unexplained(), [""; 0]);
    assert_eq!(value("query_transactions_total", "unexplained", &[("outcome", "commit")]), Some(2.0));
    assert_eq!(value("query_transactions_total", "unexplained", &[("outcome", "rollback")]), Some(1.0));
}

const BY_ID: &str = "SELECT a FROM t WHERE id = ?";

#[test]
fn five_equal_shapes_beneath_one_call_are_n_plus_one() {
    let db = watch_query("n plus one");
    let run = |n: usize| (0..n).for_each(|_| db.run(BY_ID, ok).unwrap());
    // Many calls with few statements each, and statements outside of all functions.
    for _ in 0..20 {
        measure("runs four", || run(4));
    }
    run(20);
    assert_eq!((only(db).n_plus_one, only(db).callers), (0, vec![]));
    for _ in 0..2 {
        measure("runs twelve", || {
            run(3);
            measure("of a callee", || run(4));
            run(9);
        });
    }
    assert_eq!((only(db).n_plus_one, only(db).callers), (2, vec!["runs twelve".to_owned()]));
    assert_eq!(only(db).duplicates, 0, "the values are unknown");
}

#[test]
fn a_level_is_looked_through() {
    let db = watch_query("through").through(1);
    let one = || measure("of one statement", || db.run(BY_ID, ok).unwrap());
    (0..20).for_each(|_| measure("a request", one));
    assert_eq!(only(db).n_plus_one, 0);
    measure("a loop", || (0..6).for_each(|_| one()));
    assert_eq!(only(db).n_plus_one, 1);
}

#[test]
fn begin_and_end_of_transactions_are_not_n_plus_one() {
    let db = watch_query("transactions");
    measure("has transactions", || {
        (0..9).for_each(|_| ["BEGIN", "COMMIT"].iter().for_each(|sql| db.run(sql, ok).unwrap()))
    });
    assert!(db.statements().iter().all(|statement| statement.n_plus_one == 0 && statement.duplicates == 0));
}

#[test]
fn duplicates_have_equal_literals_and_values() {
    let db = watch_query("duplicates");
    measure("runs some twice", || {
        for sql in ["SELECT 1", "SELECT 2", "SELECT 1", "SELECT 1"] {
            db.run(sql, ok).unwrap();
        }
        for id in [1, 2, 1] {
            db.statement(BY_ID).values(&id).run(ok).unwrap();
        }
    });
    measure("runs one once", || db.run("SELECT 1", ok).unwrap());
    assert_eq!(value("query_duplicates_total", "duplicates", &[]), Some(3.0));
}

#[test]
fn a_future_that_waits_between_statements_is_one_call() {
    async fn page(db: Query, statements: usize) {
        for _ in 0..statements {
            let mut is_ready = false;
            let answer = std::future::poll_fn(move |_| match std::mem::replace(&mut is_ready, true) {
                true => std::task::Poll::Ready(ok()),
                false => std::task::Poll::Pending,
            });
            db.run_async(BY_ID, answer).await.unwrap();
        }
    }
    let db = watch_query("futures");
    // Ten at a time, each with one statement: none is N+1, although they are of one function.
    let round = |statements: usize| {
        let mut futures: Vec<_> = (0..10).map(|_| Box::pin(page(db, statements).profiled("a page"))).collect();
        while !futures.is_empty() {
            futures.retain_mut(|future| future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        }
    };
    (0..10).for_each(|_| round(1));
    assert_eq!((only(db).calls, only(db).n_plus_one), (100, 0));
    round(6);
    assert_eq!((only(db).calls, only(db).n_plus_one), (160, 10));
}

#[test]
fn a_statement_that_is_dropped_is_cancelled() {
    let db = watch_query("cancelled");
    {
        let mut run = pin!(db.run_async(BY_ID, std::future::pending::<Result<(), ()>>()));
        assert!(run.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    let figures = only(db);
    assert_eq!((figures.calls, figures.cancelled, figures.errors, figures.durations.count()), (1, 1, 0, 0));
}

#[test]
fn a_hook_may_run_within_a_statement() {
    let db = watch_query("hook");
    db.run("SELECT 1", || {
        db.statement("SELECT 2").full_scan();
        db.statement("SELECT 2").record(Duration::from_millis(2), Outcome::Error);
        ok()
    })
    .unwrap();
    let figures = only(db);
    assert_eq!((figures.calls, figures.errors, figures.full_scans), (2, 1, 1));
    assert!(!figures.is_slow_on_average());
}
