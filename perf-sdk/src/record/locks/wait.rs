//! Waiting for locks: who waits, who holds, and for how long.

use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering::Relaxed};

use super::table::{Contended, Lock, Table};
use crate::clock;
use crate::record::store::dropped::{self, Reason};
use crate::record::switch;
use crate::scope::{Path, current_path};

/// Pairs of scope and lock that are told apart, in each of the two tables: 320 KiB of address
/// space, of which pages that are used take memory.
const SLOTS: usize = 1 << 13;

static WAITERS: Table<SLOTS> = Table::new();
static HOLDERS: Table<SLOTS> = Table::new();

/// The scope that took a lock last: whoever holds it, if anybody does.
#[derive(Debug)]
pub(crate) struct Holder(AtomicPtr<Path>);

impl Holder {
    pub(crate) const fn nobody() -> Self {
        Self(AtomicPtr::new(ptr::null_mut()))
    }

    /// On the thread that has taken the lock. Two loads and a store.
    #[inline]
    pub(crate) fn note(&self) {
        self.0.store(current_path().cast_mut(), Relaxed);
    }
}

/// Runs `block`, which waits for `lock`, and charges what it takes to the scope that waits, and if
/// there is a holder to the scope that holds the lock at this moment.
///
/// **Cost.** Two counter reads and a look into each table; of that, after the wait, while the lock
/// is held already, a counter read and some additions. No lock, no allocation; the very first clock
/// read of the process calibrates it, in two milliseconds.
#[cold]
#[inline(never)]
pub(crate) fn wait_for<R>(lock: Lock, holder: Option<&Holder>, block: impl FnOnce() -> R) -> R {
    if switch::is_off() {
        return block();
    }
    let held_by = holder.map(|holder| holder.0.load(Relaxed));
    let wall = clock::wall();
    let start = wall.ticks();
    let waiter = WAITERS.sums(current_path(), lock);
    let holder = held_by.map(|scope| HOLDERS.sums(scope, lock));
    let result = block();
    let delay_ns = wall.ns(wall.believed(start, wall.ticks()).max(0) as u64);
    waiter.0.add(delay_ns);
    if let Some((sums, _)) = holder {
        sums.add(delay_ns);
    }
    if !waiter.1 || holder.is_some_and(|(_, has_room)| !has_room) {
        dropped::count(Reason::Locks);
    }
    result
}

/// By who waited and by who held, up to now. Waits that are going on are not in it.
pub(crate) fn lock_contentions() -> (Vec<Contended>, Vec<Contended>) {
    (WAITERS.read(), HOLDERS.read())
}

/// In a forked child.
pub(in crate::record) fn after_fork() {
    WAITERS.reset();
    HOLDERS.reset();
}
