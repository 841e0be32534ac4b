//! A library that contains perf-sdk, for a host that loads it with `dlopen`: see
//! `tests/tests/dlopen.rs`.

#[cfg(target_os = "linux")]
mod node;

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

#[global_allocator]
static ALLOCATOR: perf_sdk::Alloc = perf_sdk::Alloc::new();

static HANDLE: Mutex<Option<perf_sdk::Handle>> = Mutex::new(None);

fn handle() -> std::sync::MutexGuard<'static, Option<perf_sdk::Handle>> {
    HANDLE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Starts the profiler. Returns the port of the endpoint, 0 if the start failed.
#[unsafe(no_mangle)]
pub extern "C" fn begin() -> u16 {
    let started = perf_sdk::builder().listen("127.0.0.1:0").report(false).heap("4KiB").start();
    let port = match &started {
        Ok(handle) => handle.address().map_or(0, |address| address.port()),
        Err(error) => {
            eprintln!("{error}");
            0
        }
    };
    *handle() = started.ok();
    port
}

#[perf_sdk::profiled]
fn busy(time: Duration) -> usize {
    let (start, mut held) = (Instant::now(), Vec::new());
    while start.elapsed() < time {
        held.push(std::hint::black_box(vec![1_u8; 1_000]));
        held.truncate(1_000);
    }
    held.len()
}

/// Calls a profiled function this many times. Each call takes a millisecond.
#[unsafe(no_mangle)]
pub extern "C" fn work(calls: u32) {
    for _ in 0..calls {
        busy(Duration::from_millis(1));
    }
}

/// The number of calls of that function so far.
#[unsafe(no_mangle)]
pub extern "C" fn calls() -> u64 {
    let snapshot = perf_sdk::snapshot();
    snapshot.functions.iter().find(|function| function.name == "busy").map_or(0, |function| function.calls.ok)
}

/// Bytes allocated in it, counted exactly.
#[unsafe(no_mangle)]
pub extern "C" fn allocated_bytes() -> u64 {
    let snapshot = perf_sdk::snapshot();
    snapshot
        .functions
        .iter()
        .find(|function| function.name == "busy")
        .map_or(0, |f| f.inclusive.allocated_bytes.max(0) as u64)
}

/// Stops the profiler.
#[unsafe(no_mangle)]
pub extern "C" fn end() {
    drop(handle().take());
}
