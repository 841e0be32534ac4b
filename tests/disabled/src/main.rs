//! Uses every name that the crate offers without further features, and prints how much was
//! recorded.

use std::alloc::System;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use perf_sdk::export::{self, Exposition, Format, Weight};
use perf_sdk::snapshot::Snapshot;
use perf_sdk::{FutureExt as _, Histogram, Outcome, Rate, Scale};

// Without the feature `jemalloc`, the same as `CountingAlloc` over the system's allocator.
#[global_allocator]
static ALLOC: perf_sdk::Alloc = perf_sdk::Alloc::new();
const _: perf_sdk::CountingAlloc<System> = perf_sdk::CountingAlloc::new(System);

#[perf_sdk::profiled]
fn work() -> u64 {
    perf_sdk::scope!("phase");
    perf_sdk_disabled::plain(10)
}

/// Everything that a database offers.
fn statements() -> Result<(), Box<dyn std::error::Error>> {
    use perf_sdk::instrument::{Dialect, Query, Statement};
    let db: Query = perf_sdk::watch_query("db").slow(Duration::from_secs(1)).n_plus_one(3).through(1);
    let db = db.dialect(Dialect::Standard);
    db.run("SELECT 1", || Ok::<_, std::fmt::Error>(()))?;
    finished(db.run_async("SELECT 1", std::future::ready(Ok::<_, std::fmt::Error>(()))))?;
    let statement: Statement = db.statement("SELECT ?").values(&7);
    statement.run(|| Ok::<_, std::fmt::Error>(()))?;
    finished(statement.run_async(std::future::ready(Ok::<_, std::fmt::Error>(()))))?;
    statement.record(Duration::ZERO, Outcome::Ok);
    statement.rows(1);
    statement.full_scan();
    statement.explain(|| None);
    if statement.wants_plan() {
        statement.set_plan("SCAN t");
    }
    db.transaction(true);
    assert_eq!(db.statements().len() + db.unexplained().len(), usize::from(cfg!(feature = "enabled")));
    assert_eq!(perf_sdk_disabled::statements(&[1, 2])?, 3);
    Ok(())
}

fn finished<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => unreachable!("nothing here is pending"),
    }
}

