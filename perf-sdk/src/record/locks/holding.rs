//! Locks that a thread holds so that no other can take them, and futures that are suspended
//! meanwhile.

use std::ptr;

use super::table::{Contended, Lock, LockKind, Table};
use super::wait::Holder;
use crate::clock;
use crate::record::store::dropped::{self, Reason};
use crate::record::store::held::HeldLock;
use crate::record::store::node::Node;
use crate::record::store::thread::ThreadRecord;
use crate::record::switch;
use crate::scope::{CallPath, Slot};

/// The number of pairs of a future and a lock. It is 40 KiB of address space, of which only used
/// pages take memory.
const SLOTS: usize = 1 << 10;

static SUSPENDED: Table<SLOTS> = Table::new();

/// A lock that this thread holds, until it drops.
#[derive(Debug)]
pub(crate) struct Holding<'a>(&'a Holder);

impl<'a> Holding<'a> {
    /// Called on the thread that has taken the lock, as a mutex or for writing.
    ///
    /// **Cost.** That of [`Holder::note`], and some stores into the thread's record.
    #[inline]
    pub(crate) fn new(lock: Lock, holder: &'a Holder) -> Self {
        let scope = holder.note();
        let this = Self(holder);
        if let Some(scope) = scope
            && let Some(record) = ThreadRecord::of(Slot::get())
        {
            let Lock { kind, place } = lock;
            record.held.add(HeldLock { key: this.key(), kind: kind as u8, place, scope, suspended: None });
        }
        this
    }

    /// The thread holds it again after a wait at a condition variable.
    pub(crate) fn note_again(&self) {
        self.0.note();
    }

    fn key(&self) -> usize {
        ptr::from_ref(self.0).addr()
    }
}

impl Drop for Holding<'_> {
    #[inline]
    fn drop(&mut self) {
        if let Some(record) = ThreadRecord::of(Slot::get())
            && let Some(lock) = record.held.remove(self.key())
            && let Some((future, since)) = lock.suspended
        {
            released(&lock, future, since);
        }
    }
}

fn lock_of(held: &HeldLock) -> Lock {
    let kind = if held.kind == LockKind::Mutex as u8 { LockKind::Mutex } else { LockKind::RwLock };
    Lock { kind, place: held.place }
}

/// A lock was released with which a future was suspended.
#[cold]
#[inline(never)]
fn released(lock: &HeldLock, future: CallPath, since: u64) {
    if !switch::is_off() {
        let wall = clock::wall();
        let held = wall.believed(since, wall.ticks()).max(0) as u64;
        SUSPENDED.sums(Some(future), lock_of(lock)).0.spend(wall.ns(held));
    }
}

/// A poll of a future did not complete it, and the thread holds locks. Those that the future took
/// are counted, each once.
#[cold]
#[inline(never)]
pub(in crate::record) fn note_suspension(record: &ThreadRecord, future: &'static Node) {
    let future = future.as_path();
    record.held.suspend(future, clock::wall().ticks(), |lock| {
        let (sums, has_room) = SUSPENDED.sums(Some(future), lock_of(lock));
        sums.count();
        if !has_room {
            dropped::count(Reason::Locks);
        }
    });
}

/// How often futures were suspended with locks, and for how long they held them from then on. Those
/// that are still held have no time yet.
pub(crate) fn lock_suspensions() -> Vec<Contended> {
    SUSPENDED.read()
}

/// Called in a forked child.
pub(in crate::record) fn after_fork() {
    SUSPENDED.reset();
}
