//! Why a bundle is made.

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
    /// Whether somebody waits for it, who asked for just this.
    pub(super) fn is_asked_for(&self) -> bool {
        self.kind == TriggerKind::Request
    }
}
