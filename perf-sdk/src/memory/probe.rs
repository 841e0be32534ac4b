//! Detects the program's global allocator.
#![allow(unsafe_code)]

use std::alloc::Layout;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use super::kind;
use super::tallies::uncounted;

/// Set when a block of jemalloc's was reallocated to its own size.
#[cfg(any(feature = "heap", feature = "jemalloc"))]
static IS_GLOBAL: AtomicBool = AtomicBool::new(false);

/// Called when a block was reallocated to its own size by an allocator of this type. Only [`probe`]
/// does that.
#[cold]
pub(super) fn note_probe<A: 'static>() {
    #[cfg(any(feature = "heap", feature = "jemalloc"))]
    if kind::is_jemalloc::<A>() {
        IS_GLOBAL.store(true, Relaxed);
    }
    #[cfg(feature = "heap")]
    if kind::counts_down::<A>() {
        COUNTS_DOWN.store(true, Relaxed);
    }
    #[cfg(feature = "dhat")]
    if kind::is_dhat::<A>() {
        IS_DHAT.store(true, Relaxed);
    }
}

#[cfg(feature = "heap")]
static COUNTS_DOWN: AtomicBool = AtomicBool::new(false);

/// Whether the global allocator is [`CountingAlloc`](super::CountingAlloc) over another allocator
/// than jemalloc, which samples by a countdown.
#[cfg(feature = "heap")]
pub(crate) fn counts_down() -> bool {
    probe();
    COUNTS_DOWN.load(Relaxed)
}

#[cfg(feature = "dhat")]
static IS_DHAT: AtomicBool = AtomicBool::new(false);

/// Whether the global allocator is [`CountingAlloc`](super::CountingAlloc) over jemalloc, as
/// [`Alloc`](super::Alloc) is with the feature `jemalloc`. A call of jemalloc would initialize it,
/// which costs a program with another allocator some megabytes.
#[cfg(any(feature = "heap", feature = "jemalloc"))]
pub(crate) fn is_global() -> bool {
    probe();
    IS_GLOBAL.load(Relaxed)
}

fn probe() {
    static ASKED: OnceLock<()> = OnceLock::new();
    ASKED.get_or_init(|| {
        uncounted(|| {
            let layout = Layout::new::<u64>();
            // SAFETY: the layout is not empty. The block is reallocated to its own size, and freed
            // with its own layout.
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

/// Records every allocation from now until it is dropped, if [`Alloc`](super::Alloc) is the global
/// allocator. Then it writes `dhat-heap.json` to the current directory. dhat prints a summary on
/// stderr, and panics if that is closed.
#[cfg(feature = "dhat")]
pub(crate) fn exact() -> Option<dhat::Profiler> {
    probe();
    // dhat panics if the program runs a profiler of its own.
    IS_DHAT.load(Relaxed).then(|| std::panic::catch_unwind(dhat::Profiler::new_heap).ok()).flatten()
}
