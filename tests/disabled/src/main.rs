//! Uses every name that the crate offers without further features, and prints how much was
//! recorded.

use std::alloc::System;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use perf_sdk::export::{self, Exposition, Format, Weight};
use perf_sdk::snapshot::Snapshot;
use perf_sdk::{FutureExt as _, Histogram, Outcome, Rate, Scale};

#[global_allocator]
static ALLOC: perf_sdk::CountingAlloc<System> = perf_sdk::CountingAlloc::new(System);

#[perf_sdk::profiled]
fn work() -> u64 {
    perf_sdk::scope!("phase");
    perf_sdk_disabled::plain(10)
}

fn finished<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => unreachable!("nothing here is pending"),
    }
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
    export::hlog::write(&snapshot, &mut out)?;
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
