//! Linux facilities that show when a thread left the CPU.
#![allow(unsafe_code)]

mod attributes;
mod lease;
mod page_size;
mod perf_event;
mod rseq;

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::witness::Witness;

#[cfg(feature = "stacks")]
pub(crate) use attributes::{Attributes as PerfAttributes, EXCLUDE_HYPERVISOR};
pub(super) use lease::lease;
pub(super) use perf_event::{Event, after_fork};
pub(crate) use rseq::may_have_left;
pub(super) use rseq::{Area, unwatch, watch};

/// The witness in the page of the calling thread's event. It is used until the event is closed, and
/// its owner checks the lease before each use.
pub(super) fn witness_of_event(lease: &'static AtomicU64, event: &Event) -> Witness {
    // SAFETY: the page stays mapped until the event is closed, and then the owner replaces the
    // witness. In a forked child, where the page is not mapped, the lease reads 0.
    unsafe { Witness::new(lease, event.word()) }
}

/// The witness in the calling thread's area, which lives as long as the thread, also in a forked
/// child.
pub(super) fn witness_of_area(lease: &'static AtomicU64, area: &Area) -> Witness {
    // SAFETY: the area lives as long as the thread, and the owner drops the witness before the
    // thread ends.
    unsafe { Witness::new(lease, area.word()) }
}

/// Reads a word. Call it only after the lease was found valid, or right after the word's source was
/// opened.
pub(super) fn read_word(word: *const AtomicU64) -> u64 {
    // SAFETY: callers have just opened the word's source or have just checked its lease.
    unsafe { (*word).load(Relaxed) }
}

/// The event's own time at `counter`, under the same condition as [`read_word`].
pub(super) fn time_ns(event: &Event, counter: u64) -> u64 {
    // SAFETY: not in a forked child: the lease was checked, or the event was just opened.
    unsafe { event.time_ns(counter) }
}

/// Closes an event. The caller replaces its witness.
pub(super) fn close(mut event: Event, forked: bool) {
    // SAFETY: the event is consumed, and its witness is no longer used.
    unsafe { event.close(forked) }
}
