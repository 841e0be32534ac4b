//! Locks that tell who waited for them and who held them meanwhile: [`std::sync`] with another
//! `Mutex`, `RwLock` and `Condvar`.
//!
//! Change `std::sync` to `perf_sdk::sync` and the rest of the code stays as it is:
//!
//! ```
//! use perf_sdk::sync::{Arc, Mutex};
//!
//! static TOTAL: Mutex<u64> = Mutex::new(0);
//!
//! let names = Arc::new(Mutex::new(vec!["Ada"]));
//! names.lock().unwrap().push("Alan");
//! *TOTAL.lock().unwrap() += 2;
//! # assert_eq!((names.lock().unwrap().len(), *TOTAL.lock().unwrap()), (2, 2));
//! ```
//!
//! They are std's own locks, with two words beside: where the lock was made, by which readers tell
//! locks apart, and the profiled scope that took it last. A lock that is free is taken without
//! reading a clock. Whoever has to wait reads the clock before and after, and the delay is charged
//! to the scope that waited ([`Locks::waiters`](crate::snapshot::Locks::waiters),
//! `/debug/pprof/block`) and to the scope that held the lock when the wait began
//! ([`Locks::holders`](crate::snapshot::Locks::holders), `/debug/pprof/mutex`). What waits at a
//! [`Condvar`] is charged to the scope that waits only.
//!
//! **Blind spots.** Waits that are still going on. A reader of an [`RwLock`] stands for all that
//! read at the same time: the one that came last is taken for the holder. Locks of others: std's
//! own, `parking_lot`'s, tokio's.

mod condvar;
mod mutex;
mod rwlock;

// What is not named below is std's: a name that is imported hides one of the same name from a glob.
pub use std::sync::*;

pub use condvar::Condvar;
pub use mutex::{Mutex, MutexGuard};
pub use rwlock::{RwLock, RwLockReadGuard, RwLockWriteGuard};

/// The same with another guard in it.
fn map<G, H>(result: LockResult<G>, guard: impl FnOnce(G) -> H) -> LockResult<H> {
    match result {
        Ok(inner) => Ok(guard(inner)),
        Err(poisoned) => Err(PoisonError::new(guard(poisoned.into_inner()))),
    }
}

/// Likewise.
fn try_map<G, H>(result: TryLockResult<G>, guard: impl FnOnce(G) -> H) -> TryLockResult<H> {
    match result {
        Ok(inner) => Ok(guard(inner)),
        Err(TryLockError::WouldBlock) => Err(TryLockError::WouldBlock),
        Err(TryLockError::Poisoned(poisoned)) => Err(PoisonError::new(guard(poisoned.into_inner())).into()),
    }
}

/// What the first attempt brought, or if the lock was taken what `block` brings.
#[inline]
fn or_wait<G>(attempt: TryLockResult<G>, block: impl FnOnce() -> LockResult<G>) -> LockResult<G> {
    match attempt {
        Ok(guard) => Ok(guard),
        Err(TryLockError::Poisoned(poisoned)) => Err(poisoned),
        Err(TryLockError::WouldBlock) => block(),
    }
}

#[cfg(test)]
mod tests;
