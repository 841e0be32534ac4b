//! Assertions that nobody counts for.

/// `f()`: nothing is counted.
pub fn assert_allocations<R>(_expected: u64, f: impl FnOnce() -> R) -> R {
    f()
}

/// Runs `f` and drops what it returns: nothing is counted.
pub fn assert_no_leak<R>(f: impl FnOnce() -> R) {
    drop(f());
}
