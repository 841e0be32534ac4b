//! Lets a slot pass from one thread to the next while signals of the earlier one may still be
//! pending.
//!
//! A handler first announces that it is inside, then checks to which tenancy the slot belongs. The
//! sampler first ends the tenancy, then checks whether any handler is inside. Each side writes one
//! word and then reads the other's, with a sequentially consistent fence in between. So at least
//! one of the two sees what the other wrote. With weaker ordering, both could miss it, and a late
//! handler would write into a ring that belongs to another thread. `tests/loom` checks all
//! interleavings.

use crate::base::atomic::{
    AtomicU32, Ordering::Acquire, Ordering::Relaxed, Ordering::Release, Ordering::SeqCst, fence,
};

/// Controls access to what it guards.
#[derive(Debug)]
pub(super) struct Gate {
    /// The number of handlers that are inside, or about to check whether they may be.
    inside: AtomicU32,
    /// How often the guarded slot was given up.
    tenancy: AtomicU32,
}

/// A handler is inside until this drops.
pub(super) struct Inside<'a>(&'a Gate);

impl Gate {
    pub(super) fn new() -> Self {
        Self { inside: AtomicU32::new(0), tenancy: AtomicU32::new(0) }
    }

    /// The current tenancy. It may end at any time, unless the caller is inside, or is the sampler.
    pub(super) fn tenancy(&self) -> u32 {
        self.tenancy.load(Acquire)
    }

    /// In a handler: enters if `tenancy` is still current. It stays current until the result drops.
    pub(super) fn enter(&self, tenancy: u32) -> Option<Inside<'_>> {
        self.inside.fetch_add(1, Relaxed);
        fence(SeqCst);
        // Its drop leaves again if the tenancy has ended.
        let inside = Inside(self);
        (self.tenancy.load(Acquire) == tenancy).then_some(inside)
    }

    /// Sampler only: no handler can enter under the current tenancy any more.
    pub(super) fn end_tenancy(&self) {
        self.tenancy.fetch_add(1, Release);
    }

    /// Whether there is no handler inside that entered before the caller's last write.
    pub(super) fn is_empty(&self) -> bool {
        fence(SeqCst);
        self.inside.load(Acquire) == 0
    }

    /// Called in a forked child: a handler that was inside does not exist there.
    pub(super) fn after_fork(&self) {
        self.inside.store(0, Release);
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        // Pairs with the read in `is_empty`: everything done inside happens before it.
        self.0.inside.fetch_sub(1, Release);
    }
}
