//! Counts of what could not be recorded, by reason.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

macro_rules! reasons {
    ($($variant:ident $name:literal $doc:literal),+ $(,)?) => {
        /// Why something was not recorded.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Reason { $(#[doc = $doc] $variant),+ }

        const NAMES: &[&str] = &[$($name),+];
    };
}

reasons! {
    Memory "memory" "The recorder got no memory.",
    Reentered "reentered" "A profiled call inside the recorder itself: from a signal handler or an allocator.",
    OutOfOrder "out_of_order" "A guard dropped before the guards opened after it.",
    Stale "stale" "A guard opened before a fork, or on another thread's record.",
    Names "names" "Too many names made at run time.",
    Labels "labels" "A label whose name is reserved or too long, or for which there is no room; values beyond the limit, which count as `(other)`.",
    ErrorText "error_text" "Two errors at one site at the same moment, or an error whose text could not be made.",
    Locks "locks" "A wait for a lock whose scope and lock could not be told, for want of room.",
    Instruments "instruments" "An instrument for whose name there was no room, which counts as `(other)`; a use of one that could not be attributed to its function.",
    Threads "threads" "A thread of the profiler's own that the system refused: what it was for is left out.",
    Roots "roots" "A call of a root that could not be kept though it was one of the slowest: no room for it, or too many roots.",
    TornRead "torn_read" "A reader gave up waiting for a thread that was flushing.",
}

static COUNTS: [AtomicU64; NAMES.len()] = [const { AtomicU64::new(0) }; NAMES.len()];

/// Called on cold paths only, because it is a shared atomic.
#[cold]
pub(crate) fn count(reason: Reason) {
    COUNTS[reason as usize].fetch_add(1, Relaxed);
}

/// All reasons with their counts, zeros included, so that a rate over them is always defined.
pub(crate) fn counts() -> impl Iterator<Item = (&'static str, u64)> {
    NAMES.iter().copied().zip(COUNTS.iter().map(|c| c.load(Relaxed)))
}

/// A forked child starts from zero.
pub(in crate::record) fn reset() {
    for count in &COUNTS {
        count.store(0, Relaxed);
    }
}

/// The system could not provide a thread for the profiler.
pub(crate) fn refused_thread() {
    count(Reason::Threads);
}

/// There was no room for an instrument, or for one's use by a function.
pub(crate) fn no_room_for_instrument() {
    count(Reason::Instruments);
}

/// A reader gave up.
pub(crate) fn torn_read() {
    count(Reason::TornRead);
}
