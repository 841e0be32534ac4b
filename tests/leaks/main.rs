//! Published leaks, in the releases that have them and in those that do not: `leaky` and `fixed`
//! are built from this file.
//!
//! | release | leak | source |
//! |---|---|---|
//! | bytes 1.10.0 | the owner of `Bytes::from_owner` when it becomes a vector | bytes' changelog of 1.10.1, #773 |
//! | moka 0.7.0 | the keys of entries that expire | moka's issue 64 |
//! | moka 0.9.3 | the values of a cache that is dropped | moka's issue 176 |
//! | unicycle 0.10.1 | tasks that keep their own waker | unicycle's issue 30 |
//!
//! The argument is the expected verdict for each: `confirmed`, or `none`. It takes some ten
//! seconds, and exits with an error if a verdict differs.

use std::future::poll_fn;
use std::pin::pin;
use std::process::ExitCode;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_core::Stream as _;
use perf_sdk::profiled;
use perf_sdk::snapshot::{Leaks, Verdict};

#[global_allocator]
static ALLOC: perf_sdk::Alloc = perf_sdk::Alloc::new();

/// Maximum number of entries of a cache.
const CAPACITY: u64 = 500;
const NAMES: [&str; 4] = ["bytes_to_vector", "moka_evicts", "moka_drops", "unicycle_keeps_a_waker"];

#[profiled]
fn bytes_to_vector() {
    let owner: Box<[u8]> = vec![1; 100].into();
    drop(Vec::from(Bytes::from_owner(owner)));
}

/// The bound of the cache is declared: what it holds beyond that is a leak.
#[profiled(bounded = 512 << 10)]
fn moka_evicts(cache: &mut moka_0_7::unsync::Cache<u64, [u64; 4]>, n: u64) {
    cache.insert(n, [n; 4]);
}

#[profiled]
fn moka_drops(n: u64) {
    let cache = moka_0_9::sync::Cache::builder().max_capacity(100).thread_pool_enabled(false).build();
    (0..10).for_each(|key| cache.insert(key, vec![n; 20]));
}

#[profiled]
fn unicycle_keeps_a_waker() {
    let mut kept: Option<Waker> = None;
    let mut tasks = unicycle::FuturesUnordered::new();
    tasks.push(poll_fn(move |context| -> Poll<()> {
        let before = kept.replace(context.waker().clone());
        assert!(before.is_none(), "it is polled once");
        Poll::Pending
    }));
    let tasks = pin!(tasks);
    assert!(tasks.poll_next(&mut Context::from_waker(Waker::noop())).is_pending());
}

/// The worst verdict on the memory of a function.
fn verdict(leaks: &Leaks, name: &str) -> Verdict {
    let findings = leaks.findings.iter().filter(|finding| finding.function == name);
    findings.map(|finding| finding.verdict).max().unwrap_or_default()
}

fn main() -> ExitCode {
    let confirmed = match std::env::args().nth(1).as_deref() {
        Some("confirmed") => true,
        Some("none") => false,
        other => {
            eprintln!("the argument is {other:?}; allowed: confirmed, none");
            return ExitCode::FAILURE;
        }
    };
    let started = perf_sdk::builder()
        .listen("off")
        .report(false)
        .heap("4KiB")
        .leak_window("50ms")
        .leak_horizon("6s")
        .leak_floor("32KiB")
        .leak_caches("declared")
        .start();
    let perf = match started {
        Ok(perf) => perf,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    let mut evicting =
        moka_0_7::unsync::Cache::builder().max_capacity(CAPACITY).time_to_idle(Duration::from_millis(20)).build();
    let start = Instant::now();
    let mut n = 0;
    let leaks = loop {
        for _ in 0..100 {
            n += 1;
            bytes_to_vector();
            moka_evicts(&mut evicting, n);
            unicycle_keeps_a_waker();
            if n.is_multiple_of(10) {
                moka_drops(n);
            }
        }
        thread::sleep(Duration::from_millis(3));
        let leaks = perf.leaks().unwrap_or_default();
        let is_told = NAMES.iter().all(|name| verdict(&leaks, name) == Verdict::Confirmed);
        // The fixed releases are observed for as long as a confirmation takes, and half as long
        // again.
        if (confirmed && is_told) || (!confirmed && leaks.windows > 240) || start.elapsed() > Duration::from_secs(60) {
            break leaks;
        }
    };
    let mut as_expected = true;
    println!("after {} evaluations:", leaks.windows);
    for name in NAMES {
        let verdict = verdict(&leaks, name);
        // A bounded function stays within its declared bound.
        as_expected &= (verdict == Verdict::Confirmed) == confirmed && (confirmed || verdict <= Verdict::Bounded);
        println!("  {verdict:9} {name}");
    }
    for finding in leaks.findings.iter().filter(|finding| NAMES.contains(&finding.function.as_str())) {
        println!("{}: {}: {}", finding.verdict, finding.function, finding.evidence);
    }
    if as_expected { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
