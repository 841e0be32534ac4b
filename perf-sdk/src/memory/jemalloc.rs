//! jemalloc, counted.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout};

use tikv_jemallocator::Jemalloc;

use super::Counted;

/// jemalloc as the global allocator, with per-thread tallies: [`Counted`] over [`tikv_jemallocator::Jemalloc`].
///
/// ```
/// #[global_allocator]
/// static ALLOC: perf_sdk::Alloc = perf_sdk::Alloc::new();
/// # fn main() {}
/// ```
///
/// See [`Counted`] for units, cost and blind spots.
#[derive(Clone, Copy, Debug, Default)]
pub struct Alloc {
    inner: Counted<Jemalloc>,
}

impl Alloc {
    /// The allocator, for a `#[global_allocator]` static.
    #[must_use]
    pub const fn new() -> Self {
        Self { inner: Counted::new(Jemalloc) }
    }
}

// SAFETY: every call is passed on unchanged to `Counted<Jemalloc>`, which upholds the contract.
unsafe impl GlobalAlloc for Alloc {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise, passed on.
        unsafe { self.inner.alloc(layout) }
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise, passed on.
        unsafe { self.inner.dealloc(block, layout) }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise, passed on.
        unsafe { self.inner.alloc_zeroed(layout) }
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: the caller's promise, passed on.
        unsafe { self.inner.realloc(block, layout, new_size) }
    }
}