fn instruments() -> Result<(), Box<dyn std::error::Error>> {
    use perf_sdk::instrument::{Cache, CacheTotals, ConnectionPool, PoolState, Queue, Queued};
    use perf_sdk::{io::Counted, lazy::Watched, lazy::WatchedOnce};
    use std::io::{Read as _, Seek as _, Write as _};

    let cache: Cache = perf_sdk::watch_cache("cache").entries(|| 1).bytes(|| 2).totals(CacheTotals::default);
    let near = cache.tier(2);
    near.hit();
    near.miss();
    for count in [Cache::inserted, Cache::evicted, Cache::expired, Cache::invalidated, Cache::promoted] {
        count(&near, 1);
    }
    near.prefetched(1);
    near.prefetched_used(1);
    assert_eq!((near.get(|| Some(1)), near.try_get(|| Ok::<_, ()>(Some(2)))), (Some(1), Ok(Some(2))));
    assert_eq!(finished(near.get_async(std::future::ready(Some(3)))), Some(3));
    assert_eq!(finished(near.try_get_async(std::future::ready(Ok::<_, ()>(None::<u8>)))), Ok(None));
    let pool: ConnectionPool = perf_sdk::watch_pool("pool").state(PoolState::default);
    assert_eq!(pool.checkout(|| Ok::<_, ()>(4), |()| true), Ok(4));
    assert_eq!(finished(pool.checkout_async(std::future::ready(Ok::<_, ()>(5)), |()| true)), Ok(5));
    let queue: Queue = perf_sdk::watch_queue("queue").capacity(2).depth(|| 0);
    let (sender, receiver) = std::sync::mpsc::channel::<Queued<u8>>();
    queue.send(6, |item| sender.send(item))?;
    assert_eq!(queue.receive(|| receiver.recv())?, 6);
    finished(queue.send_async(7, |item| std::future::ready(sender.send(item))))?;
    assert_eq!(finished(queue.receive_async(std::future::ready(receiver.recv().ok()))), Some(7));
    let mut file = Counted::new("file", std::io::Cursor::new(Vec::new()));
    file.write_all(b"abc")?;
    file.flush()?;
    file.rewind()?;
    assert_eq!((file.read(&mut [0; 8])?, file.get_ref().position(), file.get_mut().get_mut().len()), (3, 3, 3));
    drop(file.into_inner());
    static LAZY: Watched<u8> = Watched::new("lazy", || 8);
    static ONCE: WatchedOnce<u8> = WatchedOnce::new("once");
    Watched::watch(&LAZY);
    ONCE.watch();
    assert_eq!((*LAZY, Watched::force(&LAZY), ONCE.get_or_init(|| 9), ONCE.get()), (8, &8, &9, Some(&9)));
    assert_eq!(ONCE.set(1), Err(1));
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let rate = "10%".parse::<Rate>()?;
    let perf = perf_sdk::builder()
        .listen("off")
        .token("0123456789abcdef")
        .token_file("unused")
        .allow_remote(false)
        .allow_host("localhost")
        .report(false)
        .enabled(true)
        .sample("nothing::*", rate)
        .budget("off")
        .memory("1MiB")
        .heap("off")
        .leak_window("1s")
        .leak_horizon("2min")
        .leak_floor("1MiB")
        .leak_caches("declared")
        .memory_limit("1GiB")
        .pressure("off")
        .on_leak(|finding| println!("{}", finding.verdict))
        .push("off")
        .push_protocol("push")
        .push_interval("1s")
        .push_name("disabled")
        .push_labels("a=b")
        .push_token("secret")
        .push_tenant("tenant")
        .profiles("off")
        .profiles_keep("1")
        .cpu_clock("syscall")
        .start()?;
    perf_sdk::set_trace_hook(|| None);
    work();
    perf_sdk::measure("measured", || ());
    statements()?;
    perf_sdk::record("recorded", Duration::from_millis(1), Outcome::Ok);
    finished(async { 1 }.profiled("future"));
    perf_sdk::with_labels([("tenant", "acme"), ("route", "/")], work);
    finished(async { 1 }.labelled([("tenant", String::from("acme"))]));
    perf_sdk::assert_allocations(1, || Box::new(1));
    perf_sdk::assert_no_leak(|| vec![1]);
    finished(perf_sdk_disabled::boxed(3));
    finished(perf_sdk::Scope::current().inherit(async { 2 }));
    static LOCKED: perf_sdk::sync::Mutex<u8> = perf_sdk::sync::Mutex::new(1);
    static READ: perf_sdk::sync::RwLock<u8> = perf_sdk::sync::RwLock::new(2);
    let guard: perf_sdk::sync::MutexGuard<'_, u8> = LOCKED.lock()?;
    let (guard, _) = perf_sdk::sync::Condvar::new().wait_timeout(guard, Duration::ZERO)?;
    assert_eq!((*guard, *READ.read()?), (1, 2));
    drop(guard);
    assert_eq!(perf.snapshot().locks.holders, []);
    instruments()?;
    assert_eq!(perf.address(), None);
    assert_eq!(perf.leaks(), None);
    perf.set_heap("off")?;
    perf.set_sampling("*", None);
    let recording = perf.is_recording();
    perf.set_recording(false);

    let snapshot: Snapshot = perf.snapshot();
    let window = perf_sdk::snapshot().subtract(&Snapshot::default());
    let mut out = Vec::new();
    Exposition::new().write(Format::negotiate(None), &snapshot, None, &mut out)?;
    export::folded::write(&snapshot, Weight::Wall, None, &mut out)?;
    export::table::write(&snapshot, &mut out)?;
    export::speedscope::write(&snapshot, Weight::Cpu, None, &mut out)?;
    export::json::write(&snapshot, &mut out)?;
    assert!(!export::has_function(&snapshot, "none"));
    let mut histogram = Histogram::new(Scale::Seconds);
    histogram.record(5, 1);
    assert_eq!(histogram.count(), 1);
    let path = std::env::temp_dir().join(format!("perf-sdk-disabled-{}.json", std::process::id()));
    snapshot.write_to(&path)?;
    assert_eq!(Snapshot::read_from(&path).is_ok(), recording);
    let _ = std::fs::remove_file(&path);
    println!("recording {recording}, functions {}, {}", snapshot.functions.len(), window.functions.len());
    println!("allocations {}", snapshot.has_allocations);
    println!("settings {}", perf_sdk::SETTINGS.len());
    Ok(())
}
