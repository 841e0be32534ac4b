//! Without an allocator of this crate: allocation figures are absent, not zero.

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
    // Without counted memory there are no leak findings. Arenas are jemalloc's, in addition to the
    // program's allocator.
    let handle = perf_sdk::builder().listen("off").report(false).leak_window("10ms").start().expect("a start");
    let said = handle.snapshot().profiler.heap.to_string();
    assert!(said.contains("neither perf_sdk::Alloc nor perf_sdk::CountingAlloc"), "{said}");
    while handle.leaks().is_none_or(|leaks| leaks.windows < 50) {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    assert!(handle.leaks().is_some_and(|leaks| leaks.findings.is_empty()), "{:?}", handle.leaks());
    let arena = perf_sdk::pool::Arena::builder("beside").hard_limit(4 << 20).build().expect("an arena");
    let numbers: allocator_api2::vec::Vec<u64, _> = allocator_api2::vec::Vec::with_capacity_in(100, &arena);
    assert_eq!(arena.account().allocated_bytes, 800);
    drop(numbers);
    let plain = arena.scope(|| vec![1_u8; 100]).expect("a scope without effect");
    drop((arena, plain));
}
