//! No allocator of ours: allocation figures are absent, not zero.

fn main() {
    perf_sdk::measure("allocates", || drop(std::hint::black_box(vec![1u8; 100])));
    let seen = perf_sdk::snapshot();
    let function = perf_sdk_tests::function(&seen, "allocates");
    assert!(!seen.has_allocations);
    assert!(function.bytes.is_none());
    assert_eq!(function.calls.ok, 1);
    assert!(function.wall.count() == 1 && function.cpu.is_some());
}
