//! How it goes with profiles that are pushed or written.

#[cfg(feature = "enabled")]
use serde::{Deserialize, Serialize};

#[cfg(feature = "push")]
use crate::fork::{self, Lock};

/// Of the process that delivers: a forked child has them in its memory too.
#[cfg(feature = "push")]
static NOW: Lock<(u32, Vec<Delivery>)> = Lock::new((0, Vec::new()));

/// What the snapshots from now on say of one way to deliver.
#[cfg(feature = "push")]
pub(crate) fn set_delivery(delivery: &Delivery) {
    let mut now = NOW.lock();
    if now.0 != fork::generation() {
        *now = (fork::generation(), Vec::new());
    }
    match now.1.iter_mut().find(|known| known.by == delivery.by) {
        Some(known) => known.clone_from(delivery),
        None => now.1.push(delivery.clone()),
    }
}

/// Empty where nothing is delivered.
#[cfg(feature = "push")]
pub(crate) fn deliveries() -> Vec<Delivery> {
    let now = NOW.lock();
    if now.0 == fork::generation() { now.1.clone() } else { Vec::new() }
}

/// How it goes with profiles that nobody asks for: those pushed to a server, or written to a folder.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "enabled", derive(Serialize, Deserialize))]
#[non_exhaustive]
pub struct Delivery {
    /// `push` or `files`.
    pub by: String,
    /// The server's address or the folder.
    pub to: String,
    /// Profiles that were delivered.
    pub ok: u64,
    /// Profiles that were lost.
    pub failed: u64,
    /// Profiles that could not be delivered yet.
    pub waiting: u64,
    /// What went wrong last, if nothing was delivered since; else empty.
    pub last_error: String,
}

impl Delivery {
    pub(super) fn is_like(&self, other: &Self) -> bool {
        (&self.by, &self.to) == (&other.by, &other.to)
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
