//! jemalloc, counted.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout};
use std::any::TypeId;

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use tikv_jemallocator::Jemalloc;

use super::{Counted, uncounted};

/// A block of jemalloc's was reallocated to the size that it has.
static IS_GLOBAL: AtomicBool = AtomicBool::new(false);

/// A block of an allocator of this type was reallocated to the size that it has: nobody asks for that but [`is_global`].
#[cold]
pub(super) fn note_probe<A: 'static>() {
    if TypeId::of::<A>() == TypeId::of::<Jemalloc>() {
        IS_GLOBAL.store(true, Relaxed);
    }
    #[cfg(feature = "heap")]
    if super::counted::counts_down::<A>() {
        COUNTS_DOWN.store(true, Relaxed);
    }
    #[cfg(feature = "dhat")]
    if TypeId::of::<A>() == TypeId::of::<dhat::Alloc>() {
        IS_DHAT.store(true, Relaxed);
    }
}

#[cfg(feature = "heap")]
static COUNTS_DOWN: AtomicBool = AtomicBool::new(false);

/// Whether [`Counted`] over another allocator is the program's, which picks allocations by a
/// countdown.
#[cfg(feature = "heap")]
pub(crate) fn counts_down() -> bool {
    probe();
    COUNTS_DOWN.load(Relaxed)
}

#[cfg(feature = "dhat")]
static IS_DHAT: AtomicBool = AtomicBool::new(false);

/// Whether [`Alloc`], or [`Counted`] over jemalloc, is the program's allocator. Asking jemalloc itself would set it up, and cost the program of another one some megabytes.
pub(crate) fn is_global() -> bool {
    probe();
    IS_GLOBAL.load(Relaxed)
}

fn probe() {
    static ASKED: OnceLock<()> = OnceLock::new();
    ASKED.get_or_init(|| {
        uncounted(|| {
            let layout = Layout::new::<u64>();
            // SAFETY: the layout is not empty; the block is reallocated to its own size and freed with the layout that it has.
            unsafe {
                let block = std::alloc::alloc(layout);
                if !block.is_null() {
                    let same = std::alloc::realloc(std::hint::black_box(block), layout, layout.size());
                    std::alloc::dealloc(std::hint::black_box(if same.is_null() { block } else { same }), layout);
                }
            }
        });
    });
}

/// What serves [`Alloc`].
#[cfg(not(feature = "dhat"))]
type Inner = Jemalloc;
#[cfg(not(feature = "dhat"))]
const INNER: Inner = Jemalloc;
#[cfg(feature = "dhat")]
type Inner = dhat::Alloc;
#[cfg(feature = "dhat")]
const INNER: Inner = dhat::Alloc;

/// Writes down every allocation from now on, until it is dropped, if [`Alloc`] is the program's allocator: then `dhat-heap.json` is written in the current
/// directory. dhat prints a summary on stderr, and panics if that is closed.
#[cfg(feature = "dhat")]
pub(crate) fn exact() -> Option<dhat::Profiler> {
    probe();
    // It panics where the program runs one of its own.
    IS_DHAT.load(Relaxed).then(|| std::panic::catch_unwind(dhat::Profiler::new_heap).ok()).flatten()
}

/// jemalloc as the global allocator, with per-thread tallies: [`Counted`] over [`tikv_jemallocator::Jemalloc`].
///
/// ```
/// #[global_allocator]
/// static ALLOC: perf_sdk::Alloc = perf_sdk::Alloc::new();
/// # fn main() {}
/// ```
///
/// See [`Counted`] for units, cost and blind spots.
///
/// With the feature `dhat` it is dhat's exact allocator instead, for one run: see the README.
#[derive(Debug)]
#[cfg_attr(not(feature = "dhat"), derive(Clone, Copy))]
pub struct Alloc {
    inner: Counted<Inner>,
}

impl Default for Alloc {
    fn default() -> Self {
        Self::new()
    }
}

impl Alloc {
    /// The allocator, for a `#[global_allocator]` static.
    #[must_use]
    pub const fn new() -> Self {
        Self { inner: Counted::new(INNER) }
    }
}

// SAFETY: every call is passed on unchanged to `Counted`, which upholds the contract.
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
