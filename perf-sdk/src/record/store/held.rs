//! The locks that one thread holds so that no other can take them.

use std::cell::Cell;
use std::panic::Location;

use crate::scope::CallPath;

/// The maximum number of locks at a time. Further ones are not followed.
const MOST: usize = 8;

/// A lock that is held.
#[derive(Clone, Copy, Debug)]
pub(in crate::record) struct HeldLock {
    /// An address that no other lock has meanwhile.
    pub(in crate::record) key: usize,
    pub(in crate::record) kind: u8,
    /// Where it was made.
    pub(in crate::record) place: &'static Location<'static>,
    /// The scope that took it.
    pub(in crate::record) scope: CallPath,
    /// The future that was suspended with it, and when, in ticks.
    pub(in crate::record) suspended: Option<(CallPath, u64)>,
}

/// The locks of one thread. Owner only.
#[derive(Debug)]
pub(in crate::record) struct HeldLocks {
    number: Cell<usize>,
    /// Those with which no future was suspended.
    fresh: Cell<usize>,
    locks: [Cell<Option<HeldLock>>; MOST],
}

impl HeldLocks {
    pub(in crate::record) const fn new() -> Self {
        Self { number: Cell::new(0), fresh: Cell::new(0), locks: [const { Cell::new(None) }; MOST] }
    }

    /// Whether there is a lock with which no future was suspended.
    #[inline(always)]
    pub(in crate::record) fn is_any_fresh(&self) -> bool {
        self.fresh.get() > 0
    }

    /// The thread has taken a lock.
    #[inline]
    pub(in crate::record) fn add(&self, lock: HeldLock) {
        let number = self.number.get();
        if let Some(place) = self.locks.get(number) {
            place.set(Some(lock));
            self.number.set(number + 1);
            self.fresh.set(self.fresh.get() + 1);
        }
    }

    /// The thread has released a lock. `None` if it was not followed.
    #[inline]
    pub(in crate::record) fn remove(&self, key: usize) -> Option<HeldLock> {
        let held = &self.locks[..self.number.get()];
        // Mostly the latest one.
        let at = held.iter().rposition(|place| place.get().is_some_and(|lock| lock.key == key))?;
        let last = held.len() - 1;
        let removed = held[at].replace(held[last].get());
        self.number.set(last);
        if removed.is_some_and(|lock| lock.suspended.is_none()) {
            self.fresh.set(self.fresh.get().saturating_sub(1));
        }
        removed
    }

    /// A future was suspended: hands over each lock with which none was suspended before, and that
    /// the future took.
    pub(in crate::record) fn suspend(&self, future: CallPath, now: u64, mut each: impl FnMut(&HeldLock)) {
        for place in &self.locks[..self.number.get()] {
            if let Some(lock) = place.get()
                && lock.suspended.is_none()
                && is_within(lock.scope, future)
            {
                place.set(Some(HeldLock { suspended: Some((future, now)), ..lock }));
                self.fresh.set(self.fresh.get().saturating_sub(1));
                each(&lock);
            }
        }
    }

    /// The record passes to another thread.
    pub(in crate::record) fn forget(&self) {
        self.number.set(0);
        self.fresh.set(0);
    }
}

/// Whether a scope is this future, or was called by it.
fn is_within(scope: CallPath, future: CallPath) -> bool {
    std::iter::successors(Some(scope), |scope| scope.get().parent).any(|scope| scope == future)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::store::arena::Arena;
    use crate::record::store::node::Node;
    use crate::scope::{Options, Site, Source};

    static SITE: Site = Site::new(
        Source { name: Some("future"), path: || "", ident: "future", module: "m", file: file!(), line: 1 },
        Options::DEFAULT,
    );

    #[track_caller]
    fn lock(key: usize, scope: CallPath) -> HeldLock {
        HeldLock { key, kind: 0, place: Location::caller(), scope, suspended: None }
    }

    #[test]
    fn only_what_a_future_took_is_suspended_with_it_and_once() {
        let arena = Arena::new();
        let root = Node::root(&arena).unwrap();
        let child = |of| Node::allocate(&arena, &SITE, of, None, None).unwrap();
        let (future, other) = (child(root), child(root));
        let callee = child(future);
        let held = HeldLocks::new();
        for (key, of) in [(1, root), (2, callee), (3, other), (4, future)] {
            held.add(lock(key, of.as_path()));
        }
        let suspend = |of: &'static Node| {
            let mut keys = Vec::new();
            held.suspend(of.as_path(), 7, |lock| keys.push(lock.key));
            keys
        };
        assert_eq!(suspend(future), [2, 4]);
        assert!(held.is_any_fresh() && suspend(future).is_empty());
        assert_eq!(held.remove(2).unwrap().suspended, Some((future.as_path(), 7)));
        assert!(held.remove(2).is_none());
        assert_eq!((held.remove(1).unwrap().suspended, held.remove(3).unwrap().suspended), (None, None));
        assert!(!held.is_any_fresh() && held.remove(4).is_some());
        assert_eq!(held.number.get(), 0);
    }

    #[test]
    fn locks_beyond_the_room_are_not_followed() {
        let arena = Arena::new();
        let root = Node::root(&arena).unwrap();
        let held = HeldLocks::new();
        (0..MOST + 3).for_each(|key| held.add(lock(key, root.as_path())));
        assert!((MOST..MOST + 3).all(|key| held.remove(key).is_none()));
        // In another order than that in which they were taken.
        assert!((0..MOST).all(|key| held.remove(key).is_some_and(|lock| lock.key == key)));
        assert!(!held.is_any_fresh());
        held.add(lock(1, root.as_path()));
        held.forget();
        assert!(!held.is_any_fresh() && held.remove(1).is_none());
    }
}
