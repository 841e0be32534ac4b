//! Statements of SQLite, and a cache.

use std::collections::{HashMap, VecDeque};
use std::hint::black_box;
use std::thread;
use std::time::{Duration, Instant};

use perf_sdk::instrument::Query;
use perf_sdk::profiled;
use rusqlite::{Connection, params};

use super::common::{Plant, Run, usual_work};

pub(crate) const PLANTS: &[Plant] = &[
    Plant { rule: "n_plus_one", works: n_plus_one },
    Plant { rule: "slow_statement", works: slow_statement },
    Plant { rule: "full_scan", works: full_scan },
    Plant { rule: "cache_misses", works: cache_misses },
];

/// A shop with so many items, four of each order.
fn shop(items: u32) -> Connection {
    let connection = Connection::open_in_memory().expect("SQLite");
    let tables = "CREATE TABLE items (id INTEGER PRIMARY KEY, order_id INTEGER, name TEXT);
                  CREATE INDEX items_of_orders ON items (order_id, id);";
    connection.execute_batch(tables).expect("tables");
    let begun = connection.unchecked_transaction().expect("a transaction");
    {
        let mut insert = begun.prepare("INSERT INTO items (order_id, name) VALUES (?, ?)").expect("a statement");
        for item in 0..items {
            insert.execute(params![item / 4, format!("item {item}")]).expect("a row");
        }
    }
    begun.commit().expect("a commit");
    connection
}

/// Runs a statement that returns one number, through the watch.
fn number(db: &Query, connection: &Connection, sql: &str, of: &[i64]) -> i64 {
    let statement = db.statement(sql).values(&of);
    let run = || -> rusqlite::Result<i64> {
        let mut prepared = connection.prepare_cached(sql)?;
        prepared.query_row(rusqlite::params_from_iter(of), |row| row.get(0))
    };
    let result = statement.run(run).expect("an answer");
    statement.explain(|| plan(connection, sql, of));
    result
}

fn plan(connection: &Connection, sql: &str, of: &[i64]) -> Option<String> {
    let mut explain = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).ok()?;
    let lines = explain.query_map(rusqlite::params_from_iter(of), |row| row.get::<_, String>(3)).ok()?;
    Some(lines.filter_map(Result::ok).collect::<Vec<_>>().join("\n"))
}

/// Asks for each order by itself; corrected, for all at once.
fn n_plus_one(run: &Run) {
    const ORDERS: i64 = 20;

    #[profiled]
    fn page_by_order(db: &Query, connection: &Connection, first: i64) -> i64 {
        const SQL: &str = "SELECT count(*) FROM items WHERE order_id = ?";
        (first..first + ORDERS).map(|order| number(db, connection, SQL, &[order])).sum()
    }

    #[profiled]
    fn page(db: &Query, connection: &Connection, first: i64) -> i64 {
        const SQL: &str = "SELECT count(*) FROM items WHERE order_id BETWEEN ? AND ?";
        number(db, connection, SQL, &[first, first + ORDERS])
    }

    let connection = shop(4_000);
    let _perf = run.start_ready();
    let db = perf_sdk::watch_query("shop");
    run.requests(|request| {
        usual_work(request);
        let first = request as i64 % 900;
        let page = if run.is_corrected { page } else { page_by_order };
        black_box(page(&db, &connection, first));
    });
}

/// Joins far too many rows, by indices; corrected, few.
fn slow_statement(run: &Run) {
    const SQL: &str = "SELECT count(*) FROM items a JOIN items b ON b.order_id BETWEEN ?1 AND ?2 \
                       WHERE a.order_id BETWEEN ?1 AND ?2";
    const SLOW: Duration = Duration::from_millis(100);

    #[profiled]
    fn statistics(db: &Query, connection: &Connection, orders: i64) -> i64 {
        number(db, connection, SQL, &[1, orders])
    }

    /// So many orders that it takes longer than what is slow, whatever the machine is.
    fn too_many(connection: &Connection) -> i64 {
        let mut orders = 2;
        loop {
            let start = Instant::now();
            black_box(connection.query_row(SQL, [1, orders], |row| row.get::<_, i64>(0)).expect("an answer"));
            if start.elapsed() > SLOW * 2 {
                return orders;
            }
            orders = (orders * 3 / 2).min(9_000);
        }
    }

    let connection = shop(40_000);
    let orders = if run.is_corrected { 2 } else { too_many(&connection) };
    let _perf = run.start_ready();
    let db = perf_sdk::watch_query("shop").slow(SLOW);
    run.requests(|request| {
        usual_work(request);
        black_box(statistics(&db, &connection, orders));
        // So that it takes no processor for itself.
        thread::sleep(if run.is_corrected { Duration::ZERO } else { Duration::from_secs(1) });
    });
}

/// Looks for a text in a column without an index; corrected, with one.
fn full_scan(run: &Run) {
    const SQL: &str = "SELECT count(*) FROM items WHERE name = 'item ' || ?";

    #[profiled]
    fn find(db: &Query, connection: &Connection, item: i64) -> i64 {
        number(db, connection, SQL, &[item])
    }

    let connection = shop(4_000);
    if run.is_corrected {
        connection.execute_batch("CREATE INDEX items_by_name ON items (name)").expect("an index");
    }
    let _perf = run.start_ready();
    let db = perf_sdk::watch_query("shop");
    run.requests(|request| {
        usual_work(request);
        black_box(find(&db, &connection, request as i64 % 4_000));
    });
}

/// Keeps fewer answers than come again; corrected, all.
fn cache_misses(run: &Run) {
    const QUESTIONS: u64 = 100;

    let _perf = run.start_ready();
    let watched = perf_sdk::watch_cache("answers");
    let capacity = if run.is_corrected { 200 } else { 20 };
    let (mut answers, mut oldest) = (HashMap::<u64, u64>::new(), VecDeque::new());
    run.requests(|request| {
        for question in (request * 10..).take(10).map(|at| at % QUESTIONS) {
            if watched.get(|| answers.get(&question).copied()).is_some() {
                continue;
            }
            answers.insert(question, usual_work(question));
            oldest.push_back(question);
            watched.inserted(1);
            if answers.len() > capacity
                && let Some(old) = oldest.pop_front()
            {
                answers.remove(&old);
                watched.evicted(1);
            }
        }
        if run.is_corrected {
            usual_work(request);
        }
    });
}
