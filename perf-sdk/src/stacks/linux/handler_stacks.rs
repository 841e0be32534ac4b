//! Stacks of the handler's own.
//!
//! Where a signal is delivered there may be room for no more than the frame that the kernel puts
//! there: on an alternate stack of the least size, or on a stack that is nearly used up. The
//! handler takes some hundred bytes of that, and goes on on one of these. All signals are blocked
//! meanwhile, so nobody finds the stack that it left unused. There are as many as handlers may run
//! at a time, whatever the number of threads.
#![allow(unsafe_code)]

use std::arch::asm;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};

use crate::base::footprint::{self, Part};
use crate::base::pages;

/// What a walk takes of a stack at most, in a build without optimisation: twice of what a test of
/// `unwind` sees.
pub(super) const WALK_BYTES: usize = 96 << 10;
/// Of one of them. What is not used is not resident.
const BYTES: usize = 2 * WALK_BYTES;
/// Below each, so that an overflow is not silent.
const GUARD_BYTES: usize = 4096;
/// Of its pages only the upper ones are touched, by optimised code: these count as held.
const TOUCHED_BYTES: u64 = 16 << 10;
/// Handlers at a time, at most.
const MOST: usize = 32;

/// One stack.
struct Place {
    /// Its upper end; null: it is not there.
    top: AtomicPtr<u8>,
    busy: AtomicBool,
}

static PLACES: [Place; MOST] =
    [const { Place { top: AtomicPtr::new(ptr::null_mut()), busy: AtomicBool::new(false) } }; MOST];
/// Handlers for which there was none.
static TURNED_AWAY: AtomicU64 = AtomicU64::new(0);

/// Makes them, once, before the first signal comes. `false`: there is no memory for any.
pub(super) fn prepare() -> bool {
    let processors = std::thread::available_parallelism().map_or(4, usize::from);
    for place in &PLACES[..(2 * processors).clamp(4, MOST)] {
        if place.top.load(Acquire).is_null()
            && let Some(low) = stack()
        {
            // SAFETY: one past the mapping's end.
            place.top.store(unsafe { low.as_ptr().add(GUARD_BYTES + BYTES) }, Release);
        }
    }
    PLACES.iter().any(|place| !place.top.load(Acquire).is_null())
}

/// For good.
fn stack() -> Option<NonNull<u8>> {
    if !footprint::take(Part::Stacks, TOUCHED_BYTES) {
        return None;
    }
    let pages = pages::Pages::guarded(GUARD_BYTES, BYTES);
    if pages.is_none() {
        footprint::give(Part::Stacks, TOUCHED_BYTES);
    }
    Some(pages?.leak())
}

/// Calls `work` with both arguments on one of the stacks. `false`: there is none.
///
/// Takes little of the stack that it is called on, without optimisation too.
///
/// # Safety
/// `work` may be called with these arguments, does not unwind, and all signals are blocked.
pub(super) unsafe fn run(work: unsafe extern "C" fn(usize, usize), first: usize, second: usize) -> bool {
    let mut at = 0;
    while at < MOST {
        let place = &PLACES[at];
        let top = place.top.load(Acquire);
        if !top.is_null() && !place.busy.swap(true, Acquire) {
            // SAFETY: the stack is this handler's alone, and aligned as calls want it; otherwise as
            // the caller promises.
            unsafe { on(top, work, first, second) };
            place.busy.store(false, Release);
            return true;
        }
        at += 1;
    }
    TURNED_AWAY.fetch_add(1, Relaxed);
    false
}

/// # Safety
/// As for [`run`]; nobody else uses the stack below `top`, which is aligned to 16 bytes.
#[inline(always)]
unsafe fn on(top: *mut u8, work: unsafe extern "C" fn(usize, usize), first: usize, second: usize) {
    // SAFETY: the register that keeps the stack before is saved by whoever is called.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        asm!(
            "xchg rsp, r12",
            "call {work}",
            "mov rsp, r12",
            work = in(reg) work,
            inout("r12") top => _,
            in("rdi") first,
            in("rsi") second,
            clobber_abi("C"),
        );
    }
    // SAFETY: as above.
    #[cfg(target_arch = "aarch64")]
    unsafe {
        asm!(
            "mov x9, sp",
            "mov sp, x20",
            "mov x20, x9",
            "blr {work}",
            "mov sp, x20",
            work = in(reg) work,
            inout("x20") top => _,
            in("x0") first,
            in("x1") second,
            out("x9") _,
            clobber_abi("C"),
        );
    }
}

/// Signals that were lost since there was no stack left, since the program began.
pub(super) fn turned_away() -> u64 {
    TURNED_AWAY.load(Relaxed)
}

/// In a forked child: whoever was on one is not in this process.
pub(super) fn after_fork() {
    for place in &PLACES {
        place.busy.store(false, Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_runs_there_and_comes_back_and_within_it_on_another_one() {
        unsafe extern "C" fn work(depth: usize, result: usize) {
            let here = (&raw const depth).addr();
            // SAFETY: the place that the caller handed over.
            let result = unsafe { &mut *(result as *mut Vec<usize>) };
            result.push(here);
            if depth > 0 {
                // SAFETY: as in the test.
                unsafe { run(work, depth - 1, ptr::from_mut(result).expose_provenance()) };
            }
        }
        assert!(prepare());
        for _ in 0..100 {
            let mut seen: Vec<usize> = Vec::new();
            // SAFETY: a place that lives; tests of this program handle no signal in here.
            assert!(unsafe { run(work, 3, (&raw mut seen).expose_provenance()) });
            let own = (&raw const seen).addr();
            assert!(seen.len() == 4 && seen.iter().all(|at| at.abs_diff(own) > 4096));
            assert!(seen.iter().zip(&seen[1..]).all(|(a, b)| a.abs_diff(*b) > 4096));
        }
    }
}
