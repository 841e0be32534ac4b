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

#[cfg(test)]
mod tests {
    use std::future::{Future, poll_fn};
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use crate::collect;
    use crate::record::FutureExt as _;
    use crate::snapshot::LockContention;
    use crate::sync::{Condvar, Mutex, RwLock};

    /// Pending once.
    async fn pause() {
        let mut is_first = true;
        poll_fn(|_| if std::mem::replace(&mut is_first, false) { Poll::Pending } else { Poll::Ready(()) }).await;
    }

    /// Polls until it is ready. Returns the number of polls.
    fn complete(future: impl Future) -> usize {
        let mut future = pin!(future);
        let mut context = Context::from_waker(Waker::noop());
        (1..).find(|_| future.as_mut().poll(&mut context).is_ready()).unwrap()
    }

    fn suspended(name: &str) -> Vec<LockContention> {
        let mut all = collect::take().locks.suspended;
        all.retain(|held| held.scope.iter().any(|frame| frame.name == name));
        all
    }

    #[test]
    fn a_lock_that_is_held_over_an_await_is_counted_once_and_timed() {
        let (mutex, lock) = (Mutex::new(0), RwLock::new(0));
        let mut future = pin!(
            async {
                let _guard = mutex.lock().unwrap();
                // The helper's scope has ended, but the future has its guard.
                let _writer = crate::measure("suspended with two: a helper", || lock.write().unwrap());
                pause().await;
                pause().await;
            }
            .profiled("suspended with two")
        );
        let mut poll = || future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending();
        assert!(poll() && poll());
        let seen = suspended("suspended with two");
        assert_eq!(seen.iter().map(|held| held.lock.as_str()).collect::<Vec<_>>(), ["Mutex", "RwLock"]);
        assert!(seen.iter().all(|held| held.contentions == 1 && held.delay_ns == 0), "{seen:?}");
        assert!(seen.iter().all(|held| held.file.ends_with("locks/holding.rs") && held.scope.len() == 1), "{seen:?}");
        assert!(!poll());
        let seen = suspended("suspended with two");
        assert!(seen.iter().all(|held| held.contentions == 1 && held.delay_ns > 0), "{seen:?}");
    }

    #[test]
    fn the_innermost_future_is_named() {
        let mutex = Mutex::new(0);
        let inner = async {
            let _guard = mutex.lock().unwrap();
            pause().await;
        };
        assert_eq!(complete(inner.profiled("the inner one").profiled("the outer one")), 2);
        let names = |held: &LockContention| held.scope.iter().map(|frame| frame.name.clone()).collect::<Vec<_>>();
        let seen = suspended("the outer one");
        assert_eq!(seen.iter().map(names).collect::<Vec<_>>(), [["the outer one", "the inner one"]]);
    }

    #[test]
    fn what_a_future_does_not_hold_alone_is_not_counted() {
        let (mutex, lock, woken) = (Mutex::new(0), RwLock::new(0), Condvar::new());
        let harmless = async {
            *mutex.lock().unwrap() += 1;
            let _reader = lock.read().unwrap();
            pause().await;
            let guard = woken.wait_while(mutex.lock().unwrap(), |count| *count == 0).unwrap();
            drop(guard);
            pause().await;
        };
        assert_eq!(complete(harmless.profiled("suspended with nothing")), 3);
        // Of the caller that polls, and of a future that nobody measures.
        let of_caller = Mutex::new(0);
        crate::measure("suspended: a caller", || {
            let _guard = of_caller.lock().unwrap();
            complete(pause().profiled("suspended: its future"));
        });
        let unmeasured = async {
            let _guard = of_caller.lock().unwrap();
            pause().await;
        };
        crate::measure("suspended: not measured", || complete(unmeasured));
        for name in
            ["suspended with nothing", "suspended: a caller", "suspended: its future", "suspended: not measured"]
        {
            assert_eq!(suspended(name), [], "{name}");
        }
    }
}
