//! The use that functions make of instruments: a table of fixed size to which any thread adds.

use std::sync::atomic::{
    AtomicU32, AtomicUsize, Ordering::AcqRel, Ordering::Acquire, Ordering::Relaxed, Ordering::Release,
};

use super::kind::Kind;
use super::tag::Tag;
use crate::record::{self, Counter};
use crate::scope::{AtomicCallPath, CallPath, Owner, Site, callers, current_scope};

/// The number of slots: 512 KiB of address space, of which only used pages take memory.
const SLOTS: usize = 1 << 13;
/// The number of slots that are probed.
const MAX_PROBES: usize = 8;

const FREE: u32 = 0;
/// The key is being written.
const CLAIMED: u32 = u32::MAX;

/// The sums of one thread's record, scope and instrument. They are added to by the thread that owns
/// the record, so no addition need be atomic.
#[derive(Debug)]
#[repr(align(64))]
struct Slot {
    /// The number of the tag + 1, [`FREE`] or [`CLAIMED`].
    tag: AtomicU32,
    owner: AtomicUsize,
    scope: AtomicCallPath,
    operations: Counter,
    bytes: Counter,
    wait_ns: Counter,
}

/// The use of one instrument by one scope. The same key may occur several times, because each
/// thread has paths of its own.
#[derive(Clone, Debug)]
pub(crate) struct Use {
    /// Outermost first, never empty: beneath them, the innermost one is charged.
    pub(crate) sites: Vec<&'static Site>,
    pub(crate) kind: Kind,
    pub(crate) name: &'static str,
    pub(crate) operations: u64,
    pub(crate) bytes: u64,
    pub(crate) wait_ns: u64,
}

impl Slot {
    const fn new() -> Self {
        Self {
            tag: AtomicU32::new(FREE),
            owner: AtomicUsize::new(0),
            scope: AtomicCallPath::none(),
            operations: Counter::new(),
            bytes: Counter::new(),
            wait_ns: Counter::new(),
        }
    }

    #[inline]
    fn is(&self, owner: Owner, scope: CallPath, tag: Tag) -> bool {
        // `Acquire` pairs with the publication in `claim`.
        self.tag.load(Acquire) == tag.number() + 1
            && self.owner.load(Relaxed) == owner.0
            && self.scope.load() == Some(scope)
    }

    fn claim(&self, owner: Owner, scope: CallPath, tag: Tag) -> bool {
        if self.tag.compare_exchange(FREE, CLAIMED, AcqRel, Relaxed).is_err() {
            return false;
        }
        self.owner.store(owner.0, Relaxed);
        self.scope.store(Some(scope));
        self.tag.store(tag.number() + 1, Release);
        true
    }

    fn read(&self) -> Option<Use> {
        let tag = self.tag.load(Acquire);
        if tag == FREE || tag == CLAIMED {
            return None;
        }
        let (kind, name) = Tag::of_number(tag - 1)?;
        let sites = callers(self.scope.load());
        let [operations, bytes, wait_ns] = [&self.operations, &self.bytes, &self.wait_ns].map(Counter::get);
        Some(Use { sites, kind, name, operations, bytes, wait_ns })
    }

    fn reset(&self) {
        [&self.operations, &self.bytes, &self.wait_ns].iter().for_each(|sum| sum.set(0));
        self.tag.store(FREE, Relaxed);
    }
}

/// A table with open addressing, whose slots are never released.
#[derive(Debug)]
struct Table<const SLOTS: usize>([Slot; SLOTS]);

impl<const SLOTS: usize> Table<SLOTS> {
    const fn new() -> Self {
        Self([const { Slot::new() }; SLOTS])
    }

    /// `None` if there is no room.
    #[inline]
    fn slot(&self, owner: Owner, scope: CallPath, tag: Tag) -> Option<&Slot> {
        let first = hash(scope, tag);
        let probed = (0..MAX_PROBES).map(|probe| &self.0[first.wrapping_add(probe) % SLOTS]);
        // A slot that is being claimed is that of another key: only this thread claims with its
        // own record.
        probed.into_iter().find(|slot| slot.is(owner, scope, tag) || slot.claim(owner, scope, tag))
    }

    fn read(&self) -> Vec<Use> {
        self.0.iter().filter_map(Slot::read).collect()
    }

