//! A pool's inside: where idle objects wait, and who has the others.
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

/// Idle objects that a thread keeps for itself.
const KEPT: usize = 16;

/// Makes an object what it was; `false`: it cannot.
pub(super) type Reset<T> = dyn Fn(&mut T) -> bool + Send + Sync;

/// How a pool is to be.
pub(super) struct Rules<T> {
    pub(super) name: Arc<str>,
    pub(super) make: Box<dyn Fn() -> T + Send + Sync>,
    /// Whether the object can be used again.
    pub(super) reset: Option<Box<Reset<T>>>,
    pub(super) min: usize,
    pub(super) max: Option<usize>,
    pub(super) max_idle: usize,
}

pub(super) struct Shared<T> {
    pub(super) rules: Rules<T>,
    parts: Parts<Kept<T>>,
    /// Those that no thread keeps.
    idle: Mutex<Vec<NonNull<Node<T>>>>,
    all: Mutex<Vec<NonNull<Node<T>>>>,
    /// One for each object that may yet be taken.
    pub(super) permits: Option<Semaphore>,
    counts: Counts,
    /// Threads give back what they keep when it changes.
    trims: AtomicU64,
    weak: Weak<Self>,
}

// SAFETY: nodes are handed from one thread to another with their objects, which are `Send`; lists
// are under locks, what a thread keeps is touched by that thread only.
unsafe impl<T: Send> Send for Shared<T> {}
// SAFETY: likewise; a shared reference to the pool gives no shared reference to an object.
unsafe impl<T: Send> Sync for Shared<T> {}

/// What is not counted by each thread for itself.
#[derive(Debug, Default)]
struct Counts {
    made: AtomicU64,
    beyond: AtomicU64,
    poisoned: AtomicU64,
    unfit: AtomicU64,
    surplus: AtomicU64,
    trimmed: AtomicU64,
    timeouts: AtomicU64,
    /// Of threads that end.
    last_taken: AtomicU64,
    last_returned: AtomicU64,
}

/// A thread's own part.
struct Kept<T> {
    nodes: [Cell<Option<NonNull<Node<T>>>>; KEPT],
    count: Cell<usize>,
    trims: Cell<u64>,
    taken: Single,
    returned: Single,
    home: Weak<Shared<T>>,
}

