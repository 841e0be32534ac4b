//! Alternate signal stacks for handlers, so that a signal takes nothing of the stack that it
//! interrupts.
//!
//! A thread that has none gets one of ours. So does one whose own is too small for two nested
//! signals. The thread keeps it until it has ended, even after sampling has stopped, because only
//! the thread itself could remove it.
#![allow(unsafe_code)]

use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use crate::base::footprint::{self, Part};
use crate::base::pages::Pages;
use crate::clock;

/// The size of the guard below it, so that an overflow is detected.
const GUARD_BYTES: usize = 4096;
/// The size of a signal frame, if the kernel does not say.
const USUAL_FRAME_BYTES: usize = 3584;
/// The space for a handler of the program, on top of which ours may run.
const HANDLER_BYTES: usize = 16 << 10;
/// Only the upper pages of a stack are ever accessed. These bytes count as held.
const TOUCHED_BYTES: u64 = 8 << 10;

/// The size of a signal frame on this machine.
fn frame_bytes() -> usize {
    static FRAME: AtomicUsize = AtomicUsize::new(0);
    /// The crate `libc` does not define it for all targets.
    const AT_MINSIGSTKSZ: libc::c_ulong = 51;
    match FRAME.load(Relaxed) {
        0 => {
            // SAFETY: queries a number; 0 if the kernel does not provide it.
            let said = unsafe { libc::getauxval(AT_MINSIGSTKSZ) } as usize;
            let bytes = said.max(USUAL_FRAME_BYTES);
            FRAME.store(bytes, Relaxed);
            bytes
        }
        bytes => bytes,
    }
}

/// An alternate stack of the program with at least this size is kept: it has room for a handler of
/// the program, and for ours on top of it.
pub(super) fn least_bytes() -> usize {
    2 * frame_bytes() + HANDLER_BYTES / 2
}

/// An alternate signal stack.
#[derive(Debug)]
pub(super) struct Alternate {
    pages: Pages,
    bytes: usize,
}

impl Alternate {
    /// `None` if there is no memory for it, or the memory limit is reached.
    pub(super) fn new() -> Option<Self> {
        let bytes = (2 * frame_bytes() + HANDLER_BYTES).next_multiple_of(4096);
        if !footprint::take(Part::Stacks, TOUCHED_BYTES) {
            return None;
        }
        let pages = Pages::guarded(GUARD_BYTES, bytes);
        if pages.is_none() {
            footprint::give(Part::Stacks, TOUCHED_BYTES);
        }
        Some(Self { pages: pages?, bytes })
    }

    /// Its lowest address above the guard, and its size.
    pub(super) fn place(&self) -> [u64; 2] {
        [(self.pages.start().as_ptr().addr() + GUARD_BYTES) as u64, self.bytes as u64]
    }

    /// In a forked child: whether it may be the stack of the thread that forked. Only that thread,
    /// the child's first, can answer. The parent's other threads do not exist.
    pub(super) fn may_be_of_forker(&self) -> bool {
        clock::thread_id() != std::process::id() || self.is_of_this_thread()
    }

    /// Whether the calling thread's handlers run on it.
    fn is_of_this_thread(&self) -> bool {
        // SAFETY: all fields are numbers or nullable pointers.
        let mut now: libc::stack_t = unsafe { std::mem::zeroed() };
        // SAFETY: only queries; a valid pointer for the result.
        unsafe { libc::sigaltstack(ptr::null(), &raw mut now) == 0 && now.ss_sp.addr() as u64 == self.place()[0] }
    }
}

impl Drop for Alternate {
    fn drop(&mut self) {
        // The owner has made sure that its thread has ended, or that no thread had it.
        footprint::give(Part::Stacks, TOUCHED_BYTES);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alternate_stack_has_room_for_nested_handlers() {
        let alternate = Alternate::new().unwrap();
        let [low, bytes] = alternate.place();
        assert!(low.is_multiple_of(4096) && bytes as usize >= least_bytes() && !alternate.is_of_this_thread());
        // SAFETY: the mapping made above.
        unsafe {
            (low as *mut u8).write_volatile(1);
            ((low + bytes - 1) as *mut u8).write_volatile(1);
        }
    }
}
