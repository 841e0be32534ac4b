//! Why a bundle is made.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::snapshot::TriggerKind;

/// Why a bundle is made.
#[derive(Clone, Debug)]
pub(crate) struct Trigger {
    pub(crate) kind: TriggerKind,
    /// Which alert, signal or panic. Bundles of one of them are limited in number.
    pub(crate) what: String,
    /// What is known of it.
    pub(crate) evidence: String,
    pub(crate) at_unix_ns: u64,
}

impl Trigger {
    /// One that is now.
    pub(crate) fn now(kind: TriggerKind, what: String, evidence: String) -> Self {
        let at_unix_ns = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64);
        Self { kind, what, evidence, at_unix_ns }
    }

    /// Whether somebody waits for it, who asked for just this.
    pub(super) fn is_asked_for(&self) -> bool {
        self.kind == TriggerKind::Request
    }
}
