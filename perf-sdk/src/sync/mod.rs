//! Locks that record who waited for them and who held them meanwhile: [`std::sync`] with another
//! `Mutex`, `RwLock` and `Condvar`.
//!
//! Change `std::sync` to `perf_sdk::sync`, and the rest of the code stays unchanged:
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
//! They wrap std's locks and add two words: the place where the lock was made, which identifies it
//! in profiles, and the profiled scope that took it last. A free lock is taken without reading a
//! clock. A thread that has to wait reads the clock before and after. The delay is charged to the
//! scope that waited ([`Locks::waiters`](crate::snapshot::Locks::waiters), `/debug/pprof/block`)
//! and to the scope that held the lock when the wait began
//! ([`Locks::holders`](crate::snapshot::Locks::holders), `/debug/pprof/mutex`). Measured futures
//! that are suspended while they hold a lock are counted
//! ([`Locks::suspended`](crate::snapshot::Locks::suspended)). A wait at a
//! [`Condvar`] is charged only to the scope that waits.
//!
//! **Blind spots.** Waits that have not ended yet. If several threads read an [`RwLock`] at the
//! same time, the latest reader counts as the holder. Locks that are not from this module: std's
//! own, `parking_lot`'s, tokio's.

mod condvar;
mod mutex;
mod rwlock;

// Names that are not defined below are std's, because an explicit import takes precedence over a
// glob.
pub use std::sync::*;

pub use condvar::Condvar;
pub use mutex::{Mutex, MutexGuard};
pub use rwlock::{RwLock, RwLockReadGuard, RwLockWriteGuard};

/// The same result, with the guard mapped.
fn map<G, H>(result: LockResult<G>, guard: impl FnOnce(G) -> H) -> LockResult<H> {
    match result {
        Ok(inner) => Ok(guard(inner)),
        Err(poisoned) => Err(PoisonError::new(guard(poisoned.into_inner()))),
    }
}

/// The same result, with the guard mapped.
fn try_map<G, H>(result: TryLockResult<G>, guard: impl FnOnce(G) -> H) -> TryLockResult<H> {
    match result {
        Ok(inner) => Ok(guard(inner)),
        Err(TryLockError::WouldBlock) => Err(TryLockError::WouldBlock),
        Err(TryLockError::Poisoned(poisoned)) => Err(PoisonError::new(guard(poisoned.into_inner())).into()),
    }
}

/// The result of the first attempt, or of `block` if the lock was taken.
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
