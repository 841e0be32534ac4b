//! How one way to deliver goes: what snapshots say of it.

use crate::collect;
use crate::snapshot::{Delivery, DeliveryKind};

/// What is said of one way to deliver, kept up.
#[derive(Debug)]
pub(super) struct Account(Delivery);

impl Account {
    pub(super) fn open(by: DeliveryKind, to: String) -> Self {
        let before = collect::deliveries().into_iter().find(|delivery| delivery.by == by);
        // Counts do not fall when the profiler is started again.
        let (ok, failed) = before.map_or((0, 0), |before| (before.ok, before.failed));
        let account = Self(Delivery { by, to, ok, failed, ..Delivery::default() });
        account.publish();
        account
    }

    /// One was delivered.
    pub(super) fn ok(&mut self) {
        self.0.ok += 1;
        self.0.last_error.clear();
    }

    /// So many are lost.
    pub(super) fn failed(&mut self, lost: u64) {
        self.0.failed += lost;
    }

    /// What went wrong; nothing needs to be lost by it yet.
    pub(super) fn error(&mut self, error: String) {
        self.0.last_error = error;
    }

    /// There was no time for more; what went wrong before says why, if anything did.
    pub(super) fn late(&mut self) {
        if self.0.last_error.is_empty() {
            self.0.last_error = "the program ended before all was delivered".to_owned();
        }
    }

    pub(super) fn waiting(&mut self, waiting: u64) {
        self.0.waiting = waiting;
    }

    #[cfg(test)]
    pub(super) fn now(&self) -> &Delivery {
        &self.0
    }

    /// Lets snapshots see it.
    pub(super) fn publish(&self) {
        collect::set_delivery(&self.0);
    }
}
