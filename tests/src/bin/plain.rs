//! No allocator of ours: allocation figures are absent, not zero.

fn main() {
    perf_sdk::measure("allocates", || drop(std::hint::black_box(vec![1u8; 100])));
    let seen = perf_sdk::snapshot();
    let function = perf_sdk_tests::function(&seen, "allocates");
    assert!(!seen.has_allocations);
    assert_eq!(seen.allocator, None);
    assert!(function.bytes.is_none());
    assert_eq!(function.calls.ok, 1);
    assert!(function.wall.count() == 1 && function.cpu.is_some());
    let refused = std::panic::catch_unwind(|| perf_sdk::assert_allocations(0, || ()));
    let said = refused.expect_err("nobody counts").downcast::<String>().expect("a text");
    assert!(said.starts_with("assert_allocations needs an allocator that counts"), "{said}");
}
