//! The accounted memory of the sampler, with a small limit and in a forked child.

use std::sync::mpsc::channel;
use std::thread;

use perf_sdk::measure;
use perf_sdk::snapshot::CpuProfile;
use perf_sdk_tests::{exit_now, fork, function, until, wait_for};

use super::{builder, start};

const KIB: u64 = 1 << 10;

/// Under a small limit there is no room even for the unwind tables of the C library.
pub(super) fn little_memory() {
    let limit = 1 << 20;
    let handle = builder().memory("1MiB").start().expect("a start");
    let profiler = handle.snapshot().profiler;
    assert!(profiler.stacks.to_string().contains("PERF_MEMORY has no room"), "{}", profiler.stacks);
    assert!(profiler.memory_bytes <= limit, "{}", profiler.memory_bytes);
    for _ in 0..10 {
        thread::spawn(|| measure("counted", || ())).join().expect("a thread");
    }
    let snapshot = handle.snapshot();
    assert_eq!(function(&snapshot, "counted").calls.ok, 10);
    assert!(snapshot.profiler.memory_bytes <= limit, "{}", snapshot.profiler.memory_bytes);
}

/// The account of a child contains its own sampler's memory only, not that for its parent's
/// threads.
pub(super) fn forked_account() {
    const THREADS: u64 = 40;
    /// Some of the rings may still be in use.
    const LEAST_BYTES: u64 = (THREADS - 10) * 64 * KIB;
    let handle = start();
    let held = || perf_sdk::snapshot().profiler.memory_bytes;
    let (stop, threads): (Vec<_>, Vec<_>) = (0..THREADS)
        .map(|_| {
            let (stop, stopped) = channel::<()>();
            (stop, thread::spawn(move || stopped.recv()))
        })
        .unzip();
    until("all threads to be sampled", || CpuProfile::take().is_some_and(|profile| profile.threads >= THREADS));
    // If the samples are in use at the moment of the fork, the child has to leave them allocated.
    until("a child with new memory", || {
        let child = fork();
        if child == 0 {
            let before = held();
            let own = start();
            let is_less = held() + LEAST_BYTES < before;
            drop(own);
            exit_now(if is_less { 0 } else { 1 });
        }
        wait_for(child) == 0
    });
    drop(stop);
    assert!(threads.into_iter().all(|thread| thread.join().is_ok()));
    drop(handle);
}
