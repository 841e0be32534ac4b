//! What Linux offers to see that a thread left the CPU.
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

/// The witness of the calling thread's event. It is used until the event is closed, and its owner
/// asks the lease first.
pub(super) fn witness_of_event(lease: &'static AtomicU64, event: &Event) -> Witness {
    // SAFETY: the page is mapped until the event is closed, after which the owner replaces the
    // witness, and in every process but a forked child, where the lease reads 0.
    unsafe { Witness::new(lease, event.word()) }
}

/// The witness of the calling thread's area, which lives as long as the thread, in a forked child
/// too.
pub(super) fn witness_of_area(lease: &'static AtomicU64, area: &Area) -> Witness {
    // SAFETY: the area lives as long as the thread, and the thread's owner gives the witness up
    // before it ends.
    unsafe { Witness::new(lease, area.word()) }
}

/// What a word reads; only where a lease was just found valid, or the word's source just opened.
pub(super) fn read_word(word: *const AtomicU64) -> u64 {
    // SAFETY: callers anchor on a source that they have just opened or whose lease they have just
    // checked.
    unsafe { (*word).load(Relaxed) }
}

/// The event's own time at `counter`; under the same condition as [`read_word`].
pub(super) fn time_ns(event: &Event, counter: u64) -> u64 {
    // SAFETY: not a forked child: the lease was checked, or the event just opened.
    unsafe { event.time_ns(counter) }
}

/// Closes an event whose witness is replaced by the caller.
pub(super) fn close(mut event: Event, forked: bool) {
    // SAFETY: the event is consumed, and its witness given up.
    unsafe { event.close(forked) }
}
