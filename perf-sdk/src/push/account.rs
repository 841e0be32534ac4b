//! The state of one way of delivery, as shown in snapshots: of profiles, and of alerts.

use crate::collect;
use crate::snapshot::{Delivery, DeliveryKind};

/// The current state of one way of delivery.
#[derive(Debug)]
pub(crate) struct Account(Delivery);

impl Account {
    pub(crate) fn open(by: DeliveryKind, to: String) -> Self {
        let before = collect::deliveries().into_iter().find(|delivery| delivery.by == by);
        // The counts continue when the profiler is started again, so that they never decrease.
        let (ok, failed) = before.map_or((0, 0), |before| (before.ok, before.failed));
        let account = Self(Delivery { by, to, ok, failed, ..Delivery::default() });
        account.publish();
        account
    }

    /// Counts what was delivered.
    pub(crate) fn ok(&mut self, number: u64) {
        self.0.ok += number;
        self.0.last_error.clear();
    }

    /// Counts what was lost.
    pub(crate) fn failed(&mut self, lost: u64) {
        self.0.failed += lost;
    }

    /// Sets the last error. It does not imply that a profile is lost.
    pub(crate) fn error(&mut self, error: String) {
        self.0.last_error = error;
    }

    /// Called when there was no time for further profiles. An earlier error is kept, because it
    /// explains why.
    pub(super) fn late(&mut self) {
        if self.0.last_error.is_empty() {
            self.0.last_error = "the program ended before all profiles were delivered".to_owned();
        }
    }

    pub(crate) fn waiting(&mut self, waiting: u64) {
        self.0.waiting = waiting;
    }

    #[cfg(test)]
    pub(super) fn now(&self) -> &Delivery {
        &self.0
    }

    /// Makes the state visible in snapshots.
    pub(crate) fn publish(&self) {
        collect::set_delivery(&self.0);
    }
}
