//! SQLite: by hand and by the hook of rusqlite, and by sqlx.

use std::sync::LazyLock;
use std::time::Duration;

use perf_sdk::instrument::Query;
use perf_sdk::{FutureExt as _, Outcome};
use perf_sdk_databases::{BY_ORDER, BY_ORDERS, ORDERS, SLOW, assert_mended, assert_planted};
use rusqlite::trace::{TraceEvent, TraceEventCodes};
use rusqlite::{Connection, StatementStatus};
use sqlx::Row as _;

const TABLES: &str = "
    CREATE TABLE items (id INTEGER PRIMARY KEY, order_id INTEGER NOT NULL, name TEXT NOT NULL);
    INSERT INTO items SELECT n, (n - 1) / 10, 'item ' || n
    FROM (WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 5000) SELECT n FROM c);";
const INDEX: &str = "CREATE INDEX items_order ON items (order_id)";
const COUNT: &str =
    "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < $1) SELECT count(*) FROM c";

fn connection(has_index: bool) -> Connection {
    let connection = Connection::open_in_memory().unwrap();
    connection.execute_batch(TABLES).unwrap();
    if has_index {
        connection.execute_batch(INDEX).unwrap();
    }
    connection
}

fn plan(connection: &Connection, sql: &str) -> Option<String> {
    let mut explained = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).ok()?;
    // Parameters stay unbound.
    let mut rows = explained.raw_query();
    let mut lines = Vec::new();
    while let Some(row) = rows.next().ok()? {
        lines.push(row.get::<_, String>("detail").ok()?);
    }
    Some(lines.join("\n"))
}

fn names(connection: &Connection, sql: &str, orders: &[i64]) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare(sql)?;
    statement.query_map(rusqlite::params_from_iter(orders), |row| row.get(0))?.collect()
}

fn count(connection: &Connection, to: i64) -> rusqlite::Result<i64> {
    connection.prepare(COUNT)?.query_row([to], |row| row.get(0))
}

/// Counts ever longer, until that was slow.
fn until_slow(db: Query, mut count: impl FnMut(i64)) {
    let mut to = 1 << 16;
    while db.statements().iter().all(|statement| statement.slow == 0) {
        count(to);
        to *= 2;
    }
}

mod by_hand {
    use super::*;

    #[perf_sdk::profiled]
    fn planted(db: Query, connection: &Connection) {
        let by_order = db.statement(BY_ORDER);
        for order in ORDERS {
            let found = by_order.values(&order).run(|| names(connection, BY_ORDER, &[order])).unwrap();
            by_order.rows(found.len() as u64);
            by_order.explain(|| plan(connection, BY_ORDER));
            assert_eq!(found.len(), 10);
        }
    }

    #[perf_sdk::profiled]
    fn mended(db: Query, connection: &Connection) {
        let by_orders = db.statement(BY_ORDERS);
        let found = by_orders.run(|| names(connection, BY_ORDERS, &ORDERS[..10])).unwrap();
        by_orders.explain(|| plan(connection, BY_ORDERS));
        assert_eq!(found.len(), 100);
    }

    #[test]
    fn rusqlite_by_hand() {
        let db = perf_sdk::watch_query("rusqlite planted").slow(SLOW);
        let connection = connection(false);
        planted(db, &connection);
        let slow = db.statement(COUNT);
        until_slow(db, |to| {
            slow.run(|| count(&connection, to)).unwrap();
            slow.explain(|| plan(&connection, COUNT));
        });
        assert_planted(db, "WITH RECURSIVE", "planted");
        assert_eq!(db.statements().iter().map(|statement| statement.rows).sum::<u64>(), 110);

        let db = perf_sdk::watch_query("rusqlite mended").slow(SLOW);
        let connection = super::connection(true);
        (0..20).for_each(|_| mended(db, &connection));
        assert_mended(db, 20);
    }
}

/// The hook of rusqlite has no context, so each database has a function of its own.
mod by_hook {
    use super::*;

    static PLANTED: LazyLock<Query> = LazyLock::new(|| perf_sdk::watch_query("hook planted").slow(SLOW));
    static MENDED: LazyLock<Query> = LazyLock::new(|| perf_sdk::watch_query("hook mended").slow(SLOW));

    fn note(db: &Query, event: TraceEvent<'_>) {
        if let TraceEvent::Profile(statement, took) = event {
            let measured = match statement.expanded_sql() {
                // With the values in its text, equal ones are told.
                Some(expanded) => db.statement(&expanded),
                None => db.statement(&statement.sql()),
            };
            measured.record(took, Outcome::Ok);
            if statement.get_status(StatementStatus::FullscanStep) > 0 {
                measured.full_scan();
            }
        }
    }

