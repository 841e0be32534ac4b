//! The live heap with `CountingAlloc` over mimalloc.

#[global_allocator]
static ALLOC: perf_sdk::CountingAlloc<mimalloc::MiMalloc> = perf_sdk::CountingAlloc::new(mimalloc::MiMalloc);

fn main() {
    match std::env::args().nth(1).as_deref() {
        Some("live_heap") => perf_sdk_tests::live::live_heap(),
        Some("estimates") => perf_sdk_tests::live::estimates(),
        Some("threads") => perf_sdk_tests::live::threads(),
        scenario => panic!("no scenario {scenario:?}"),
    }
}
