//! Pools of connections.

use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use perf_sdk::instrument::{ConnectionPool, PoolState};
use perf_sdk::profiled;

use super::common::{Plant, Run, usual_work};

pub(crate) const PLANTS: &[Plant] = &[
    Plant { rule: "pool_waits", works: pool_waits },
    Plant { rule: "pool_full", works: pool_full },
    Plant { rule: "pool_oversized", works: pool_oversized },
];

/// A pool with all of its connections open. Whoever wants one waits until there is one.
struct Pool {
    size: u64,
    idle: Mutex<u64>,
    returned: Condvar,
}

/// The pool, and how it is watched.
struct Watched {
    pool: Arc<Pool>,
    watched: ConnectionPool,
}

impl Watched {
    fn new(size: u64) -> Self {
        let pool = Arc::new(Pool { size, idle: Mutex::new(size), returned: Condvar::new() });
        let asked = Arc::clone(&pool);
        let watched = perf_sdk::watch_pool("db").state(move || {
            let idle = *asked.idle.lock().expect("nobody panics");
            PoolState { size: asked.size, idle, in_use: asked.size - idle, waiting: None }
        });
        Self { pool, watched }
    }

    /// Uses a connection for so long.
    fn with_connection(&self, time: Duration) {
        let take = || -> Result<(), ()> {
            let idle = self.pool.idle.lock().expect("nobody panics");
            let mut idle = self.pool.returned.wait_while(idle, |idle| *idle == 0).expect("nobody panics");
            *idle -= 1;
            Ok(())
        };
        self.watched.checkout(take, |()| false).expect("a connection");
        // What the database takes.
        thread::sleep(time);
        *self.pool.idle.lock().expect("nobody panics") += 1;
        self.pool.returned.notify_one();
    }
}

/// Six threads share one connection; corrected, there are enough.
fn pool_waits(run: &Run) {
    #[profiled]
    fn ask(pool: &Watched) {
        pool.with_connection(Duration::from_millis(6));
    }

    let _perf = run.start_ready();
    let pool = Watched::new(if run.is_corrected { 12 } else { 1 });
    run.requests_on(6, |number| {
        usual_work(number);
        ask(&pool);
    });
}

/// Connections are kept while nothing is asked; corrected, they are returned.
fn pool_full(run: &Run) {
    const KEPT: Duration = Duration::from_millis(60);

    let _perf = run.start_ready();
    let pool = Watched::new(4);
    run.requests_on(4, |number| {
        usual_work(number);
        if run.is_corrected {
            pool.with_connection(Duration::from_millis(1));
            thread::sleep(KEPT);
        } else {
            pool.with_connection(KEPT);
        }
    });
}

/// Forty connections are open for two threads; corrected, six.
fn pool_oversized(run: &Run) {
    let _perf = run.start_ready();
    let pool = Watched::new(if run.is_corrected { 6 } else { 40 });
    run.requests_on(2, |number| {
        usual_work(number);
        pool.with_connection(Duration::from_millis(5));
    });
}
