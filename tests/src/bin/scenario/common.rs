//! Helpers for several groups of scenarios.

use std::future::Future;
use std::hint::black_box;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use perf_sdk::FutureExt as _;
use perf_sdk::snapshot::Calls;
use perf_sdk_tests::{function, until};

/// The maximum cost of recording one call if nothing interrupts it: twenty times the average cost
/// of an empty call here.
pub(crate) fn recorder_ns() -> i64 {
    const CALLS: u32 = 1_000;
    let empty = || {
        let start = Instant::now();
        (0..CALLS).for_each(|_| perf_sdk::measure("empty", || ()));
        start.elapsed() / CALLS
    };
    20 * (0..20).map(|_| empty()).min().unwrap_or_default().as_nanos() as i64
}

/// Polls once.
pub(crate) fn poll<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// Pending until the flag is set. Each poll spins for a while.
pub(crate) struct Gate<'a> {
    pub open: &'a AtomicBool,
    pub spin: Duration,
}

impl Future for Gate<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        spin(self.spin);
        if self.open.load(Relaxed) { Poll::Ready(()) } else { Poll::Pending }
    }
}

pub(crate) fn spin(time: Duration) {
    let start = Instant::now();
    while start.elapsed() < time {
        black_box(0);
    }
}

pub(crate) fn quiet_panics() {
    let said = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if thread::current().name() == Some("main") {
            said(panic);
        }
    }));
}

/// The very first call calibrates and tests the clocks. This takes milliseconds, which are
/// attributed to no call.
pub(crate) fn warm_up() {
    perf_sdk::measure("warm_up", || ());
}

/// Signals threads to end when it drops, even after a failed assertion: the scope waits for the
/// threads.
pub(crate) struct Done<'a>(pub &'a AtomicBool);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

/// Makes calls of every kind on many threads, and checks their counts.
pub(crate) fn counted() -> perf_sdk::snapshot::Snapshot {
    const THREADS: u64 = 64;
    const ROUNDS: u64 = 500;
    quiet_panics();

    fn early(n: u64) -> u64 {
        perf_sdk::scope!("early");
        if n.is_multiple_of(3) {
            return 0;
        }
        n
    }
    fn recursive(n: u64) -> u64 {
        perf_sdk::scope!("recursive");
        if n == 0 { 0 } else { 1 + recursive(n - 1) }
    }

    thread::scope(|threads| {
        for _ in 0..THREADS {
            threads.spawn(|| {
                let closed = AtomicBool::new(false);
                for round in 0..ROUNDS {
                    black_box(early(round));
                    recursive(4);
                    let result = catch_unwind(AssertUnwindSafe(|| {
                        perf_sdk::measure("panics", || assert!(round % 5 != 0, "every fifth"));
                    }));
                    assert_eq!(result.is_err(), round % 5 == 0);
                    let mut cancelled = Box::pin(Gate { open: &closed, spin: Duration::ZERO }.profiled("gate"));
                    assert!(poll(cancelled.as_mut()).is_pending());
                }
            });
        }
    });

    let seen = perf_sdk::snapshot();
    let calls = |name| function(&seen, name).calls;
    let all = THREADS * ROUNDS;
    let expected = |ok, error, panic, cancelled| {
        let mut calls = Calls::default();
        (calls.ok, calls.error, calls.panic, calls.cancelled) = (ok, error, panic, cancelled);
        calls
    };
    assert_eq!(calls("early"), expected(all, 0, 0, 0));
    assert_eq!(calls("recursive"), expected(all * 5, 0, 0, 0));
    assert_eq!(calls("panics"), expected(all * 4 / 5, 0, all / 5, 0));
    assert_eq!(calls("gate"), expected(0, 0, 0, all));
    assert_eq!(function(&seen, "gate").future.map(|f| f.polls), Some(all));
    for function in &seen.functions {
        assert_eq!(function.running, 0, "{}", function.name);
    }
    // If the thread is off the CPU for long, the CPU clock may miss a reading. No call is lost by
    // that.
    let lost = seen.profiler.dropped.iter().filter(|(reason, count)| **count > 0 && *reason != "cpu_clock_miss");
    assert_eq!(lost.count(), 0, "{:?}", seen.profiler.dropped);
    seen
}

/// Waits until the records of ended threads are free: joining a thread does not wait until the
/// thread has really ended.
pub(crate) fn until_threads_ended() {
    until("threads to end", || perf_sdk::snapshot().profiler.threads == 0);
}
