//! The number and the duration of waits for locks, by scope and lock: a table of fixed size to
//! which any thread adds.
#![allow(unsafe_code)]

use std::panic::Location;
use std::ptr;

use crate::base::atomic::{
    AtomicPtr, AtomicU8, AtomicU64, Ordering::AcqRel, Ordering::Acquire, Ordering::Relaxed, Ordering::Release,
};
use crate::scope::{AtomicCallPath, CallPath, Site, callers};

/// The number of slots that are probed.
const MAX_PROBES: usize = 64;

/// The type of lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum LockKind {
    Mutex,
    RwLock,
    Condvar,
}

/// A lock, as readers distinguish it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lock {
    pub(crate) kind: LockKind,
    /// Where it was made.
    pub(crate) place: &'static Location<'static>,
}

/// The number of waits, and their total time.
#[derive(Debug)]
pub(in crate::record) struct Sums {
    contentions: AtomicU64,
    delay_ns: AtomicU64,
}

impl Sums {
    pub(in crate::record) const fn new() -> Self {
        Self { contentions: AtomicU64::new(0), delay_ns: AtomicU64::new(0) }
    }

    pub(in crate::record) fn add(&self, delay_ns: u64) {
        self.contentions.fetch_add(1, Relaxed);
        self.delay_ns.fetch_add(delay_ns, Relaxed);
    }

    /// Something began whose time comes later.
    pub(in crate::record) fn count(&self) {
        self.contentions.fetch_add(1, Relaxed);
    }

    /// The time of what was counted.
    pub(in crate::record) fn spend(&self, delay_ns: u64) {
        self.delay_ns.fetch_add(delay_ns, Relaxed);
    }

    pub(in crate::record) fn reset(&self) {
        self.contentions.store(0, Relaxed);
        self.delay_ns.store(0, Relaxed);
    }

    /// `None` if there was no wait.
    pub(in crate::record) fn read<T>(&self, of: impl FnOnce(u64, u64) -> T) -> Option<T> {
        let contentions = self.contentions.load(Relaxed);
        (contentions > 0).then(|| of(contentions, self.delay_ns.load(Relaxed)))
    }
}

/// The sums of one scope and lock.
#[derive(Debug)]
struct Slot {
    /// Where the lock was made. Null: the slot is free. [`claimed`]: the key is being written.
    place: AtomicPtr<Location<'static>>,
    scope: AtomicCallPath,
    kind: AtomicU8,
    sums: Sums,
}

/// A marker that is not the address of a location.
const fn claimed() -> *mut Location<'static> {
    ptr::without_provenance_mut(1)
}

impl Slot {
    const fn new() -> Self {
        Self {
            place: AtomicPtr::new(ptr::null_mut()),
            scope: AtomicCallPath::none(),
            kind: AtomicU8::new(0),
            sums: Sums::new(),
        }
    }

    fn is(&self, scope: Option<CallPath>, lock: Lock) -> bool {
        // `Acquire` pairs with the publication in `claim`.
        ptr::eq(self.place.load(Acquire), lock.place)
            && self.scope.load() == scope
            && self.kind.load(Relaxed) == lock.kind as u8
    }

    fn claim(&self, scope: Option<CallPath>, lock: Lock) -> bool {
        if self.place.compare_exchange(ptr::null_mut(), claimed(), AcqRel, Relaxed).is_err() {
            return false;
        }
        self.scope.store(scope);
        self.kind.store(lock.kind as u8, Relaxed);
        self.place.store(ptr::from_ref(lock.place).cast_mut(), Release);
        true
    }

    fn read(&self) -> Option<Contended> {
        let place = self.place.load(Acquire);
        if place.is_null() || ptr::eq(place, claimed()) {
            return None;
        }
        let kinds = [LockKind::Mutex, LockKind::RwLock, LockKind::Condvar];
        let kind = kinds.into_iter().find(|kind| *kind as u8 == self.kind.load(Relaxed))?;
        // SAFETY: the place is neither null nor claimed, so it is a `&'static` reference that
        // `claim` stored.
        let place = unsafe { &*place };
        // It was stored before the place.
        let sites = callers(self.scope.load());
        self.sums.read(|contentions, delay_ns| Contended {
            sites,
            lock: Some(Lock { kind, place }),
            contentions,
            delay_ns,
        })
    }
}

