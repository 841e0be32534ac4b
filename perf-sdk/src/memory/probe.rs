//! Which allocator is the program's.
#![allow(unsafe_code)]

use std::alloc::Layout;
use std::any::TypeId;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use tikv_jemallocator::Jemalloc;

#[cfg(feature = "heap")]
use super::kind;
use super::tallies::uncounted;

/// A block of jemalloc's was reallocated to the size that it has.
static IS_GLOBAL: AtomicBool = AtomicBool::new(false);

/// A block of an allocator of this type was reallocated to the size that it has: nobody asks for
/// that but [`is_global`].
#[cold]
pub(super) fn note_probe<A: 'static>() {
    if TypeId::of::<A>() == TypeId::of::<Jemalloc>() {
        IS_GLOBAL.store(true, Relaxed);
    }
    #[cfg(feature = "heap")]
    if kind::counts_down::<A>() {
        COUNTS_DOWN.store(true, Relaxed);
    }
    #[cfg(feature = "dhat")]
    if TypeId::of::<A>() == TypeId::of::<dhat::Alloc>() {
        IS_DHAT.store(true, Relaxed);
    }
}

#[cfg(feature = "heap")]
static COUNTS_DOWN: AtomicBool = AtomicBool::new(false);

/// Whether [`CountingAlloc`](super::CountingAlloc) over another allocator is the program's, which
/// picks allocations by a countdown.
#[cfg(feature = "heap")]
pub(crate) fn counts_down() -> bool {
    probe();
    COUNTS_DOWN.load(Relaxed)
}

#[cfg(feature = "dhat")]
static IS_DHAT: AtomicBool = AtomicBool::new(false);

/// Whether [`Alloc`](super::Alloc), or [`CountingAlloc`](super::CountingAlloc) over jemalloc, is
/// the program's allocator. Asking jemalloc itself would set it up, and cost the program of another
/// one some megabytes.
pub(crate) fn is_global() -> bool {
    probe();
    IS_GLOBAL.load(Relaxed)
}

fn probe() {
    static ASKED: OnceLock<()> = OnceLock::new();
    ASKED.get_or_init(|| {
        uncounted(|| {
            let layout = Layout::new::<u64>();
            // SAFETY: the layout is not empty; the block is reallocated to its own size and freed
            // with the layout that it has.
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

/// Writes down every allocation from now on, until it is dropped, if [`Alloc`](super::Alloc) is the
/// program's allocator: then `dhat-heap.json` is written in the current directory. dhat prints a
/// summary on stderr, and panics if that is closed.
#[cfg(feature = "dhat")]
pub(crate) fn exact() -> Option<dhat::Profiler> {
    probe();
    // It panics where the program runs one of its own.
    IS_DHAT.load(Relaxed).then(|| std::panic::catch_unwind(dhat::Profiler::new_heap).ok()).flatten()
}
