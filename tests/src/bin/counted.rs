//! `CountingAlloc` over the system's allocator, compared with dhat, which counts a realloc as a new
//! block; and the live heap with this allocator.

use std::alloc::System;

#[global_allocator]
static ALLOC: perf_sdk::CountingAlloc<System> = perf_sdk::CountingAlloc::new(System);

fn main() {
    match std::env::args().nth(1).as_deref() {
        Some("live_heap") => perf_sdk_tests::live::live_heap(),
        Some("estimates") => perf_sdk_tests::live::estimates(),
        Some("threads") => perf_sdk_tests::live::threads(),
        _ => counts(),
    }
}

fn counts() {
    perf_sdk::measure("work", perf_sdk_tests::allocating_work);
    let seen = perf_sdk::snapshot();
    let figures = perf_sdk_tests::function(&seen, "work").inclusive;
    assert!(figures.reallocations > 100 && figures.allocations > 5_000, "{figures:?}");
    assert_eq!(figures.allocations, figures.frees);
    assert_eq!(figures.allocated_bytes, figures.freed_bytes);
    println!("{} blocks, {} bytes", figures.allocations + figures.reallocations, figures.allocated_bytes);
}
