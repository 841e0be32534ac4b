//! Futures, polled by whatever thread and scope.

use std::future::Future;
use std::panic::catch_unwind;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use perf_sdk::FutureExt as _;
use perf_sdk_tests::{burn, function, node};

use super::common::{Gate, poll, quiet_panics, spin};

pub(crate) const SCENARIOS: &[(&str, fn())] = &[
    ("future_over_threads", future_over_threads),
    ("futures_within_themselves", futures_within_themselves),
    ("future_polled_elsewhere", future_polled_elsewhere),
    ("future_outcomes", future_outcomes),
    ("tasks_belong_to_their_spawner", tasks_belong_to_their_spawner),
];

fn future_over_threads() {
    let open = AtomicBool::new(false);
    let gate = Gate { open: &open, spin: Duration::from_millis(5) };
    let mut future = Box::pin(gate.profiled("travels"));
    let first_took = perf_sdk::measure("first_poll", || {
        let start = Instant::now();
        assert!(poll(future.as_mut()).is_pending());
        start.elapsed().as_nanos() as i64
    });
    for _ in 0..3 {
        thread::scope(|threads| {
            threads.spawn(|| assert!(poll(future.as_mut()).is_pending()));
        });
        thread::sleep(Duration::from_millis(10));
    }
    open.store(true, Relaxed);
    thread::scope(|threads| {
        threads.spawn(|| assert!(poll(future.as_mut()).is_ready()));
    });
    drop(future);
    let seen = perf_sdk::snapshot();
    let travels = function(&seen, "travels");
    assert_eq!((travels.calls.ok, travels.calls.cancelled, travels.running), (1, 0, 0));
    let totals = travels.future.unwrap_or_default();
    assert_eq!(totals.polls, 5);
    assert!(totals.busy_ns >= 25_000_000, "{totals:?}");
    assert!(totals.idle_ns >= 30_000_000, "{totals:?}");
    assert!(totals.longest_poll_ns >= 5_000_000);
    let total = travels.wall.sum() as u64;
    assert!(total.abs_diff(totals.busy_ns + totals.idle_ns) < 1_000, "{total} {totals:?}");
    assert!(travels.inclusive.wall_ns as u64 >= 25_000_000, "busy time only: {:?}", travels.inclusive);
    assert!((travels.inclusive.wall_ns as u64) < total, "idle time is left out");
    assert!(node(&seen, &["first_poll", "travels"]).is_some(), "its parent is the scope of its first poll");
    assert!(node(&seen, &["travels"]).is_none());
    // Only the time of the first poll is subtracted from the parent.
    let first = function(&seen, "first_poll");
    assert!(first.inclusive.wall_ns >= 5_000_000 && first.exclusive.wall_ns >= 0, "{first:?}");
    let given_up = first.inclusive.wall_ns - first.exclusive.wall_ns;
    // A tolerance, because `first_took` is from another clock.
    assert!(given_up >= 5_000_000 && given_up <= first_took + first_took / 1_000, "{first:?}, {first_took}");
}

