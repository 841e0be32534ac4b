//! A slot passes from one thread to the next while signals of the earlier one may still be on their
//! way.
//!
//! A handler first says that it is inside, then looks whose the slot is; the sampler first ends the
//! tenancy, then looks whether anybody is inside. Each writes one word and then reads the other's,
//! with a sequentially consistent fence in between: at least one of the two sees what the other
//! wrote. With anything weaker both could miss it, and a handler that comes late would write into a
//! ring which is another thread's by now. `tests/loom` tries all orders.

use crate::base::atomic::{
    AtomicU32, Ordering::Acquire, Ordering::Relaxed, Ordering::Release, Ordering::SeqCst, fence,
};

/// Who may be at what it guards.
#[derive(Debug)]
pub(super) struct Gate {
    /// Handlers that are inside, or about to look whether they may be.
    inside: AtomicU32,
    /// How often what it guards was given up.
    tenancy: AtomicU32,
}

/// Somebody is inside until this drops.
pub(super) struct Inside<'a>(&'a Gate);

impl Gate {
    pub(super) fn new() -> Self {
        Self { inside: AtomicU32::new(0), tenancy: AtomicU32::new(0) }
    }

    /// The tenancy in force. It ends at any time, unless the caller is inside or the sampler.
    pub(super) fn tenancy(&self) -> u32 {
        self.tenancy.load(Acquire)
    }

    /// In a handler: in, if this tenancy is still in force. It stays so until the result drops.
    pub(super) fn enter(&self, tenancy: u32) -> Option<Inside<'_>> {
        self.inside.fetch_add(1, Relaxed);
        fence(SeqCst);
        // Also leaves if it is not.
        let inside = Inside(self);
        (self.tenancy.load(Acquire) == tenancy).then_some(inside)
    }

    /// Sampler only: nobody comes in under the tenancy in force any more.
    pub(super) fn end_tenancy(&self) {
        self.tenancy.fetch_add(1, Release);
    }

    /// Whether nobody is inside who came in before what the caller wrote last.
    pub(super) fn is_empty(&self) -> bool {
        fence(SeqCst);
        self.inside.load(Acquire) == 0
    }

    /// In a forked child: whoever was inside is not in this process.
    pub(super) fn after_fork(&self) {
        self.inside.store(0, Release);
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        // Pairs with the read in `is_empty`: all that was done inside comes before.
        self.0.inside.fetch_sub(1, Release);
    }
}
