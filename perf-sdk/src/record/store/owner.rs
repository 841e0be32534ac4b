//! Ownership of a record: one thread at a time may write to it.

use crate::base::atomic::{AtomicU32, Ordering::AcqRel, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};

/// The kernel's id of the owning thread. 0: it has no owner.
#[derive(Debug)]
pub(crate) struct Owner(AtomicU32);

impl Owner {
    pub(crate) fn new(id: u32) -> Self {
        Self(AtomicU32::new(id))
    }

    pub(crate) fn get(&self) -> Option<u32> {
        let id = self.0.load(Acquire);
        (id != 0).then_some(id)
    }

    /// Takes ownership if there is no owner. Writes of the previous owner are then visible.
    pub(crate) fn take(&self, id: u32) -> bool {
        self.0.load(Relaxed) == 0 && self.0.compare_exchange(0, id, AcqRel, Relaxed).is_ok()
    }

    /// Owner only, and its last operation on the record.
    pub(crate) fn give_back(&self) {
        self.0.store(0, Release);
    }
}