/// A reading of one scope and lock. The same key may occur several times, because each thread has
/// paths of its own.
#[derive(Clone, Debug)]
pub(crate) struct Contended {
    /// Outermost first. Empty outside of all scopes.
    pub(crate) sites: Vec<&'static Site>,
    /// `None` if there was no room for its own slot.
    pub(crate) lock: Option<Lock>,
    pub(crate) contentions: u64,
    pub(crate) delay_ns: u64,
}

/// A table with open addressing, whose slots are never released. Adding takes no lock. If another
/// thread is just claiming a slot, the next one is used. So a key may have two slots, which readers
/// add up.
#[derive(Debug)]
pub(in crate::record) struct Table<const SLOTS: usize> {
    slots: [Slot; SLOTS],
    /// The sums of waits without a slot.
    overflow: Sums,
}

impl<const SLOTS: usize> Table<SLOTS> {
    /// All zeros, so that a static table takes no memory before it is used.
    pub(in crate::record) const fn new() -> Self {
        Self { slots: [const { Slot::new() }; SLOTS], overflow: Sums::new() }
    }

    /// The sums to which waits are added, and whether they are of this scope and lock: false if
    /// there is no room.
    pub(in crate::record) fn sums(&self, scope: Option<CallPath>, lock: Lock) -> (&Sums, bool) {
        let first =
            hash(scope.map_or(0, |scope| scope.as_ptr().addr()), ptr::from_ref(lock.place).addr(), lock.kind) % SLOTS;
        for probe in 0..MAX_PROBES.min(SLOTS) {
            let slot = &self.slots[(first + probe) % SLOTS];
            // Checked again, since another thread may have claimed it for the same key.
            if slot.is(scope, lock) || slot.claim(scope, lock) || slot.is(scope, lock) {
                return (&slot.sums, true);
            }
        }
        (&self.overflow, false)
    }

    /// All sums up to now. Threads may be adding.
    pub(in crate::record) fn read(&self) -> Vec<Contended> {
        let other = self.overflow.read(|contentions, delay_ns| Contended {
            sites: Vec::new(),
            lock: None,
            contentions,
            delay_ns,
        });
        self.slots.iter().filter_map(Slot::read).chain(other).collect()
    }

    /// Resets everything to zero, including the keys. Called in a forked child, where no other
    /// thread adds.
    pub(in crate::record) fn reset(&self) {
        self.overflow.reset();
        // Pages that were never written stay untouched.
        for slot in self.slots.iter().filter(|slot| !slot.place.load(Relaxed).is_null()) {
            slot.sums.reset();
            slot.place.store(ptr::null_mut(), Relaxed);
        }
    }
}

