//! Memory for what threads share: a part of the limit that their own records leave.
#![allow(unsafe_code)]

use std::cell::UnsafeCell;
use std::hint;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};
use std::thread;
use std::time::Duration;

use super::arena::{Arena, Zeroed};

/// Attempts to get in; whoever is inside leaves within some microseconds, unless it lost the CPU.
const TRIES: u32 = 2_000;
/// The first ones follow on one another.
const SPINS: u32 = 200;
const PAUSE: Duration = Duration::from_micros(50);

struct Reserve {
    taken: AtomicBool,
    arena: UnsafeCell<Arena>,
}

// SAFETY: `arena` is touched only by whoever set `taken`, and in a forked child before it has
// threads.
unsafe impl Sync for Reserve {}

static RESERVE: Reserve = Reserve { taken: AtomicBool::new(false), arena: UnsafeCell::new(Arena::reserve()) };

/// Room for one `T`, all bytes zero; lives for ever. `None` when the limit is reached, or another
/// thread has been inside for too long.
///
/// The slot is BUSY, so that no handler on this thread comes here meanwhile.
#[cold]
pub(in crate::record) fn zeroed<T: Zeroed>() -> Option<&'static T> {
    // SAFETY: fresh memory of this size and alignment, for ever; zero bytes are a valid `T` by the
    // promise of `Zeroed`.
    zeroed_room::<T>().map(|room| unsafe { room.as_ref() })
}

/// The same, of one that is to be filled in before anybody sees it.
#[cold]
pub(in crate::record) fn zeroed_room<T: Zeroed>() -> Option<NonNull<T>> {
    for attempt in 0..TRIES {
        if !RESERVE.taken.swap(true, Acquire) {
            // SAFETY: `taken` was not set, so nobody else is here.
            let made = unsafe { &*RESERVE.arena.get() }.zeroed_room();
            RESERVE.taken.store(false, Release);
            return made;
        }
        if attempt < SPINS {
            hint::spin_loop();
        } else {
            thread::sleep(PAUSE);
        }
    }
    None
}

/// In a forked child: whoever was inside is not in this process, and may have left a block half
/// handed out.
pub(in crate::record) fn after_fork() {
    // SAFETY: the child has one thread, which is here.
    unsafe { *RESERVE.arena.get() = Arena::reserve() };
    RESERVE.taken.store(false, Relaxed);
}
