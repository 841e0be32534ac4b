//! Pools of connections: r2d2, deadpool and bb8, with managers that connect to nothing.

mod support;

use std::convert::Infallible;
use std::time::Duration;

use deadpool::managed::{self, Metrics, RecycleResult};
use perf_sdk::instrument::PoolState;
use support::{started, sum, until};

fn of(metric: &str, pool: &str) -> Option<f64> {
    sum(metric, "pool", pool)
}

/// Makes numbers.
struct Numbers;

impl r2d2::ManageConnection for Numbers {
    type Connection = u32;
    type Error = Infallible;

    fn connect(&self) -> Result<u32, Infallible> {
        Ok(1)
    }

    fn is_valid(&self, _: &mut u32) -> Result<(), Infallible> {
        Ok(())
    }

    fn has_broken(&self, _: &mut u32) -> bool {
        false
    }
}

#[test]
fn r2d2_tells_its_state_and_timeouts_are_counted() {
    let _perf = started();
    let pool = r2d2::Pool::builder().max_size(2).connection_timeout(Duration::from_millis(50)).build(Numbers).unwrap();
    let of_state = pool.clone();
    let db = perf_sdk::watch_pool("r2d2").state(move || {
        let r2d2::State { connections, idle_connections, .. } = of_state.state();
        PoolState {
            size: of_state.max_size().into(),
            idle: idle_connections.into(),
            in_use: (connections - idle_connections).into(),
            waiting: None,
        }
    });
    let held = [0; 2].map(|_| db.checkout(|| pool.get(), |_| true).expect("a connection"));
    assert!(db.checkout(|| pool.get(), |_| true).is_err(), "both are taken");
    assert_eq!(
        (of("connection_pool_checkouts_total", "r2d2"), of("connection_pool_timeouts_total", "r2d2")),
        (Some(2.0), Some(1.0))
    );
    assert!(of("connection_pool_wait_seconds_total", "r2d2") >= Some(0.05));
    until("the state with both in use", || {
        ["size", "in_use", "idle"].map(|name| of(&format!("connection_pool_{name}"), "r2d2"))
            == [2.0, 2.0, 0.0].map(Some)
    });
    drop(held);
    until("the state with none in use", || of("connection_pool_in_use", "r2d2") == Some(0.0));
}

impl managed::Manager for Numbers {
    type Type = u32;
    type Error = Infallible;

    async fn create(&self) -> Result<u32, Infallible> {
        Ok(1)
    }

    async fn recycle(&self, _: &mut u32, _: &Metrics) -> RecycleResult<Infallible> {
        Ok(())
    }
}

#[test]
fn deadpool_tells_who_waits() {
    let _perf = started();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    let pool: managed::Pool<Numbers> = managed::Pool::builder(Numbers).max_size(1).build().expect("a pool");
    let of_state = pool.clone();
    let db = perf_sdk::watch_pool("deadpool").state(move || {
        let status = of_state.status();
        PoolState {
            size: status.max_size as u64,
            idle: status.available as u64,
            in_use: (status.size - status.available) as u64,
            waiting: Some(status.waiting as u64),
        }
    });
    let is_timeout = |error: &managed::PoolError<Infallible>| matches!(error, managed::PoolError::Timeout(_));
    let held = runtime.block_on(db.checkout_async(pool.get(), is_timeout)).expect("a connection");
    let waits = runtime.spawn({
        let (db, pool) = (db.clone(), pool.clone());
        async move { db.checkout_async(pool.get(), is_timeout).await.is_ok() }
    });
    until("a caller that waits", || {
        ["in_use", "waiting"].map(|name| of(&format!("connection_pool_{name}"), "deadpool")) == [1.0, 1.0].map(Some)
    });
    drop(held);
    assert!(runtime.block_on(waits).expect("no panic"));
    assert_eq!(of("connection_pool_checkouts_total", "deadpool"), Some(2.0));
    let now = managed::Timeouts { wait: Some(Duration::ZERO), ..managed::Timeouts::default() };
    let held = runtime.block_on(pool.get()).expect("a connection");
    assert!(runtime.block_on(db.checkout_async(pool.timeout_get(&now), is_timeout)).is_err());
    assert_eq!(of("connection_pool_timeouts_total", "deadpool"), Some(1.0));
    drop(held);
}

impl bb8::ManageConnection for Numbers {
    type Connection = u32;
    type Error = Infallible;

    async fn connect(&self) -> Result<u32, Infallible> {
        Ok(1)
    }

    async fn is_valid(&self, _: &mut u32) -> Result<(), Infallible> {
        Ok(())
    }

    fn has_broken(&self, _: &mut u32) -> bool {
        false
    }
}

#[test]
fn bb8_tells_its_state_and_timeouts_are_counted() {
    let _perf = started();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    let timeout = Duration::from_millis(50);
    let pool = runtime.block_on(bb8::Pool::builder().max_size(1).connection_timeout(timeout).build(Numbers)).unwrap();
    let of_state = pool.clone();
    let db = perf_sdk::watch_pool("bb8").state(move || {
        let state = of_state.state();
        PoolState {
            size: of_state.config().max_size.into(),
            idle: state.idle_connections.into(),
            in_use: (state.connections - state.idle_connections).into(),
            waiting: Some(state.statistics.pending_gets()),
        }
    });
    let is_timeout = |error: &bb8::RunError<Infallible>| matches!(error, bb8::RunError::TimedOut);
    let held = runtime.block_on(db.checkout_async(pool.get(), is_timeout)).expect("a connection");
    assert!(runtime.block_on(db.checkout_async(pool.get(), is_timeout)).is_err(), "it is taken");
    assert_eq!(of("connection_pool_timeouts_total", "bb8"), Some(1.0));
    until("the state with one in use", || {
        ["size", "in_use", "waiting"].map(|name| of(&format!("connection_pool_{name}"), "bb8"))
            == [1.0, 1.0, 0.0].map(Some)
    });
    drop(held);
}
