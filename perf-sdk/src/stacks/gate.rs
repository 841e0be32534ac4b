//! A slot passes from one thread to the next while signals of the earlier one may still be on their way.
//!
//! A handler first says that it is inside, then looks whose the slot is; the sampler first ends the tenancy, then looks
//! whether anybody is inside. Each writes one word and reads the other's, so all four are sequentially consistent: at least
//! one of the two sees what the other wrote. With anything weaker on either read, both could miss it, and a handler that
//! comes late would write into a ring which is another thread's by now. `tests/loom` tries all orders.

use crate::atomic::{AtomicU32, Ordering::Release, Ordering::SeqCst};

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
        self.tenancy.load(SeqCst)
    }

    /// In a handler: in, if this tenancy is still in force. It stays so until the result drops.
    pub(super) fn enter(&self, tenancy: u32) -> Option<Inside<'_>> {
        self.inside.fetch_add(1, SeqCst);
        // Also leaves if it is not.
        let inside = Inside(self);
        (self.tenancy.load(SeqCst) == tenancy).then_some(inside)
    }

    /// Sampler only: nobody comes in under the tenancy in force any more.
    pub(super) fn end_tenancy(&self) {
        self.tenancy.fetch_add(1, SeqCst);
    }

    /// Whether nobody is inside who came in before what the caller wrote last.
    pub(super) fn is_empty(&self) -> bool {
        self.inside.load(SeqCst) == 0
    }

    /// In a forked child: whoever was inside is not in this process.
    pub(super) fn after_fork(&self) {
        self.inside.store(0, SeqCst);
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        // Pairs with the read in `is_empty`: all that was done inside comes before.
        self.0.inside.fetch_sub(1, Release);
    }
}
