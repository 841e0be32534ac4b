//! The inside of a pool: its idle objects, and who uses the others.
#![allow(unsafe_code)]

use std::cell::Cell;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, Weak};

use tokio::sync::Semaphore;

use super::node::Node;
use crate::accounts::PoolAccount;
use crate::base::unpoisoned::Unpoisoned as _;
use crate::pool::out::Out;
use crate::pool::parts::{Part, Parts, Single};

/// The maximum number of idle objects that a thread keeps for itself.
const KEPT: usize = 16;

/// Resets an object for reuse. `false` if it cannot be reused.
pub(super) type Reset<T> = dyn Fn(&mut T) -> bool + Send + Sync;

/// The configuration of a pool.
pub(super) struct Rules<T> {
    pub(super) name: Arc<str>,
    pub(super) make: Box<dyn Fn() -> T + Send + Sync>,
    /// Resets a returned object, and says whether it can be reused.
    pub(super) reset: Option<Box<Reset<T>>>,
    pub(super) min: usize,
    pub(super) max: Option<usize>,
    pub(super) max_idle: usize,
}

pub(super) struct Shared<T> {
    pub(super) rules: Rules<T>,
    parts: Parts<Kept<T>>,
    /// Idle objects that no thread keeps.
    idle: Mutex<Vec<NonNull<Node<T>>>>,
    all: Mutex<Vec<NonNull<Node<T>>>>,
    /// One permit for each object that may still be taken.
    pub(super) permits: Option<Semaphore>,
    counts: Counts,
    /// The number of trims. A thread that sees it change returns what it keeps.
    trims: AtomicU64,
    weak: Weak<Self>,
}

// SAFETY: nodes are passed between threads with their objects, which are `Send`. Lists are under
// locks, and what a thread keeps is accessed by that thread only.
unsafe impl<T: Send> Send for Shared<T> {}
// SAFETY: as above; a shared reference to the pool gives no shared reference to an object.
unsafe impl<T: Send> Sync for Shared<T> {}

/// Counts that are not kept by each thread for itself.
#[derive(Debug, Default)]
struct Counts {
    made: AtomicU64,
    beyond: AtomicU64,
    poisoned: AtomicU64,
    unfit: AtomicU64,
    surplus: AtomicU64,
    trimmed: AtomicU64,
    timeouts: AtomicU64,
    /// Taken by ending threads, which have no part any more, and in pools with a maximum.
    last_taken: AtomicU64,
    last_returned: AtomicU64,
}

/// A thread's own part of a pool.
struct Kept<T> {
    nodes: [Cell<Option<NonNull<Node<T>>>>; KEPT],
    count: Cell<usize>,
    trims: Cell<u64>,
    taken: Single,
    returned: Single,
    home: Weak<Shared<T>>,
}

// SAFETY: readers read counters only. The rest is accessed only by the thread that owns the part.
unsafe impl<T: Send> Sync for Kept<T> {}
// SAFETY: objects are `Send`.
unsafe impl<T: Send> Send for Kept<T> {}

impl<T: Send + 'static> Part for Kept<T> {
    fn leave(&self) {
        if let Some(home) = self.home.upgrade() {
            home.take_back(self, KEPT);
        }
    }
}

impl<T> Kept<T> {
    #[inline]
    fn pop(&self) -> Option<NonNull<Node<T>>> {
        let count = self.count.get();
        let node = self.nodes.get(count.wrapping_sub(1))?.get();
        self.count.set(count - 1);
        node
    }

    /// `false` if there is no room.
    #[inline]
    fn push(&self, node: NonNull<Node<T>>) -> bool {
        let count = self.count.get();
        let Some(place) = self.nodes.get(count) else { return false };
        place.set(Some(node));
        self.count.set(count + 1);
        true
    }
}