    #[perf_sdk::profiled]
    fn planted_by_hook(connection: &Connection) {
        for order in ORDERS {
            assert_eq!(names(connection, BY_ORDER, &[order]).unwrap().len(), 10);
        }
    }

    #[perf_sdk::profiled]
    fn mended_by_hook(connection: &Connection) {
        assert_eq!(names(connection, BY_ORDERS, &ORDERS[..10]).unwrap().len(), 100);
    }

    /// What a thread of the program does now and then.
    fn explain(db: Query, other: &Connection) {
        for sql in db.unexplained() {
            if let Some(plan) = plan(other, &sql) {
                db.statement(&sql).set_plan(&plan);
            }
        }
    }

    #[test]
    fn rusqlite_by_hook() {
        let traced = connection(false);
        traced.trace_v2(TraceEventCodes::SQLITE_TRACE_PROFILE, Some(|event| note(&PLANTED, event)));
        planted_by_hook(&traced);
        until_slow(*PLANTED, |to| _ = count(&traced, to).unwrap());
        explain(*PLANTED, &connection(false));
        assert_planted(*PLANTED, "WITH RECURSIVE", "planted_by_hook");

        let traced = connection(true);
        traced.trace_v2(TraceEventCodes::SQLITE_TRACE_PROFILE, Some(|event| note(&MENDED, event)));
        (0..20).for_each(|_| mended_by_hook(&traced));
        explain(*MENDED, &connection(true));
        assert_mended(*MENDED, 20);
    }
}

mod by_sqlx {
    use super::*;
    use sqlx::sqlite::{SqlitePool, SqlitePoolOptions};

    /// A pool of one connection, since each has a database in memory of its own.
    async fn pool(has_index: bool) -> SqlitePool {
        let options = SqlitePoolOptions::new()
            .max_connections(1)
            .min_connections(1)
            .idle_timeout(None::<Duration>)
            .max_lifetime(None::<Duration>);
        let pool = options.connect("sqlite::memory:").await.unwrap();
        sqlx::raw_sql(TABLES).execute(&pool).await.unwrap();
        if has_index {
            sqlx::raw_sql(INDEX).execute(&pool).await.unwrap();
        }
        pool
    }

    async fn plan(pool: &SqlitePool, sql: &str) -> String {
        let explained = sqlx::query(sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}")));
        let rows = explained.fetch_all(pool).await.unwrap();
        rows.iter().map(|row| row.get::<String, _>("detail")).collect::<Vec<_>>().join("\n")
    }

    #[perf_sdk::profiled]
    async fn planted_by_sqlx(db: Query, pool: &SqlitePool) {
        let by_order = db.statement(BY_ORDER);
        for order in ORDERS {
            let rows = sqlx::query(BY_ORDER).bind(order).fetch_all(pool);
            let rows = by_order.values(&order).run_async(rows).await.unwrap();
            by_order.rows(rows.len() as u64);
            if by_order.wants_plan() {
                by_order.set_plan(&plan(pool, BY_ORDER).await);
            }
            assert_eq!(rows.len(), 10);
        }
    }

    #[perf_sdk::profiled]
    async fn mended_by_sqlx(db: Query, pool: SqlitePool) {
        let by_orders = db.statement(BY_ORDERS);
        let query = ORDERS[..10].iter().fold(sqlx::query(BY_ORDERS), |query, order| query.bind(*order));
        let rows = by_orders.run_async(query.fetch_all(&pool)).await.unwrap();
        if by_orders.wants_plan() {
            by_orders.set_plan(&plan(&pool, BY_ORDERS).await);
        }
        assert_eq!(rows.len(), 100);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn sqlx_with_sqlite() {
        let db = perf_sdk::watch_query("sqlx planted").slow(SLOW);
        let pool = pool(false).await;
        planted_by_sqlx(db, &pool).await;
        let slow = db.statement(COUNT);
        let mut to = 1_i64 << 16;
        while db.statements().iter().all(|statement| statement.slow == 0) {
            slow.run_async(sqlx::query(COUNT).bind(to).fetch_one(&pool)).await.unwrap();
            if slow.wants_plan() {
                slow.set_plan(&plan(&pool, COUNT).await);
            }
            to *= 2;
        }
        assert_planted(db, "WITH RECURSIVE", "planted_by_sqlx");

        // Twenty at the same time, of which each runs one statement.
        let db = perf_sdk::watch_query("sqlx mended").slow(SLOW);
        let pool = super::by_sqlx::pool(true).await;
        let tasks: Vec<_> = (0..20)
            .map(|n| tokio::spawn(mended_by_sqlx(db, pool.clone()).labelled([("task", n.to_string())])))
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert_mended(db, 20);
    }
}
