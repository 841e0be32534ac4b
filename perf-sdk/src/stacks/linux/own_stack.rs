//! The bounds of a thread's stack, which the thread itself reads from the C library's thread
//! descriptor.
//!
//! The mapping that contains the stack pointer does not give the bounds: neighbouring mappings
//! merge, and a part of one may be unmapped later. The C library knows the exact bounds. It returns
//! them by `pthread_getattr_np`, which may allocate and lock. So their position in the thread
//! descriptor is determined once, by two threads with stacks of different sizes that call it. From
//! then on, any thread reads two words of its own descriptor, even in a signal handler. The
//! descriptor lives as long as the thread.
#![allow(unsafe_code)]

use std::mem::MaybeUninit;
use std::ops::Range;
use std::ptr;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::sync::mpsc;

use super::registers::thread_pointer;
use crate::base::os_thread::OsThread;

/// The descriptor is searched up to this distance from the thread pointer, if that is within the
/// stack's own block.
const REACH: u64 = 4096;
/// The distance otherwise: the size of the smallest descriptor of any C library.
const LEAST_REACH: u64 = 160;
const WORD: u64 = 8;

/// The offset from the thread pointer to the first of the two words, with [`Form`] in the lowest
/// bit. `UNKNOWN` until it is found.
static PLACE: AtomicI64 = AtomicI64::new(UNKNOWN);
const UNKNOWN: i64 = i64::MIN;

/// How the bounds are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// The low end, the size, and the part of it that is the guard: glibc.
    Low = 0,
    /// The high end and the size, without a guard: musl.
    High = 1,
}

/// Determines where the bounds of threads are stored. Before this, [`own_stack`] returns `None`.
///
/// **Cost.** Two threads that end at once, some 100 µs, the first time.
pub(super) fn learn() {
    if PLACE.load(Relaxed) != UNKNOWN {
        return;
    }
    let places_of = |stack_bytes: usize| {
        let (say, hear) = mpsc::sync_channel(1);
        let thread = OsThread::with_stack("perf-sdk-probe", stack_bytes, move || drop(say.send(places())));
        let places = hear.recv().unwrap_or_default();
        thread.into_iter().for_each(OsThread::join);
        places
    };
    let (first, second) = (places_of(160 << 10), places_of(224 << 10));
    // The positions found by both threads: a coincidence in one of them is excluded.
    let mut common = first.iter().filter(|place| second.contains(place));
    if let (Some(place), None) = (common.next(), common.next()) {
        PLACE.store(*place, Relaxed);
    }
}

/// On the calling thread: its stack, from the lowest usable address to the C library's data of the
/// thread. `None` if it is unknown, as for the process's first thread.
///
/// It does not allocate, lock or make a system call.
pub(super) fn own_stack() -> Option<Range<u64>> {
    let place = PLACE.load(Relaxed);
    if place == UNKNOWN {
        return None;
    }
    let pointer = thread_pointer();
    let word = |n: u64| {
        let at = pointer.wrapping_add_signed(place & !1).wrapping_add(n * WORD);
        // SAFETY: an aligned word of the C library's descriptor of this thread. Two other threads
        // found theirs at this offset from the thread pointer. It lives as long as the thread.
        unsafe { (at as *const u64).read_volatile() }
    };
    let (low, end) = if place & 1 == Form::Low as i64 {
        let (low, size, guard) = (word(0), word(1), word(2));
        (low.checked_add(if guard < size { guard } else { 0 })?, low.checked_add(size)?)
    } else {
        (word(0).checked_sub(word(1))?, word(0))
    };
    // Memory above the thread pointer is not part of the stack.
    let high = if (low..=end).contains(&pointer) { pointer } else { end };
    (low != 0 && low < high).then_some(low..high)
}

/// On the calling thread: the positions in its descriptor at which its bounds may be stored.
fn places() -> Vec<i64> {
    let Some((low, size)) = asked() else { return Vec::new() };
    let (pointer, end) = (thread_pointer(), low + size);
    let window = if (low..end).contains(&pointer) {
        pointer.saturating_sub(REACH).max(low)..pointer.saturating_add(REACH).min(end)
    } else if cfg!(target_arch = "x86_64") {
        pointer..pointer + LEAST_REACH
    } else {
        pointer - LEAST_REACH..pointer
    };
    let first = window.start.next_multiple_of(WORD);
    let count = window.end.saturating_sub(first) / WORD;
    // SAFETY: aligned words of this thread's own block, or of the descriptor at the thread pointer.
    // Volatile, because other threads may write to some of them.
    let word = |n: u64| unsafe { ((first + n * WORD) as *const u64).read_volatile() };
    (0..count.saturating_sub(2))
        .filter_map(|n| {
            let (at, length, guard) = (word(n), word(n + 1), word(n + 2));
            let usable = |guard: u64| (at.wrapping_add(guard), length.wrapping_sub(guard)) == (low, size);
            let form = match (at, length) {
                // Older versions include the guard in the size.
                _ if guard < length && (usable(guard) || usable(0)) => Form::Low,
                (at, length) if (at, length) == (end, size) => Form::High,
                _ => return None,
            };
            let distance = (first + n * WORD).wrapping_sub(pointer) as i64;
            (distance & 1 == 0).then_some(distance | form as i64)
        })
        .collect()
}

/// The calling thread's low end and size, as returned by the C library.
fn asked() -> Option<(u64, u64)> {
    let mut attributes = MaybeUninit::<libc::pthread_attr_t>::uninit();
    let (mut low, mut size) = (ptr::null_mut(), 0);
    // SAFETY: valid pointers for the results. The attributes are initialized by the first call,
    // read by the second and destroyed once.
    unsafe {
        if libc::pthread_getattr_np(libc::pthread_self(), attributes.as_mut_ptr()) != 0 {
            return None;
        }
        let asked = libc::pthread_attr_getstack(attributes.as_ptr(), &raw mut low, &raw mut size);
        libc::pthread_attr_destroy(attributes.as_mut_ptr());
        (asked == 0).then_some((low.addr() as u64, size as u64))
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    fn here() -> u64 {
        let local = 0_u8;
        (&raw const local).addr() as u64
    }

    #[test]
    fn threads_find_their_own_bounds_whatever_their_stacks_are() {
        learn();
        assert_ne!(PLACE.load(Relaxed), UNKNOWN);
        for kibibytes in [64, 128, 1024, 8192] {
            let found = thread::Builder::new().stack_size(kibibytes << 10).spawn(|| (own_stack(), asked(), here()));
            let (found, asked, sp) = found.unwrap().join().unwrap();
            let (found, (low, size)) = (found.unwrap(), asked.unwrap());
            assert!(found.contains(&sp) && found.start >= low && found.end <= low + size, "{found:?} {low:x} {size:x}");
            assert!(size >= (kibibytes as u64) << 10 && found.end - found.start > size - (32 << 10));
        }
    }
}