// SAFETY: readers read counters only; the rest is touched by the thread alone that has the part.
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

    /// `false`: there is no room.
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

    /// An idle object, or a new one. A permit, where there are any, is the caller's business.
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

    /// Of so many objects as may be out no thread keeps any: there would have to be more.
    fn take_from_all(&self) -> NonNull<Node<T>> {
        self.counts.last_taken.fetch_add(1, Relaxed);
        let idle = self.idle.lock().unpoisoned().pop();
        let node = idle.unwrap_or_else(|| self.make_taken());
        // SAFETY: nodes live as long as the pool, which is borrowed.
        unsafe { node.as_ref() }.take();
        node
    }

    /// A new object, which was counted as taken.
    fn make_taken(&self) -> NonNull<Node<T>> {
        let untaken = Untaken(self);
        let node = self.make(false);
        std::mem::forget(untaken);
        node
    }

    #[cold]
    #[inline(never)]
    fn fetch(&self) -> NonNull<Node<T>> {
        // More than one at a time, so that the next ones are at hand.
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

    /// An object beyond what the pool may have out: it will not be kept.
    pub(super) fn take_beyond(&self) -> NonNull<Node<T>> {
        let node = self.make(true);
        self.counts.beyond.fetch_add(1, Relaxed);
        self.counts.last_taken.fetch_add(1, Relaxed);
        // SAFETY: as above.
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

    /// Ends the object and its node.
    ///
    /// # Safety
    /// The node is this pool's, and nobody else has it.
    unsafe fn discard(&self, node: NonNull<Node<T>>) {
        // SAFETY: the caller's promise.
        drop(unsafe { self.unlink(node) });
    }

    /// The node, on no list any more.
    ///
    /// # Safety
    /// As [`discard`](Self::discard).
    unsafe fn unlink(&self, node: NonNull<Node<T>>) -> Box<Node<T>> {
        let mut all = self.all.lock().unpoisoned();
        // SAFETY: the caller's promise.
        let at = unsafe { node.as_ref() }.at.load(Relaxed);
        all.swap_remove(at);
        if let Some(moved) = all.get(at) {
            // SAFETY: nodes in the list live.
            unsafe { moved.as_ref() }.at.store(at, Relaxed);
        }
        // SAFETY: the caller's promise; the node came from a box.
        unsafe { Box::from_raw(node.as_ptr()) }
    }

    /// The object comes back.
    ///
    /// # Safety
    /// The node is this pool's and the caller's, who gives it up.
    #[inline]
    pub(super) unsafe fn give_back(&self, node: NonNull<Node<T>>) {
        // SAFETY: the caller's promise.
        let it = unsafe { node.as_ref() };
        it.give_back();
        if std::thread::panicking() || it.is_beyond {
            // SAFETY: the caller's promise.
            return unsafe { self.give_up(node) };
        }
        if let Some(reset) = &self.rules.reset {
            let undo = OnUnwind { pool: self, node };
            // SAFETY: the caller's promise: nobody else has the object.
            let fits = reset(unsafe { &mut *it.value.get() });
            std::mem::forget(undo);
            if !fits {
                // SAFETY: the caller's promise.
                return unsafe { self.give_up_unfit(node) };
            }
        }
        if let Some(permits) = &self.permits {
            self.counts.last_returned.fetch_add(1, Relaxed);
            // Before the permit: whoever gets that finds the object.
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
                    // What ends there may have taken from this pool, and given back.
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

    /// It panicked with it, or it is beyond what the pool keeps.
    #[cold]
    #[inline(never)]
    unsafe fn give_up(&self, node: NonNull<Node<T>>) {
        // SAFETY: the caller's promise.
        let is_beyond = unsafe { node.as_ref() }.is_beyond;
        self.counts.last_returned.fetch_add(1, Relaxed);
        if !is_beyond {
            self.counts.poisoned.fetch_add(1, Relaxed);
            self.permits.iter().for_each(|permits| permits.add_permits(1));
        }
        // SAFETY: the caller's promise.
        unsafe { self.discard(node) };
    }

    /// What resets it says that it cannot be used again.
    #[cold]
    #[inline(never)]
    unsafe fn give_up_unfit(&self, node: NonNull<Node<T>>) {
        self.counts.last_returned.fetch_add(1, Relaxed);
        self.counts.unfit.fetch_add(1, Relaxed);
        self.permits.iter().for_each(|permits| permits.add_permits(1));
        // SAFETY: the caller's promise.
        unsafe { self.discard(node) };
    }

    /// The object does not come back: its borrower keeps the value.
    ///
    /// # Safety
    /// As [`give_back`](Self::give_back).
    pub(super) unsafe fn part_with(&self, node: NonNull<Node<T>>) -> T {
        self.counts.last_returned.fetch_add(1, Relaxed);
        // SAFETY: the caller's promise.
        if !unsafe { node.as_ref() }.is_beyond {
            self.permits.iter().for_each(|permits| permits.add_permits(1));
        }
        // SAFETY: the caller's promise.
        unsafe { self.unlink(node) }.value.into_inner()
    }

    /// A thread has as many as it may keep, or is to give back.
    #[cold]
    #[inline(never)]
    fn make_room(&self, kept: &Kept<T>) {
        let trims = self.trims.load(Relaxed);
        let is_trimmed = kept.trims.replace(trims) != trims;
        self.take_back(kept, if is_trimmed { KEPT } else { KEPT / 2 });
    }

    /// What a thread kept goes to all; so many at most.
    fn take_back(&self, kept: &Kept<T>, most: usize) {
        self.keep((0..most).map_while(|_| kept.pop()));
    }

    /// Idle objects that no thread keeps.
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

    /// Ends idle objects but for `min`; threads give back what they keep when they next return one.
    /// How many ended.
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

    /// Who has what.
    pub(super) fn outs(&self) -> Vec<Out> {
        // SAFETY: nodes in the list live while it is locked.
        self.all.lock().unpoisoned().iter().filter_map(|node| unsafe { node.as_ref() }.out()).collect()
    }

    pub(super) fn account(&self) -> PoolAccount {
        let counts = &self.counts;
        // Returned first: what comes back meanwhile was taken before.
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

/// What makes an object panicked: none was taken.
struct Untaken<'a, T>(&'a Shared<T>);

impl<T> Drop for Untaken<'_, T> {
    fn drop(&mut self) {
        self.0.counts.last_returned.fetch_add(1, Relaxed);
        self.0.permits.iter().for_each(|permits| permits.add_permits(1));
    }
}

/// What resets an object panicked: the object is poisoned.
struct OnUnwind<'a, T: Send + 'static> {
    pool: &'a Shared<T>,
    node: NonNull<Node<T>>,
}

impl<T: Send + 'static> Drop for OnUnwind<'_, T> {
    fn drop(&mut self) {
        // SAFETY: whoever gave it back has given it up.
        unsafe { self.pool.give_up(self.node) };
    }
}

impl<T> Drop for Shared<T> {
    fn drop(&mut self) {
        for node in self.all.get_mut().unpoisoned().drain(..) {
            // SAFETY: no object is out, since whoever has one borrows the pool or holds it; what threads keep they find by the pool's id
            // only, which nobody else gets. The node came from a box.
            drop(unsafe { Box::from_raw(node.as_ptr()) });
        }
    }
}
