//! Records waits for locks: who waits, who holds the lock, and for how long.

use super::table::{Contended, Lock, Sums, Table};
use crate::clock;
use crate::record::call::root;
use crate::record::store::dropped::{self, Reason};
use crate::record::store::trail::What;
use crate::record::switch;
use crate::scope::{AtomicCallPath, CallPath, current_path};

/// The number of pairs of scope and lock in each of the two tables. It is 320 KiB of address space,
/// of which only used pages take memory.
const SLOTS: usize = 1 << 13;

static WAITERS: Table<SLOTS> = Table::new();
static HOLDERS: Table<SLOTS> = Table::new();
/// Of all locks that have a holder.
static ALL: Sums = Sums::new();

/// The scope that took a lock last. It is the holder, if there is one.
#[derive(Debug)]
pub(crate) struct Holder(AtomicCallPath);

impl Holder {
    pub(crate) const fn nobody() -> Self {
        Self(AtomicCallPath::none())
    }

    /// Called on the thread that has taken the lock. Costs two loads and a store. Returns the scope
    /// that holds it now.
    #[inline]
    pub(crate) fn note(&self) -> Option<CallPath> {
        let scope = current_path();
        self.0.store(scope);
        scope
    }
}

/// Runs `block`, which waits for `lock`. Charges the duration to the scope that waits, and to the
/// scope that holds the lock at this moment, if there is one.
///
/// **Cost.** Two counter reads and a look-up in each table. The part after the wait, while the lock
/// is already held, is a counter read and some additions. It takes no lock and does not allocate.
/// The first clock read of the process calibrates the clock, which takes two milliseconds.
#[cold]
#[inline(never)]
pub(crate) fn wait_for<R>(lock: Lock, holder: Option<&Holder>, block: impl FnOnce() -> R) -> R {
    if switch::is_off() {
        return block();
    }
    let held_by = holder.map(|holder| holder.0.load());
    let wall = clock::wall();
    let start = wall.ticks();
    let waiter = WAITERS.sums(current_path(), lock);
    let holder = held_by.map(|scope| HOLDERS.sums(scope, lock));
    let result = block();
    let delay = wall.believed(start, wall.ticks()).max(0) as u64;
    let delay_ns = wall.ns(delay);
    waiter.0.add(delay_ns);
    if let Some((sums, _)) = holder {
        sums.add(delay_ns);
        ALL.add(delay_ns);
    }
    root::note(delay, || What::Wait { holder: held_by.flatten(), kind: lock.kind as u8 });
    if !waiter.1 || holder.is_some_and(|(_, has_room)| !has_room) {
        dropped::count(Reason::Locks);
    }
    result
}

/// All waits up to now, by waiter and by holder. Waits that have not ended are not included.
pub(crate) fn lock_contentions() -> (Vec<Contended>, Vec<Contended>) {
    (WAITERS.read(), HOLDERS.read())
}

/// The number of waits for locks that somebody held, and nanoseconds of them.
pub(crate) fn lock_waits() -> (u64, u64) {
    ALL.read(|contentions, delay_ns| (contentions, delay_ns)).unwrap_or_default()
}

/// Called in a forked child.
pub(in crate::record) fn after_fork() {
    WAITERS.reset();
    HOLDERS.reset();
    ALL.reset();
}
