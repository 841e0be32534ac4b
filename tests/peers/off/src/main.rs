//! This profiler, disabled at compile time.

use std::hint::black_box;

#[perf_sdk::profiled]
#[inline(never)]
fn off(n: u64) -> u64 {
    black_box(n)
}

fn main() {
    harness::serve(&[("perf-sdk, feature off", |calls| (0..calls).for_each(|n| _ = black_box(off(n))))]);
}