/// Ten nested calls of one function, and twice ten nested calls of two functions that call each
/// other.
fn futures_within_themselves() {
    type Boxed<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;
    fn own(depth: u32, gate: Gate<'_>) -> Boxed<'_> {
        let inner = move || if depth == 0 { Box::pin(gate) as Boxed<'_> } else { own(depth - 1, gate) };
        Box::pin(async move { inner().await }.profiled("own"))
    }
    fn one(depth: u32, gate: Gate<'_>) -> Boxed<'_> {
        Box::pin(async move { other(depth, gate).await }.profiled("one"))
    }
    fn other(depth: u32, gate: Gate<'_>) -> Boxed<'_> {
        let inner = move || if depth == 0 { Box::pin(gate) as Boxed<'_> } else { one(depth - 1, gate) };
        Box::pin(async move { inner().await }.profiled("other"))
    }
    let open = AtomicBool::new(false);
    let gate = || Gate { open: &open, spin: Duration::from_millis(5) };
    let start = Instant::now();
    let mut futures = [own(9, gate()), one(9, gate())];
    for future in &mut futures {
        assert!(poll(future.as_mut()).is_pending());
    }
    thread::sleep(Duration::from_millis(10));
    open.store(true, Relaxed);
    for future in &mut futures {
        assert!(poll(future.as_mut()).is_ready());
    }
    let took = start.elapsed().as_nanos() as u64;
    let seen = perf_sdk::snapshot();
    for name in ["own", "one", "other"] {
        let function = function(&seen, name);
        let totals = function.future.unwrap_or_default();
        assert_eq!((function.calls.ok, totals.polls), (10, 20), "{name}");
        assert!(totals.busy_ns >= 5_000_000 && totals.idle_ns >= 10_000_000, "{name}: {totals:?}");
        // A tolerance, because `took` is from another clock.
        assert!(totals.busy_ns + totals.idle_ns <= took + took / 100, "{name}: {totals:?} of {took}");
    }
}

fn future_polled_elsewhere() {
    let open = AtomicBool::new(false);
    let mut future = Box::pin(Gate { open: &open, spin: Duration::from_millis(5) }.profiled("moved"));
    perf_sdk::measure("owner", || {
        spin(Duration::from_millis(2));
        assert!(poll(future.as_mut()).is_pending());
    });
    perf_sdk::measure("stranger", || {
        spin(Duration::from_millis(3));
        for _ in 0..4 {
            assert!(poll(future.as_mut()).is_pending());
        }
    });
    let seen = perf_sdk::snapshot();
    let own = |name| function(&seen, name).exclusive.wall_ns;
    assert!(own("owner") >= 2_000_000 && own("stranger") >= 3_000_000 && own("moved") >= 25_000_000);
    // The exclusive times add up to the inclusive times: nothing is missing or counted twice.
    let inclusive = |name| function(&seen, name).inclusive.wall_ns;
    let difference = own("owner") + own("stranger") + own("moved") - inclusive("owner") - inclusive("stranger");
    assert!(difference.abs() < 10, "{difference}");
}

fn future_outcomes() {
    quiet_panics();
    let open = AtomicBool::new(true);
    let gate = || Gate { open: &open, spin: Duration::ZERO };
    assert!(poll(pin!(gate().profiled("completes"))).is_ready());
    drop(gate().profiled("never_polled"));
    let panics = catch_unwind(|| {
        let _ = poll(pin!(async { panic!("in poll") }.profiled("panics")));
    });
    assert!(panics.is_err());
    open.store(false, Relaxed);
    {
        let mut pending = pin!(gate().profiled("concurrent"));
        assert!(poll(pending.as_mut()).is_pending());
        assert_eq!(function(&perf_sdk::snapshot(), "concurrent").running, 1);
    }
    let seen = perf_sdk::snapshot();
    assert_eq!(function(&seen, "completes").calls.ok, 1);
    assert_eq!(function(&seen, "panics").calls.panic, 1);
    assert_eq!(function(&seen, "panics").calls.total(), 1);
    assert_eq!(function(&seen, "concurrent").calls.cancelled, 1);
    assert_eq!(function(&seen, "concurrent").running, 0);
    assert!(seen.functions.iter().all(|f| f.name != "never_polled"));
}

/// Spawned tasks, with their callees and their live memory, are children of the scope that spawned
/// them, although it returned long ago.
fn tasks_belong_to_their_spawner() {
    let handle = perf_sdk::builder().listen("off").report(false).budget("off").heap("4KiB").start().expect("a start");
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build().expect("a runtime");
    async fn work(n: u64) -> Vec<Vec<u8>> {
        tokio::time::sleep(Duration::from_millis(1)).await;
        perf_sdk::measure("inner", || {
            burn(Duration::from_millis(1));
            (0..20).map(|_| vec![n as u8; 50_000]).collect()
        })
    }
    let tasks: Vec<_> = runtime.block_on(async {
        perf_sdk::measure("handler", || {
            perf_sdk::measure("spawner", || (0..20).map(|n| perf_sdk::spawn(work(n))).collect())
        })
    });
    let held: Vec<_> = runtime.block_on(async {
        let mut held = Vec::new();
        for task in tasks {
            held.push(task.await.expect("it ends"));
        }
        held
    });
    let scope = perf_sdk::measure("other spawner", perf_sdk::Scope::current);
    thread::spawn(move || {
        let mut future = pin!(scope.inherit(async { perf_sdk::measure("inner", || ()) }));
        assert!(poll(future.as_mut()).is_ready());
    })
    .join()
    .expect("it ends");
    assert!(poll(pin!(perf_sdk::Scope::current().inherit(async {}))).is_ready(), "outside of all scopes");
    drop(runtime);
    let seen = handle.snapshot();
    let at = |path: &[&str]| node(&seen, path).unwrap_or_else(|| panic!("no {path:?}"));
    assert_eq!(at(&["handler", "spawner", "task"]).calls, 20);
    let inner = at(&["handler", "spawner", "task", "inner"]);
    assert_eq!(inner.calls, 20);
    assert!(inner.inclusive.cpu_ns > 19_000_000, "{inner:?}");
    assert!((15 << 20..25 << 20).contains(&inner.live.bytes), "{inner:?}");
    assert!(at(&["handler", "spawner"]).exclusive.wall_ns >= 0, "the time of its tasks is not subtracted from it");
    assert_eq!(at(&["other spawner", "task", "inner"]).calls, 1);
    assert_eq!(at(&["task"]).calls, 1);
    assert!(node(&seen, &["inner"]).is_none());
    drop(held);
}
