//! Memory for records that threads share: the part of the limit that is reserved for them.
#![allow(unsafe_code)]

use std::cell::UnsafeCell;
use std::hint;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};
use std::thread;
use std::time::Duration;

use super::arena::{Arena, Zeroed};

/// Attempts to get access. Another thread has it for some microseconds, unless it lost the CPU.
const TRIES: u32 = 2_000;
/// The number of attempts that do not yield.
const SPINS: u32 = 200;
const PAUSE: Duration = Duration::from_micros(50);

struct Reserve {
    taken: AtomicBool,
    arena: UnsafeCell<Arena>,
}

// SAFETY: `arena` is accessed only by the thread that set `taken`, and in a forked child before it
// has other threads.
unsafe impl Sync for Reserve {}

static RESERVE: Reserve = Reserve { taken: AtomicBool::new(false), arena: UnsafeCell::new(Arena::reserve()) };

/// Zeroed memory for one `T`, which is never freed. `None` if the limit is reached, or if another
/// thread has had access for too long.
///
/// The slot is BUSY, so no signal handler on this thread comes here meanwhile.
#[cold]
pub(in crate::record) fn zeroed<T: Zeroed>() -> Option<&'static T> {
    // SAFETY: new memory of this size and alignment, which is never freed. Zero bytes are a valid
    // `T`, as `Zeroed` guarantees.
    zeroed_room::<T>().map(|room| unsafe { room.as_ref() })
}

/// As `zeroed`, for a value that is filled in before it is shared.
#[cold]
pub(in crate::record) fn zeroed_room<T: Zeroed>() -> Option<NonNull<T>> {
    for attempt in 0..TRIES {
        if !RESERVE.taken.swap(true, Acquire) {
            // SAFETY: `taken` was not set, so no other thread has access.
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

/// Called in a forked child: a thread that had access does not exist there, and may have left the
/// arena inconsistent.
pub(in crate::record) fn after_fork() {
    // SAFETY: the child has only this thread.
    unsafe { *RESERVE.arena.get() = Arena::reserve() };
    RESERVE.taken.store(false, Relaxed);
}
