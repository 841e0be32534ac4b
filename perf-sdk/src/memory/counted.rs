//! Counting on top of any global allocator.
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
/// **Units.** Requested bytes, as `dhat` counts them, not the usable sizes to which an allocator
/// rounds up. A realloc counts its new size as allocated and its old size as freed. It has a count
/// of its own and is not in those of allocations and frees.
///
/// **Live heap.** With the feature `heap`, each thread samples an allocation whenever it has
/// allocated a random number of bytes. A free checks a filter of 512 KiB for whether its block was
/// sampled. Over jemalloc, which samples by itself, neither is needed.
///
/// **Cost.** Two thread-local additions for each operation, three for a realloc: well under a
/// nanosecond. Countdown and filter together cost another nanosecond at most.
///
/// **Blind spots.** The first 256 KiB that a thread allocates after sampling began are not sampled.
/// Memory that does not come from the global allocator is not counted: stacks, `mmap`, C libraries.
/// A free counts on the thread that frees, whichever thread allocated.
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

/// Called after a block was allocated.
#[inline(always)]
fn born<A: 'static>(_block: *mut u8, _bytes: usize) {
    #[cfg(feature = "heap")]
    if counts_down::<A>() && tallies::is_reached() {
        countdown::reached(_block, _bytes);
    }
}

/// Called before a block is freed.
#[inline(always)]
fn ends<A: 'static>(_block: *mut u8) {
    #[cfg(feature = "heap")]
    if counts_down::<A>() {
        countdown::freed(_block);
    }
}

/// Whether a block that will be reallocated was sampled.
#[inline(always)]
#[cfg(feature = "heap")]
fn is_sampled<A: 'static>(block: *mut u8) -> bool {
    counts_down::<A>() && countdown::is_sampled(block)
}

// SAFETY: every call is passed unchanged to `A`, which upholds the contract. Counting accesses only
// thread-local cells and atomics, so it neither allocates nor unwinds.
unsafe impl<A: GlobalAlloc + 'static> GlobalAlloc for CountingAlloc<A> {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller guarantees.
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
        // SAFETY: as the caller guarantees.
        unsafe { self.inner.dealloc(block, layout) };
        tallies::freed(layout.size());
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller guarantees.
        let block = unsafe { self.inner.alloc_zeroed(layout) };
        if !block.is_null() {
            tallies::allocated(layout.size());
            born::<A>(block, layout.size());
        }
        block
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // Checked before, because afterwards the address may be another thread's block.
        #[cfg(feature = "heap")]
        let was_sampled = is_sampled::<A>(block);
        // SAFETY: as the caller guarantees.
        let moved = unsafe { self.inner.realloc(block, layout, new_size) };
        #[cfg(any(feature = "dhat", feature = "heap", feature = "jemalloc"))]
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
