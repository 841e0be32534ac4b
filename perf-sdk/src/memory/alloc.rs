//! The counting global allocator of programs that have no other one.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout};

use super::counted::CountingAlloc;

/// The allocator behind [`Alloc`].
#[cfg(all(feature = "jemalloc", not(feature = "dhat")))]
const INNER: CountingAlloc<tikv_jemallocator::Jemalloc> = CountingAlloc::new(tikv_jemallocator::Jemalloc);
#[cfg(not(any(feature = "dhat", feature = "jemalloc")))]
const INNER: CountingAlloc<std::alloc::System> = CountingAlloc::new(std::alloc::System);
#[cfg(feature = "dhat")]
const INNER: CountingAlloc<dhat::Alloc> = CountingAlloc::new(dhat::Alloc);

/// The system's allocator as the global allocator, with per-thread tallies: [`CountingAlloc`] over
/// [`std::alloc::System`]. With the feature `jemalloc`, it is jemalloc instead.
///
/// ```
/// #[global_allocator]
/// static ALLOC: perf_sdk::Alloc = perf_sdk::Alloc::new();
/// # fn main() {}
/// ```
///
/// See [`CountingAlloc`] for units, cost and blind spots.
///
/// With the feature `dhat` it is dhat's exact allocator instead, for one run: see `docs/memory.md`.
// The inner allocator is not a field: dhat's is not `Copy`, and a feature must not remove a trait.
#[derive(Clone, Copy, Debug, Default)]
pub struct Alloc(());

impl Alloc {
    /// The allocator, for a `#[global_allocator]` static.
    #[must_use]
    pub const fn new() -> Self {
        Self(())
    }
}

// SAFETY: every call is passed unchanged to `CountingAlloc`, which upholds the contract.
unsafe impl GlobalAlloc for Alloc {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller guarantees.
        unsafe { INNER.alloc(layout) }
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as the caller guarantees.
        unsafe { INNER.dealloc(block, layout) }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller guarantees.
        unsafe { INNER.alloc_zeroed(layout) }
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: as the caller guarantees.
        unsafe { INNER.realloc(block, layout, new_size) }
    }
}
