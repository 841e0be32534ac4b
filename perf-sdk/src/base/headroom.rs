//! Whether there is memory left, before much of it is asked for.
//!
//! What the profiler does on threads of its own allocates as any program does, and an allocation
//! that fails ends the process. So a piece of such work asks first whether its memory could be had,
//! and is left out where it could not: the program, which may need none itself, goes on.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::base::pages::Pages;

/// What one turn of the profiler's threads takes at most, without what it takes to read names of
/// addresses: who reads them asks for that.
pub(crate) const TURN_BYTES: usize = 16 << 20;

/// Pieces of work that were left out.
static LEFT_OUT: AtomicU64 = AtomicU64::new(0);

/// Whether so many bytes could be had now; counted if not.
///
/// **Cost.** Two system calls, some 2 µs. **Blind spot.** Others may take them between this and
/// their use.
pub(crate) fn is_there(bytes: usize) -> bool {
    let is_there = Pages::new(bytes.next_multiple_of(4096)).is_some();
    if !is_there {
        LEFT_OUT.fetch_add(1, Relaxed);
    }
    is_there
}

/// Pieces of work that were left out for want of memory.
pub(crate) fn left_out() -> u64 {
    LEFT_OUT.load(Relaxed)
}
