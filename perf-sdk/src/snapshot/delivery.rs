//! The state of deliveries of profiles and alerts.

use std::fmt;

#[cfg(feature = "enabled")]
use serde::{Deserialize, Serialize};

/// Where profiles and alerts are delivered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "enabled", derive(Serialize, Deserialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum DeliveryKind {
    /// Pushed to a server.
    #[default]
    Push,
    /// Written to files in a folder.
    Files,
    /// Alerts, posted to a webhook.
    Webhook,
    /// Alerts, posted to an Alertmanager.
    Alertmanager,
    /// Data points of metrics, sent to a server of OTLP.
    Otlp,
}

impl DeliveryKind {
    /// `push`, `files`, `webhook`, `alertmanager` or `otlp`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Push => "push",
            Self::Files => "files",
            Self::Webhook => "webhook",
            Self::Alertmanager => "alertmanager",
            Self::Otlp => "otlp",
        }
    }
}

impl fmt::Display for DeliveryKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The state of one delivery: profiles that are pushed to a server or written to a folder, alerts,
/// and metrics.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "enabled", derive(Serialize, Deserialize))]
#[non_exhaustive]
pub struct Delivery {
    /// The kind of delivery: in JSON its [name](DeliveryKind::name).
    pub by: DeliveryKind,
    /// The server's address or the folder.
    pub to: String,
    /// The number of delivered profiles, changes of alerts or data points.
    pub ok: u64,
    /// The number of lost ones.
    pub failed: u64,
    /// The number of those that wait for another attempt; of OTLP, the number of requests.
    pub waiting: u64,
    /// The last error, if nothing was delivered since; otherwise empty.
    pub last_error: String,
}

impl Delivery {
    pub(super) fn is_like(&self, other: &Self) -> bool {
        self.by == other.by && self.to == other.to
    }

    pub(super) fn since(&self, earlier: &[Self]) -> Self {
        let was = earlier.iter().find(|was| was.is_like(self));
        let [ok, failed] = was.map_or([0, 0], |was| [was.ok, was.failed]);
        Self { ok: self.ok.saturating_sub(ok), failed: self.failed.saturating_sub(failed), ..self.clone() }
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.ok += other.ok;
        self.failed += other.failed;
        self.waiting += other.waiting;
        if self.last_error.is_empty() {
            self.last_error.clone_from(&other.last_error);
        }
    }
}
