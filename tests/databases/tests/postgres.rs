//! `PostgreSQL` by sqlx, with a server that this test starts.

use std::fs;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use perf_sdk::instrument::Query;
use perf_sdk_databases::{BY_ORDER, BY_ORDERS, ORDERS, SLOW, assert_mended, assert_planted};
use sqlx::Row as _;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};

const TABLES: &str = "
    CREATE TABLE items (id BIGINT PRIMARY KEY, order_id BIGINT NOT NULL, name TEXT NOT NULL);
    INSERT INTO items SELECT n, (n - 1) / 10, 'item ' || n FROM generate_series(1, 5000) n;";
const INDEX: &str = "CREATE INDEX items_order ON items (order_id)";
const SLEEP: &str = "SELECT pg_sleep($1)";

/// The folder of the server's programs.
fn programs() -> Option<PathBuf> {
    let is_there = |folder: &PathBuf| folder.join("initdb").exists() && folder.join("postgres").exists();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let debian =
        fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().map(|version| version.path().join("bin"));
    std::env::split_paths(&path).chain(debian).find(is_there)
}

/// A server in a folder of its own, without a port.
struct Server {
    process: Child,
    folder: PathBuf,
}

/// The user and group of the server, which does not run as root.
fn user() -> Option<(u32, u32)> {
    let id = |arguments: &[&str]| -> Option<u32> {
        let output = Command::new("id").args(arguments).output().ok()?;
        String::from_utf8(output.stdout).ok()?.trim().parse().ok()
    };
    (id(&["-u"])? == 0).then(|| id(&["-u", "postgres"]).zip(id(&["-g", "postgres"])))?
}

fn command(program: &Path, user: Option<(u32, u32)>) -> Command {
    let mut command = Command::new(program);
    command.current_dir("/").stdin(Stdio::null()).stdout(Stdio::null());
    if let Some((user, group)) = user {
        command.uid(user).gid(group);
    }
    command
}

impl Server {
    fn start(programs: &Path) -> Self {
        let folder = std::env::temp_dir().join(format!("perf-sdk-postgres-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let user = user();
        if let Some((user, group)) = user {
            chown(&folder, Some(user), Some(group)).unwrap();
        }
        let data = folder.join("data");
        let made = command(&programs.join("initdb"), user)
            .args(["--auth=trust", "--username=tester", "--no-sync", "--encoding=UTF8", "--locale=C", "-D"])
            .arg(&data)
            .status()
            .unwrap();
        assert!(made.success(), "initdb");
        let process = command(&programs.join("postgres"), user)
            .args(["-F", "-c", "listen_addresses=", "-c", "autovacuum=off", "-k"])
            .arg(&folder)
            .arg("-D")
            .arg(&data)
            .spawn()
            .unwrap();
        Self { process, folder }
    }

    async fn pool(&self) -> PgPool {
        let options =
            PgConnectOptions::new_without_pgpass().socket(&self.folder).username("tester").database("postgres");
        let start = Instant::now();
        loop {
            match PgPoolOptions::new().max_connections(4).connect_with(options.clone()).await {
                Ok(pool) => return pool,
                Err(error) => assert!(start.elapsed() < Duration::from_secs(60), "no connection: {error}"),
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The signal for an end without waiting for connections.
        let asked = Command::new("kill").arg("-INT").arg(self.process.id().to_string()).status();
        if !asked.is_ok_and(|asked| asked.success()) {
            let _ = self.process.kill();
        }
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

async fn plan(pool: &PgPool, sql: &str, values: &[i64]) -> String {
    let explained = sqlx::query(sqlx::AssertSqlSafe(format!("EXPLAIN {sql}")));
    let explained = values.iter().fold(explained, |explained, value| explained.bind(*value));
    let rows = explained.fetch_all(pool).await.unwrap();
    rows.iter().map(|row| row.get::<String, _>(0)).collect::<Vec<_>>().join("\n")
}

#[perf_sdk::profiled]
async fn planted(db: Query, pool: &PgPool) {
    let by_order = db.statement(BY_ORDER);
    for order in ORDERS {
        let rows = sqlx::query(BY_ORDER).bind(order).fetch_all(pool);
        let rows = by_order.values(&order).run_async(rows).await.unwrap();
        by_order.rows(rows.len() as u64);
        if by_order.wants_plan() {
            by_order.set_plan(&plan(pool, BY_ORDER, &[order]).await);
        }
        assert_eq!(rows.len(), 10);
    }
}

#[perf_sdk::profiled]
async fn mended(db: Query, pool: PgPool) {
    let by_orders = db.statement(BY_ORDERS);
    let query = ORDERS[..10].iter().fold(sqlx::query(BY_ORDERS), |query, order| query.bind(*order));
    let rows = by_orders.run_async(query.fetch_all(&pool)).await.unwrap();
    if by_orders.wants_plan() {
        by_orders.set_plan(&plan(&pool, BY_ORDERS, &ORDERS[..10]).await);
    }
    assert_eq!(rows.len(), 100);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlx_with_postgresql() {
    let Some(programs) = programs() else {
        assert!(std::env::var_os("PERF_TEST_REQUIRE_TOOLS").is_none(), "no server of PostgreSQL");
        eprintln!("SKIPPED: no server of PostgreSQL on this machine (Debian: postgresql)");
        return;
    };
    let server = Server::start(&programs);
    let pool = server.pool().await;
    sqlx::raw_sql(TABLES).execute(&pool).await.unwrap();
    sqlx::raw_sql("ANALYZE items").execute(&pool).await.unwrap();
    let db = perf_sdk::watch_query("postgres planted").slow(SLOW);
    planted(db, &pool).await;
    let slow = db.statement(SLEEP);
    slow.run_async(sqlx::query(SLEEP).bind(SLOW.as_secs_f64() + 0.1).fetch_all(&pool)).await.unwrap();
    if slow.wants_plan() {
        let explained = sqlx::query("EXPLAIN SELECT pg_sleep($1)").bind(0.0).fetch_all(&pool).await.unwrap();
        slow.set_plan(explained[0].get(0));
    }
    assert_planted(db, "SELECT pg_sleep", "planted");
    let failed = db.run_async("SELECT 1 / 0", sqlx::query("SELECT 1 / 0").fetch_all(&pool)).await;
    assert!(failed.is_err());
    assert_eq!(db.statements().iter().map(|statement| statement.errors).sum::<u64>(), 1);

    sqlx::raw_sql(INDEX).execute(&pool).await.unwrap();
    sqlx::raw_sql("ANALYZE items").execute(&pool).await.unwrap();
    let db = perf_sdk::watch_query("postgres mended").slow(SLOW);
    // Twenty at the same time, of which each runs one statement.
    let tasks: Vec<_> = (0..20).map(|_| tokio::spawn(mended(db, pool.clone()))).collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_mended(db, 20);
    pool.close().await;
}
