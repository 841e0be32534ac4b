//! Converts recorded waits for locks.

use crate::record::{Contended, LockKind};
use crate::snapshot::{Frame, LockContention};

impl LockContention {
    pub(super) fn of(contended: &Contended) -> Self {
        let kind = match contended.lock.map(|lock| lock.kind) {
            Some(LockKind::Mutex) => "Mutex",
            Some(LockKind::RwLock) => "RwLock",
            Some(LockKind::Condvar) => "Condvar",
            None => "(other)",
        };
        let place = contended.lock.map(|lock| lock.place);
        Self {
            scope: contended.sites.iter().map(|site| Frame::of(site)).collect(),
            lock: kind.to_owned(),
            file: place.map_or("", |place| place.file()).to_owned(),
            line: place.map_or(0, |place| place.line()),
            contentions: contended.contentions,
            delay_ns: contended.delay_ns,
        }
    }
}
