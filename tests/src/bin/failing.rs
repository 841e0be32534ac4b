//! An allocator that fails: failed allocations are not counted, and only their caller sees the
//! error.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

struct Failing;

static FAILS: AtomicBool = AtomicBool::new(false);
const LARGE: usize = 1 << 16;

// SAFETY: the system's allocator, except that large blocks fail on request.
unsafe impl GlobalAlloc for Failing {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if FAILS.load(Relaxed) && layout.size() >= LARGE {
            return std::ptr::null_mut();
        }
        // SAFETY: as the caller guarantees.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as the caller guarantees.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOC: perf_sdk::CountingAlloc<Failing> = perf_sdk::CountingAlloc::new(Failing);

fn main() {
    let handle = perf_sdk::builder().listen("off").report(false).leak_window("10ms").start().expect("a start");
    perf_sdk::measure("tries", || {
        let mut block: Vec<u8> = vec![1; 1_000];
        FAILS.store(true, Relaxed);
        assert!(Vec::<u8>::new().try_reserve_exact(LARGE).is_err());
        assert!(block.try_reserve_exact(LARGE).is_err());
        FAILS.store(false, Relaxed);
        assert_eq!(block.len(), 1_000);
    });
    let seen = handle.snapshot();
    let figures = perf_sdk_tests::function(&seen, "tries").inclusive;
    assert_eq!((figures.allocations, figures.allocated_bytes, figures.reallocations), (1, 1_000, 0));
    let pool = perf_sdk::pool::Pool::new("vectors", Vec::<u8>::new).expect("a pool");
    FAILS.store(true, Relaxed);
    assert!(pool.get().try_reserve_exact(LARGE).is_err());
    FAILS.store(false, Relaxed);
    assert_eq!(pool.account().outstanding, 0);
}
