//! Any global allocator, counted.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout};

#[cfg(feature = "heap")]
use super::kind::counts_down;
#[cfg(feature = "heap")]
use super::live::countdown;
use super::tallies;

/// Counts what each thread allocates and frees through `A`.
///
/// ```
/// use std::alloc::System;
///
/// #[global_allocator]
/// static ALLOC: perf_sdk::CountingAlloc<System> = perf_sdk::CountingAlloc::new(System);
/// # fn main() {}
/// ```
///
/// **Units.** Requested bytes, as `dhat` counts them; not the usable sizes that an allocator rounds
/// up to. A realloc counts its new size as allocated and its old size as freed, and is counted
/// apart from allocations and frees.
///
/// **Live heap.** With the feature `heap` a thread that has allocated far enough samples one
/// allocation, and a free looks in a filter of 512 KiB whether its block was sampled. Over
/// jemalloc, which picks by itself, neither is there.
///
/// **Cost.** Two thread-local additions an operation, three a realloc, well under a nanosecond; the
/// countdown and the filter another.
///
/// **Blind spots.** The first 256 KiB that a thread allocates after sampling began are not sampled.
/// Memory that does not come from the global allocator: stacks, `mmap`, C libraries. A free counts
/// on the thread that frees, whoever had allocated.
#[derive(Clone, Copy, Debug, Default)]
pub struct CountingAlloc<A> {
    inner: A,
}

impl<A> CountingAlloc<A> {
    /// Wraps `inner`.
    #[must_use]
    pub const fn new(inner: A) -> Self {
        Self { inner }
    }
}

/// A block was allocated.
#[inline(always)]
fn born<A: 'static>(_block: *mut u8, _bytes: usize) {
    #[cfg(feature = "heap")]
    if counts_down::<A>() && tallies::is_reached() {
        countdown::reached(_block, _bytes);
    }
}

/// A block is about to be freed.
#[inline(always)]
fn ends<A: 'static>(_block: *mut u8) {
    #[cfg(feature = "heap")]
    if counts_down::<A>() {
        countdown::freed(_block);
    }
}

/// Whether a block that is about to be reallocated was sampled.
#[inline(always)]
#[cfg(feature = "heap")]
fn is_sampled<A: 'static>(block: *mut u8) -> bool {
    counts_down::<A>() && countdown::is_sampled(block)
}

// SAFETY: every call is passed on unchanged to `A`, which upholds the contract; counting touches
// thread-local cells and atomics only: it neither allocates nor unwinds.
unsafe impl<A: GlobalAlloc + 'static> GlobalAlloc for CountingAlloc<A> {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise, passed on.
        let block = unsafe { self.inner.alloc(layout) };
        if !block.is_null() {
            tallies::allocated(layout.size());
            born::<A>(block, layout.size());
        }
        block
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        ends::<A>(block);
        // SAFETY: the caller's promise, passed on.
        unsafe { self.inner.dealloc(block, layout) };
        tallies::freed(layout.size());
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise, passed on.
        let block = unsafe { self.inner.alloc_zeroed(layout) };
        if !block.is_null() {
            tallies::allocated(layout.size());
            born::<A>(block, layout.size());
        }
        block
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // Asked before: afterwards it may be another thread's block.
        #[cfg(feature = "heap")]
        let was_sampled = is_sampled::<A>(block);
        // SAFETY: the caller's promise, passed on.
        let moved = unsafe { self.inner.realloc(block, layout, new_size) };
        #[cfg(feature = "jemalloc")]
        if new_size == layout.size() {
            super::probe::note_probe::<A>();
        }
        if !moved.is_null() {
            tallies::reallocated(layout.size(), new_size);
            #[cfg(feature = "heap")]
            if was_sampled {
                countdown::end(block);
            }
            born::<A>(moved, new_size);
        }
        moved
    }
}
