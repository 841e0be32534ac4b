//! Allocators that do not count.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};

/// The system's allocator.
#[derive(Clone, Copy, Debug, Default)]
pub struct Alloc {
    inner: CountingAlloc<System>,
}

impl Alloc {
    /// The allocator, for a `#[global_allocator]` static.
    #[must_use]
    pub const fn new() -> Self {
        Self { inner: CountingAlloc::new(System) }
    }
}

/// `A`, unchanged.
#[derive(Clone, Copy, Debug, Default)]
pub struct CountingAlloc<A> {
    inner: A,
}

impl<A> CountingAlloc<A> {
    /// `inner`, unchanged.
    #[must_use]
    pub const fn new(inner: A) -> Self {
        Self { inner }
    }
}

macro_rules! pass_on {
    ([$($generic:ident)?] $allocator:ty) => {
        // SAFETY: every call is passed unchanged to the inner allocator, which upholds the
        // contract.
        unsafe impl<$($generic: GlobalAlloc + 'static)?> GlobalAlloc for $allocator {
            #[inline(always)]
            unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
                // SAFETY: as the caller guarantees.
                unsafe { self.inner.alloc(layout) }
            }

            #[inline(always)]
            unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
                // SAFETY: as the caller guarantees.
                unsafe { self.inner.dealloc(block, layout) }
            }

            #[inline(always)]
            unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
                // SAFETY: as the caller guarantees.
                unsafe { self.inner.alloc_zeroed(layout) }
            }

            #[inline(always)]
            unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
                // SAFETY: as the caller guarantees.
                unsafe { self.inner.realloc(block, layout, new_size) }
            }
        }
    };
}

pass_on!([] Alloc);
pass_on!([A] CountingAlloc<A>);