/// Multiplicative (Fibonacci) hashing, because addresses differ in few of their lower bits.
fn hash(scope: usize, place: usize, kind: LockKind) -> usize {
    const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
    let mixed = (scope as u64).wrapping_mul(GOLDEN).rotate_left(32) ^ (place as u64) ^ ((kind as u64) << 56);
    (mixed.wrapping_mul(GOLDEN) >> 32) as usize
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::thread;

    use super::*;
    use crate::record::store::arena::Arena;
    use crate::record::store::node::Node;
    use crate::scope::{Options, Source};

    static SITE: Site = Site::new(
        Source { name: Some("holder"), path: || "", ident: "holder", module: "m", file: file!(), line: 1 },
        Options::DEFAULT,
    );

    /// A new node's path, with one site.
    fn path() -> Option<CallPath> {
        let arena = Arena::new();
        let root = Node::root(&arena)?;
        Node::allocate(&arena, &SITE, root, None, None).map(Node::as_path)
    }

    #[track_caller]
    fn lock(kind: LockKind) -> Lock {
        Lock { kind, place: Location::caller() }
    }

    /// The number of scopes; the type and the line of the lock.
    type Key = (usize, Option<(u8, u32)>);

    /// Waits and delay.
    fn sums(seen: &[Contended]) -> HashMap<Key, (u64, u64)> {
        let mut sums: HashMap<Key, (u64, u64)> = HashMap::new();
        for one in seen {
            let sum =
                sums.entry((one.sites.len(), one.lock.map(|lock| (lock.kind as u8, lock.place.line())))).or_default();
            *sum = (sum.0 + one.contentions, sum.1 + one.delay_ns);
        }
        sums
    }

    #[test]
    fn each_scope_and_lock_has_its_own_sums() {
        let table = Table::<64>::new();
        let (scope, mutex) = (path(), lock(LockKind::Mutex));
        let at_one_place = Lock { kind: LockKind::Condvar, ..mutex };
        for (scope, lock, delay) in
            [(scope, mutex, 5), (scope, mutex, 7), (None, mutex, 100), (None, at_one_place, 1_000)]
        {
            let (sums, has_room) = table.sums(scope, lock);
            assert!(has_room);
            sums.add(delay);
        }
        let line = mutex.place.line();
        assert_eq!(
            sums(&table.read()),
            HashMap::from([
                ((1, Some((LockKind::Mutex as u8, line))), (2, 12)),
                ((0, Some((LockKind::Mutex as u8, line))), (1, 100)),
                ((0, Some((LockKind::Condvar as u8, line))), (1, 1_000)),
            ])
        );
        // Looked up, but without a wait so far.
        table.sums(path(), mutex);
        assert_eq!(table.read().len(), 3);
        table.reset();
        assert!(table.read().is_empty());
        table.sums(scope, mutex).0.add(1);
        assert_eq!(table.read().len(), 1);
    }

    #[test]
    fn what_has_no_room_is_counted_as_other() {
        const SLOTS: usize = 16;
        let table = Table::<SLOTS>::new();
        let mutex = lock(LockKind::Mutex);
        let paths: Vec<Option<CallPath>> = (0..SLOTS + 10).map(|_| path()).collect();
        let mut refused = 0;
        for _ in 0..2 {
            for path in &paths {
                let (sums, has_room) = table.sums(*path, mutex);
                refused += u64::from(!has_room);
                sums.add(3);
            }
        }
        assert_eq!(refused, 20);
        let seen = table.read();
        assert_eq!(seen.len(), SLOTS + 1);
        let other = seen.iter().find(|one| one.lock.is_none()).unwrap();
        assert_eq!((other.contentions, other.delay_ns, other.sites.len()), (20, 60, 0));
    }

    #[test]
    fn threads_add_at_once_and_nothing_is_lost() {
        const THREADS: u64 = 4;
        const ROUNDS: u64 = if cfg!(miri) { 20 } else { 20_000 };
        let table: &'static Table<64> = Box::leak(Box::new(Table::new()));
        let locks = [lock(LockKind::Mutex), lock(LockKind::RwLock), lock(LockKind::Condvar)];
        let scope = path();
        thread::scope(|threads| {
            for n in 0..THREADS {
                threads.spawn(move || {
                    for round in 0..ROUNDS {
                        let lock = locks[((round + n) % 3) as usize];
                        table.sums(scope, lock).0.add(round);
                        table.sums(None, lock).0.add(1);
                    }
                });
            }
        });
        let seen = table.read();
        let total = |sites: usize| {
            let of = seen.iter().filter(|one| one.sites.len() == sites && one.lock.is_some());
            of.fold((0, 0), |sum, one| (sum.0 + one.contentions, sum.1 + one.delay_ns))
        };
        assert_eq!(total(1), (THREADS * ROUNDS, THREADS * ROUNDS * (ROUNDS - 1) / 2));
        assert_eq!(total(0), (THREADS * ROUNDS, THREADS * ROUNDS));
        assert_eq!(sums(&seen).len(), 6);
    }
}
