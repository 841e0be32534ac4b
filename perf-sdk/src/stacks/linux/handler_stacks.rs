//! The handler's own stacks.
//!
//! The stack on which a signal is delivered may have room for only the kernel's signal frame: an
//! alternate stack of the minimum size, or a stack that is nearly full. The handler uses some
//! hundred bytes of it, and continues on one of these stacks. All signals are blocked meanwhile, so
//! no other handler uses the stack that it left. There are as many as handlers may run at the same
//! time, independent of the number of threads.
#![allow(unsafe_code)]

use std::arch::asm;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};

use crate::base::footprint::{self, Part};
use crate::base::pages;

/// The maximum stack use of a walk, in a build without optimization: twice the value measured by a
/// test of `unwind`.
pub(super) const WALK_BYTES: usize = 96 << 10;
/// The size of one stack. Unused pages are not resident.
const BYTES: usize = 2 * WALK_BYTES;
/// The size of the guard below each, so that an overflow is detected.
const GUARD_BYTES: usize = 4096;
/// Optimized code accesses only the upper pages. These bytes count as held.
const TOUCHED_BYTES: u64 = 16 << 10;
/// The maximum number of handlers that run at the same time.
const MOST: usize = 32;

/// One stack.
struct Place {
    /// Its upper end. Null: it does not exist.
    top: AtomicPtr<u8>,
    busy: AtomicBool,
}

static PLACES: [Place; MOST] =
    [const { Place { top: AtomicPtr::new(ptr::null_mut()), busy: AtomicBool::new(false) } }; MOST];
/// The number of handlers that got no stack.
static TURNED_AWAY: AtomicU64 = AtomicU64::new(0);

/// Makes the stacks, once, before the first signal. `false` if there is no memory for any.
pub(super) fn prepare() -> bool {
    let processors = std::thread::available_parallelism().map_or(4, usize::from);
    for place in &PLACES[..(2 * processors).clamp(4, MOST)] {
        if place.top.load(Acquire).is_null()
            && let Some(low) = stack()
        {
            // SAFETY: one past the end of the mapping.
            place.top.store(unsafe { low.as_ptr().add(GUARD_BYTES + BYTES) }, Release);
        }
    }
    PLACES.iter().any(|place| !place.top.load(Acquire).is_null())
}

/// Maps one stack, which is never freed.
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

/// Calls `work` with both arguments on one of the stacks. `false` if none is free.
///
/// It uses little of the caller's stack, even without optimization.
///
/// # Safety
/// `work` may be called with these arguments and does not unwind, and all signals are blocked.
pub(super) unsafe fn run(work: unsafe extern "C" fn(usize, usize), first: usize, second: usize) -> bool {
    let mut at = 0;
    while at < MOST {
        let place = &PLACES[at];
        let top = place.top.load(Acquire);
        if !top.is_null() && !place.busy.swap(true, Acquire) {
            // SAFETY: only this handler uses the stack, which is aligned as calls require.
            // Otherwise as the caller guarantees.
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
/// As for [`run`]. Nobody else uses the stack below `top`, which is aligned to 16 bytes.
#[inline(always)]
unsafe fn on(top: *mut u8, work: unsafe extern "C" fn(usize, usize), first: usize, second: usize) {
    // SAFETY: the register that keeps the previous stack pointer is preserved by the called
    // function.
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

/// The number of signals that were lost because no stack was free, since the program began.
pub(super) fn turned_away() -> u64 {
    TURNED_AWAY.load(Relaxed)
}

/// Called in a forked child: handlers that used a stack do not exist there.
pub(super) fn after_fork() {
    for place in &PLACES {
        place.busy.store(false, Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_runs_on_a_stack_of_its_own_and_nested_work_on_another() {
        unsafe extern "C" fn work(depth: usize, result: usize) {
            let here = (&raw const depth).addr();
            // SAFETY: the pointer that the caller passed.
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
            // SAFETY: a live pointer. Tests of this program handle no signal in here.
            assert!(unsafe { run(work, 3, (&raw mut seen).expose_provenance()) });
            let own = (&raw const seen).addr();
            assert!(seen.len() == 4 && seen.iter().all(|at| at.abs_diff(own) > 4096));
            assert!(seen.iter().zip(&seen[1..]).all(|(a, b)| a.abs_diff(*b) > 4096));
        }
    }
}
