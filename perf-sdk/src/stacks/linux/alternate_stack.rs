//! Alternate signal stacks, which handlers run on: of the stack that a signal interrupts nothing is
//! taken.
//!
//! A thread that has none gets one of ours, and so does one whose own is too small for two signals
//! at a time. It stays the thread's until the thread has ended, also when nobody samples any more,
//! since nobody else can take it away.
#![allow(unsafe_code)]

use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use crate::base::footprint::{self, Part};
use crate::base::pages::Pages;
use crate::clock;

/// Below it, so that an overflow of it is not silent.
const GUARD_BYTES: usize = 4096;
/// What the kernel wants for a signal's frame, if it does not say.
const USUAL_FRAME_BYTES: usize = 3584;
/// What the program's own handler, on whose frames ours may come, is given.
const HANDLER_BYTES: usize = 16 << 10;
/// Of a stack's pages only the upper ones are ever touched: these count as held.
const TOUCHED_BYTES: u64 = 8 << 10;

/// What a signal's frame takes on this machine.
fn frame_bytes() -> usize {
    static FRAME: AtomicUsize = AtomicUsize::new(0);
    /// Not in the crate libc for all targets.
    const AT_MINSIGSTKSZ: libc::c_ulong = 51;
    match FRAME.load(Relaxed) {
        0 => {
            // SAFETY: asks for a number; 0 where the kernel does not say.
            let said = unsafe { libc::getauxval(AT_MINSIGSTKSZ) } as usize;
            let bytes = said.max(USUAL_FRAME_BYTES);
            FRAME.store(bytes, Relaxed);
            bytes
        }
        bytes => bytes,
    }
}

/// A program's own alternate stack of that size is left to it: there is room for a handler of its
/// own, and for ours in the midst of that.
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
    /// `None`: there is no memory for it, or no more may be held.
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

    /// Its lowest address, above the guard, and its size.
    pub(super) fn place(&self) -> [u64; 2] {
        [(self.pages.start().as_ptr().addr() + GUARD_BYTES) as u64, self.bytes as u64]
    }

    /// In a forked child: whether the thread that forked may have it. Only that one can tell, and
    /// it is the child's first; the parent's others are not there.
    pub(super) fn may_be_of_forker(&self) -> bool {
        clock::thread_id() != std::process::id() || self.is_of_this_thread()
    }

    /// Whether the calling thread's handlers run on it.
    fn is_of_this_thread(&self) -> bool {
        // SAFETY: all fields are numbers or pointers that may be null.
        let mut now: libc::stack_t = unsafe { std::mem::zeroed() };
        // SAFETY: only asks; a valid place for the answer.
        unsafe { libc::sigaltstack(ptr::null(), &raw mut now) == 0 && now.ss_sp.addr() as u64 == self.place()[0] }
    }
}

impl Drop for Alternate {
    fn drop(&mut self) {
        // Whoever owned this has seen the thread end that had it, or it had none.
        footprint::give(Part::Stacks, TOUCHED_BYTES);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_has_room_for_a_handler_within_a_handler() {
        let alternate = Alternate::new().unwrap();
        let [low, bytes] = alternate.place();
        assert!(low.is_multiple_of(4096) && bytes as usize >= least_bytes() && !alternate.is_of_this_thread());
        // SAFETY: the mapping is ours.
        unsafe {
            (low as *mut u8).write_volatile(1);
            ((low + bytes - 1) as *mut u8).write_volatile(1);
        }
    }
}
