//! Threads: start, end, fork, and values passed between them.

use std::cell::Cell;
use std::hint::black_box;
use std::panic::catch_unwind;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use perf_sdk::Rate;
use perf_sdk_tests::{burn, function, node, thread_cpu};

use super::common::{spin, until_threads_ended};

pub(crate) const SCENARIOS: &[(&str, fn())] = &[
    ("fork", fork),
    ("thread_local_destructor", thread_local_destructor),
    ("global_destructor", global_destructor),
    ("threads_come_and_go", threads_come_and_go),
    ("threads_pass_records_on", threads_pass_records_on),
    ("free_on_another_thread", free_on_another_thread),
];

fn fork() {
    perf_sdk::measure("before", || spin(Duration::from_millis(2)));
    let (send, receive) = mpsc::channel::<()>();
    let other = thread::spawn(move || {
        perf_sdk::measure("other", || while receive.recv().is_ok() {});
    });
    perf_sdk::measure("around", || {
        let child = perf_sdk_tests::fork();
        if child == 0 {
            let passed = catch_unwind(|| {
                let before = thread_cpu();
                for _ in 0..10 {
                    perf_sdk::measure("in_child", || burn(Duration::from_millis(1)));
                }
                let used = (thread_cpu() - before).as_nanos() as i64;
                let seen = perf_sdk::snapshot();
                assert_eq!(function(&seen, "in_child").calls.ok, 10);
                assert!(seen.functions.iter().all(|f| f.name != "before" && f.name != "other"));
                let figures = function(&seen, "in_child").inclusive;
                assert!(figures.wall_ns >= 10_000_000, "{figures:?}");
                assert!((used / 2..=used + used / 100).contains(&figures.cpu_ns), "{figures:?} of {used}");
                assert!(figures.cpu_ns <= figures.wall_ns * 101 / 100, "{figures:?}");
                thread::spawn(|| perf_sdk::measure("in_childs_thread", || ())).join().unwrap_or(());
            });
            perf_sdk_tests::exit_now(i32::from(passed.is_err()));
        }
        assert_eq!(perf_sdk_tests::wait_for(child), 0, "the child failed");
    });
    drop(send);
    assert!(other.join().is_ok());
    let seen = perf_sdk::snapshot();
    assert_eq!(function(&seen, "around").calls.ok, 1);
    assert_eq!(function(&seen, "before").calls.ok, 1);
    assert!(seen.functions.iter().all(|f| f.name != "in_child"));
}

fn thread_local_destructor() {
    struct Late;
    impl Drop for Late {
        fn drop(&mut self) {
            perf_sdk::measure("late", || perf_sdk::measure("inner", || spin(Duration::from_micros(50))));
        }
    }
    thread_local! {
        static FIRST: Late = const { Late };
        static SECOND: Cell<Option<Late>> = const { Cell::new(None) };
    }
    const THREADS: u64 = 50;
    for _ in 0..THREADS {
        let worker = thread::spawn(|| {
            FIRST.with(|_| ());
            perf_sdk::measure("usual", || ());
            SECOND.with(|late| late.set(Some(Late)));
            perf_sdk_tests::at_key_destruction(|| perf_sdk::measure("after_key", || ()));
        });
        assert!(worker.join().is_ok());
    }
    let seen = perf_sdk::snapshot();
    assert_eq!(function(&seen, "late").calls.ok, 2 * THREADS);
    assert_eq!(function(&seen, "inner").calls.ok, 2 * THREADS);
    assert_eq!(function(&seen, "usual").calls.ok, THREADS);
    assert_eq!(function(&seen, "after_key").calls.ok, THREADS);
    assert!(node(&seen, &["late", "inner"]).is_some());
}

fn global_destructor() {
    perf_sdk::measure("usual", || ());
    perf_sdk_tests::at_exit(|| {
        perf_sdk::measure("at_exit", || ());
        let seen = perf_sdk::snapshot();
        if function(&seen, "at_exit").calls.ok != 1 || function(&seen, "usual").calls.ok != 1 {
            perf_sdk_tests::exit_now(3);
        }
        println!("global destructor ran");
    });
}

/// Records are reused from thread to thread.
fn threads_come_and_go() {
    // Two things depend on the load of the machine and are disabled: durations, which fall into
    // varying octaves and need memory for them, and the number of threads that the stack sampler
    // meets while they live.
    let _handle =
        perf_sdk::builder().listen("off").report(false).budget("off").stacks("off").sample("*", Rate::NEVER).start();
    const THREADS: u64 = 1_000;
    const ROUNDS: u64 = 10;
    let round = || {
        let barrier = std::sync::Barrier::new(THREADS as usize);
        thread::scope(|threads| {
            for _ in 0..THREADS {
                let work = || {
                    perf_sdk::measure("outer", || perf_sdk::measure("inner", || ()));
                    perf_sdk::record("recorded", Duration::from_micros(5), perf_sdk::Outcome::Ok);
                    barrier.wait();
                };
                thread::Builder::new().stack_size(256 << 10).spawn_scoped(threads, work).expect("a thread");
            }
        });
        until_threads_ended();
    };
    round();
    let first = perf_sdk::snapshot().profiler.memory_bytes;
    (1..ROUNDS).for_each(|_| round());
    let seen = perf_sdk::snapshot();
    // A record may need another chunk of 32 KiB when it first sees durations in another octave. A
    // thousand new records would be 32 MiB.
    let growth = seen.profiler.memory_bytes.saturating_sub(first);
    assert!(growth <= 8 * (32 << 10), "{growth} bytes more than after the first round");
    for name in ["outer", "inner", "recorded"] {
        assert_eq!(function(&seen, name).calls.ok, THREADS * ROUNDS);
    }
    assert_eq!(seen.profiler.dropped.values().sum::<u64>(), 0, "{:?}", seen.profiler.dropped);
}

fn threads_pass_records_on() {
    let round = || {
        thread::scope(|threads| {
            for _ in 0..20 {
                threads.spawn(|| perf_sdk::measure("short", || ()));
            }
        });
        until_threads_ended();
    };
    round();
    round();
    let before = perf_sdk::snapshot();
    for _ in 0..50 {
        round();
    }
    let after = perf_sdk::snapshot();
    assert_eq!(function(&after, "short").calls.ok, 52 * 20, "{:?}", after.profiler);
    assert_eq!(function(&after, "short").wall.count(), 52 * 20);
    let grown = after.profiler.memory_bytes - before.profiler.memory_bytes;
    assert!(grown <= 20 * 65_536, "records are reused: {grown} bytes more");
}

fn free_on_another_thread() {
    let (send, receive) = mpsc::sync_channel::<Vec<u8>>(1);
    let consumer = thread::spawn(move || {
        perf_sdk::measure("consume", || {
            for block in receive {
                drop(black_box(block));
            }
        });
    });
    perf_sdk::measure("produce", || {
        for _ in 0..100 {
            assert!(send.send(black_box(vec![1u8; 10_000])).is_ok());
        }
        drop(send);
    });
    assert!(consumer.join().is_ok());
    let seen = perf_sdk::snapshot();
    let (produce, consume) = (function(&seen, "produce").inclusive, function(&seen, "consume").inclusive);
    assert!(produce.allocated_bytes >= 1_000_000, "{produce:?}");
    assert!(consume.freed_bytes >= 1_000_000, "{consume:?}");
    assert!(produce.freed_bytes < 100_000 && consume.allocated_bytes < 100_000, "{produce:?} {consume:?}");
}