impl<T: Send + 'static> Shared<T> {
    pub(super) fn new(rules: Rules<T>) -> Arc<Self> {
        let permits = rules.max.map(Semaphore::new);
        let shared = Arc::new_cyclic(|weak| Self {
            rules,
            parts: Parts::new(),
            idle: Mutex::default(),
            all: Mutex::default(),
            permits,
            counts: Counts::default(),
            trims: AtomicU64::new(0),
            weak: weak.clone(),
        });
        let first: Vec<NonNull<Node<T>>> = (0..shared.rules.min).map(|_| shared.make(false)).collect();
        shared.idle.lock().unpoisoned().extend(first);
        shared
    }

    fn kept(&self) -> Kept<T> {
        Kept {
            nodes: [const { Cell::new(None) }; KEPT],
            count: Cell::new(0),
            trims: Cell::new(self.trims.load(Relaxed)),
            taken: Single::default(),
            returned: Single::default(),
            home: self.weak.clone(),
        }
    }

    /// An idle object, or a new one. If the pool has permits, the caller must have one.
    #[inline]
    pub(super) fn take(&self) -> NonNull<Node<T>> {
        if self.permits.is_some() {
            return self.take_from_all();
        }
        let kept = self.parts.with(
            || self.kept(),
            |kept| match kept {
                Some(kept) => {
                    kept.taken.add(1);
                    kept.pop()
                }
                None => {
                    self.counts.last_taken.fetch_add(1, Relaxed);
                    None
                }
            },
        );
        let node = kept.unwrap_or_else(|| self.fetch());
        // SAFETY: nodes live as long as the pool, which is borrowed.
        unsafe { node.as_ref() }.take();
        node
    }

    /// Takes an object of a pool with a maximum. No thread keeps any of those, because then more
    /// objects than the maximum would be needed.
    fn take_from_all(&self) -> NonNull<Node<T>> {
        self.counts.last_taken.fetch_add(1, Relaxed);
        let idle = self.idle.lock().unpoisoned().pop();
        let node = idle.unwrap_or_else(|| self.make_taken());
        // SAFETY: nodes live as long as the pool, which is borrowed.
        unsafe { node.as_ref() }.take();
        node
    }

    /// A new object, which was already counted as taken.
    fn make_taken(&self) -> NonNull<Node<T>> {
        let untaken = Untaken(self);
        let node = self.make(false);
        std::mem::forget(untaken);
        node
    }

    #[cold]
    #[inline(never)]
    fn fetch(&self) -> NonNull<Node<T>> {
        // Takes several at a time, so that the next ones need no lock.
        let mut some = {
            let mut idle = self.idle.lock().unpoisoned();
            let from = idle.len().saturating_sub(KEPT / 2);
            idle.split_off(from)
        };
        let Some(node) = some.pop() else { return self.make_taken() };
        self.parts.with(|| self.kept(), |kept| some.retain(|node| !kept.is_some_and(|kept| kept.push(*node))));
        self.idle.lock().unpoisoned().extend(some);
        node
    }

    /// An object beyond the maximum. It is dropped when it returns.
    pub(super) fn take_beyond(&self) -> NonNull<Node<T>> {
        let node = self.make(true);
        self.counts.beyond.fetch_add(1, Relaxed);
        self.counts.last_taken.fetch_add(1, Relaxed);
        // SAFETY: nodes live as long as the pool, which is borrowed.
        unsafe { node.as_ref() }.take();
        node
    }

    fn make(&self, is_beyond: bool) -> NonNull<Node<T>> {
        let node = NonNull::from(Box::leak(Box::new(Node::new((self.rules.make)(), is_beyond))));
        self.counts.made.fetch_add(1, Relaxed);
        let mut all = self.all.lock().unpoisoned();
        // SAFETY: it was just made.
        unsafe { node.as_ref() }.at.store(all.len(), Relaxed);
        all.push(node);
        node
    }

    /// Drops the object and its node.
    ///
    /// # Safety
    /// The node belongs to this pool, and nobody else uses it.
    unsafe fn discard(&self, node: NonNull<Node<T>>) {
        // SAFETY: as the caller guarantees.
        drop(unsafe { self.unlink(node) });
    }

    /// Removes the node from the list of all nodes.
    ///
    /// # Safety
    /// As for [`discard`](Self::discard).
    unsafe fn unlink(&self, node: NonNull<Node<T>>) -> Box<Node<T>> {
        let mut all = self.all.lock().unpoisoned();
        // SAFETY: the caller's promise.
        let at = unsafe { node.as_ref() }.at.load(Relaxed);
        all.swap_remove(at);
        if let Some(moved) = all.get(at) {
            // SAFETY: all nodes in the list are alive.
            unsafe { moved.as_ref() }.at.store(at, Relaxed);
        }
        // SAFETY: as the caller guarantees; the node came from a box.
        unsafe { Box::from_raw(node.as_ptr()) }
    }

    /// Returns the object to the pool.
    ///
    /// # Safety
    /// The node belongs to this pool and to the caller, who does not use it any more.
    #[inline]
    pub(super) unsafe fn give_back(&self, node: NonNull<Node<T>>) {
        // SAFETY: as the caller guarantees.
        let it = unsafe { node.as_ref() };
        it.give_back();
        if std::thread::panicking() || it.is_beyond {
            // SAFETY: as the caller guarantees.
            return unsafe { self.give_up(node) };
        }
        if let Some(reset) = &self.rules.reset {
            let undo = OnUnwind { pool: self, node };
            // SAFETY: as the caller guarantees, nobody else uses the object.
            let fits = reset(unsafe { &mut *it.value.get() });
            std::mem::forget(undo);
            if !fits {
                // SAFETY: as the caller guarantees.
                return unsafe { self.give_up_unfit(node) };
            }
        }
        if let Some(permits) = &self.permits {
            self.counts.last_returned.fetch_add(1, Relaxed);
            // Before the permit is released, so that its next owner finds the object.
            self.keep(std::iter::once(node));
            return permits.add_permits(1);
        }
        let is_kept = self.parts.with(
            || self.kept(),
            |kept| {
                let Some(kept) = kept else { return false };
                kept.returned.add(1);
                if kept.trims.get() != self.trims.load(Relaxed) || !kept.push(node) {
                    self.make_room(kept);
                    // Dropping surplus objects runs their destructors, which may have taken from
                    // this pool and returned objects.
                    if !kept.push(node) {
                        self.keep(std::iter::once(node));
                    }
                }
                true
            },
        );
        if !is_kept {
            self.counts.last_returned.fetch_add(1, Relaxed);
            self.keep(std::iter::once(node));
        }
    }

    /// Drops an object that was in use during a panic, or that exceeds the maximum.
    ///
    /// # Safety
    /// As for [`give_back`](Self::give_back).
    #[cold]
    #[inline(never)]
    unsafe fn give_up(&self, node: NonNull<Node<T>>) {
        // SAFETY: as the caller guarantees.
        let is_beyond = unsafe { node.as_ref() }.is_beyond;
        self.counts.last_returned.fetch_add(1, Relaxed);
        if !is_beyond {
            self.counts.poisoned.fetch_add(1, Relaxed);
            self.permits.iter().for_each(|permits| permits.add_permits(1));
        }
        // SAFETY: as the caller guarantees.
        unsafe { self.discard(node) };
    }

    /// Drops an object that cannot be reused, as its reset said.
    ///
    /// # Safety
    /// As for [`give_back`](Self::give_back).
    #[cold]
    #[inline(never)]
    unsafe fn give_up_unfit(&self, node: NonNull<Node<T>>) {
        self.counts.last_returned.fetch_add(1, Relaxed);
        self.counts.unfit.fetch_add(1, Relaxed);
        self.permits.iter().for_each(|permits| permits.add_permits(1));
        // SAFETY: as the caller guarantees.
        unsafe { self.discard(node) };
    }

    /// Takes the object out of the pool for good: its borrower keeps the value.
    ///
    /// # Safety
    /// As for [`give_back`](Self::give_back).
    pub(super) unsafe fn part_with(&self, node: NonNull<Node<T>>) -> T {
        self.counts.last_returned.fetch_add(1, Relaxed);
        // SAFETY: as the caller guarantees.
        if !unsafe { node.as_ref() }.is_beyond {
            self.permits.iter().for_each(|permits| permits.add_permits(1));
        }
        // SAFETY: as the caller guarantees.
        unsafe { self.unlink(node) }.value.into_inner()
    }

    /// Called when a thread keeps the maximum, or must return its objects after a trim.
    #[cold]
    #[inline(never)]
    fn make_room(&self, kept: &Kept<T>) {
        let trims = self.trims.load(Relaxed);
        let is_trimmed = kept.trims.replace(trims) != trims;
        self.take_back(kept, if is_trimmed { KEPT } else { KEPT / 2 });
    }

    /// Moves objects that a thread kept to the common list, at most `most`.
    fn take_back(&self, kept: &Kept<T>, most: usize) {
        self.keep((0..most).map_while(|_| kept.pop()));
    }

    /// Adds idle objects to the common list, and drops what exceeds `max_idle`.
    fn keep(&self, mut nodes: impl Iterator<Item = NonNull<Node<T>>>) {
        {
            let mut idle = self.idle.lock().unpoisoned();
            let room = self.rules.max_idle.saturating_sub(idle.len());
            idle.extend(nodes.by_ref().take(room));
        }
        for node in nodes {
            self.counts.surplus.fetch_add(1, Relaxed);
            // SAFETY: the node is idle, and on no list.
            unsafe { self.discard(node) };
        }
    }

    /// Drops idle objects except for `min`. The objects that threads keep are dropped when the
    /// thread next returns one. Returns how many were dropped.
    pub(super) fn trim(&self) -> usize {
        self.trims.fetch_add(1, Relaxed);
        let surplus = {
            let mut idle = self.idle.lock().unpoisoned();
            let from = self.rules.min.min(idle.len());
            idle.split_off(from)
        };
        let count = surplus.len();
        self.counts.trimmed.fetch_add(count as u64, Relaxed);
        // SAFETY: the nodes were idle, and are on no list.
        surplus.into_iter().for_each(|node| unsafe { self.discard(node) });
        count
    }

    pub(super) fn note_timeout(&self) {
        self.counts.timeouts.fetch_add(1, Relaxed);
    }

    /// All checkouts.
    pub(super) fn outs(&self) -> Vec<Out> {
        // SAFETY: nodes in the list live while it is locked.
        self.all.lock().unpoisoned().iter().filter_map(|node| unsafe { node.as_ref() }.out()).collect()
    }

    pub(super) fn account(&self) -> PoolAccount {
        let counts = &self.counts;
        // Returned is read first: everything that it counts was taken before.
        let (mut taken, mut returned) = (0, counts.last_returned.load(Relaxed));
        self.parts.each(|kept| returned += kept.returned.get());
        taken += counts.last_taken.load(Relaxed);
        self.parts.each(|kept| taken += kept.taken.get());
        let objects = self.all.lock().unpoisoned().len() as u64;
        let outstanding = taken.saturating_sub(returned);
        PoolAccount {
            name: self.rules.name.to_string(),
            taken,
            made: counts.made.load(Relaxed),
            outstanding,
            idle: objects.saturating_sub(outstanding),
            beyond: counts.beyond.load(Relaxed),
            poisoned: counts.poisoned.load(Relaxed),
            unfit: counts.unfit.load(Relaxed),
            surplus: counts.surplus.load(Relaxed),
            trimmed: counts.trimmed.load(Relaxed),
            timeouts: counts.timeouts.load(Relaxed),
            first: self.rules.min as u64,
            ..PoolAccount::default()
        }
    }
}

/// Undoes the count of a taken object if making it panics.
struct Untaken<'a, T>(&'a Shared<T>);

impl<T> Drop for Untaken<'_, T> {
    fn drop(&mut self) {
        self.0.counts.last_returned.fetch_add(1, Relaxed);
        self.0.permits.iter().for_each(|permits| permits.add_permits(1));
    }
}

/// Counts the object as poisoned and drops it if its reset panics.
struct OnUnwind<'a, T: Send + 'static> {
    pool: &'a Shared<T>,
    node: NonNull<Node<T>>,
}

impl<T: Send + 'static> Drop for OnUnwind<'_, T> {
    fn drop(&mut self) {
        // SAFETY: the caller that returned it does not use it any more.
        unsafe { self.pool.give_up(self.node) };
    }
}

impl<T> Drop for Shared<T> {
    fn drop(&mut self) {
        for node in self.all.get_mut().unpoisoned().drain(..) {
            // SAFETY: no object is out, since whoever has one borrows the pool or holds it; what
            // threads keep they find by the pool's id only, which nobody else gets. The node came
            // from a box.
            drop(unsafe { Box::from_raw(node.as_ptr()) });
        }
    }
}
