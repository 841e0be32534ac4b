//! How it goes with profiles that are pushed or written.

#[cfg(feature = "push")]
use std::process;
#[cfg(feature = "push")]
use std::sync::{Mutex, MutexGuard, TryLockError};

#[cfg(feature = "enabled")]
use serde::{Deserialize, Serialize};

/// Of the process that delivers: a forked child has them in its memory too.
#[cfg(feature = "push")]
static NOW: Mutex<(u32, Vec<Delivery>)> = Mutex::new((0, Vec::new()));

/// What the snapshots from now on say of one way to deliver.
#[cfg(feature = "push")]
pub(crate) fn set_delivery(delivery: &Delivery) {
    let Some(mut now) = now() else { return };
    if now.0 != process::id() {
        *now = (process::id(), Vec::new());
    }
    match now.1.iter_mut().find(|known| known.by == delivery.by) {
        Some(known) => known.clone_from(delivery),
        None => now.1.push(delivery.clone()),
    }
}

/// Empty where nothing is delivered.
#[cfg(feature = "push")]
pub(crate) fn deliveries() -> Vec<Delivery> {
    let Some(now) = now() else { return Vec::new() };
    if now.0 == process::id() { now.1.clone() } else { Vec::new() }
}

/// `None` if somebody has it for longer than it takes: in a forked child, a thread that is not there.
#[cfg(feature = "push")]
fn now() -> Option<MutexGuard<'static, (u32, Vec<Delivery>)>> {
    for _ in 0..1_000 {
        match NOW.try_lock() {
            Ok(now) => return Some(now),
            Err(TryLockError::Poisoned(poisoned)) => return Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => std::thread::yield_now(),
        }
    }
    None
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