    fn reset(&self) {
        // Pages that were never written stay untouched.
        self.0.iter().filter(|slot| slot.tag.load(Relaxed) != FREE).for_each(Slot::reset);
    }
}

/// Multiplicative (Fibonacci) hashing, because addresses differ in few of their lower bits.
#[inline]
fn hash(scope: CallPath, tag: Tag) -> usize {
    const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
    let mixed = (scope.as_ptr().addr() as u64).wrapping_mul(GOLDEN).rotate_left(32) ^ u64::from(tag.number());
    (mixed.wrapping_mul(GOLDEN) >> 32) as usize
}

static USES: Table<SLOTS> = Table::new();

/// Charges the function that this thread is in. Outside of all functions nothing is charged.
#[inline]
pub(super) fn charge(tag: Tag, operations: u64, bytes: u64, wait_ns: u64) {
    let Some((owner, scope)) = current_scope() else { return };
    let Some(slot) = USES.slot(owner, scope, tag) else { return record::no_room_for_instrument() };
    slot.operations.add(operations);
    slot.bytes.add(bytes);
    slot.wait_ns.add(wait_ns);
}

/// All uses up to now. Threads may be adding.
pub(crate) fn uses() -> Vec<Use> {
    USES.read()
}

/// Called in a forked child.
pub(super) fn reset() {
    USES.reset();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::measure;

    fn of(name: &str) -> Vec<(String, u64, u64, u64)> {
        let uses = uses().into_iter().filter(|one| one.name == name);
        let mut uses: Vec<_> = uses
            .map(|one| {
                let path: Vec<&str> = one.sites.iter().map(|site| site.label().name.as_str()).collect();
                (path.join("/"), one.operations, one.bytes, one.wait_ns)
            })
            .collect();
        uses.sort();
        uses
    }

    #[test]
    fn each_function_has_what_it_used_itself() {
        let tag = Tag::new(Kind::TestUses, 40, "uses of functions");
        charge(tag, 1, 1, 1);
        measure("uses outer", || {
            charge(tag, 1, 10, 100);
            measure("uses inner", || (0..3).for_each(|n| charge(tag, 1, n, 0)));
            charge(tag, 1, 5, 7);
        });
        charge(tag, 1, 1, 1);
        let expected = [("uses outer", 2, 15, 107), ("uses outer/uses inner", 3, 3, 0)];
        assert_eq!(of("uses of functions"), expected.map(|(path, n, bytes, ns)| (path.to_owned(), n, bytes, ns)));
    }

    #[test]
    fn nothing_is_lost_when_threads_use_one_instrument() {
        const THREADS: u64 = 4;
        const ROUNDS: u64 = if cfg!(miri) { 20 } else { 20_000 };
        let tag = Tag::new(Kind::TestUses, 41, "uses of threads");
        std::thread::scope(|threads| {
            for _ in 0..THREADS {
                threads.spawn(|| {
                    measure("uses thread", || (0..ROUNDS).for_each(|n| charge(tag, 1, n, 2)));
                });
            }
        });
        let sum = of("uses of threads").into_iter().fold((0, 0, 0), |sum, (path, n, bytes, ns)| {
            assert_eq!(path, "uses thread");
            (sum.0 + n, sum.1 + bytes, sum.2 + ns)
        });
        assert_eq!(sum, (THREADS * ROUNDS, THREADS * ROUNDS * (ROUNDS - 1) / 2, THREADS * ROUNDS * 2));
    }

    #[test]
    fn what_has_no_room_gets_no_slot() {
        let table = Table::<16>::new();
        let scope = measure("uses of a small table", || current_scope().expect("a scope").1);
        let tags: Vec<Tag> = (0..30).map(|at| Tag::new(Kind::TestUses, at, "a small table's")).collect();
        let placed = |tag: &&Tag| table.slot(Owner(4), scope, **tag).is_some();
        let first: Vec<&Tag> = tags.iter().filter(placed).collect();
        assert!(first.len() <= 16 && first.len() > 8, "{}", first.len());
        assert_eq!(tags.iter().filter(placed).collect::<Vec<_>>(), first, "those that have a slot keep it");
        assert_eq!(table.read().len(), first.len());
        table.reset();
        assert!(table.read().is_empty());
    }
}
