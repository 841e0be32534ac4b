//! Futures that are suspended while they hold a lock.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use super::{Condvar, Mutex, RwLock};
use crate::collect;
use crate::record::FutureExt as _;
use crate::snapshot::LockContention;

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
    assert!(seen.iter().all(|held| held.file.ends_with("sync/suspended.rs") && held.scope.len() == 1), "{seen:?}");
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
    for name in ["suspended with nothing", "suspended: a caller", "suspended: its future", "suspended: not measured"] {
        assert_eq!(suspended(name), [], "{name}");
    }
}
