//! A condition variable.

use std::fmt;
use std::panic::Location;
use std::sync::{LockResult, WaitTimeoutResult};
use std::time::Duration;

use super::map;
use super::mutex::MutexGuard;
use crate::record::{Lock, LockKind, wait_for};

/// [`std::sync::Condvar`] for a [`Mutex`](super::Mutex), whose waits are recorded. A wait lasts
/// until the mutex is held again, and is in the block profile only, because no holder causes it.
pub struct Condvar {
    place: &'static Location<'static>,
    inner: std::sync::Condvar,
}

impl Condvar {
    /// A condition variable without waiters. Profiles name it by the place of this call.
    #[must_use]
    #[track_caller]
    pub const fn new() -> Self {
        Self { place: Location::caller(), inner: std::sync::Condvar::new() }
    }

    /// Releases the mutex, waits for a notification, and locks the mutex again. It may also wake
    /// spuriously.
    ///
    /// # Errors
    /// The mutex is poisoned. The error contains the guard nevertheless.
    ///
    /// # Panics
    /// May panic if it is used with more than one mutex, as in std.
    pub fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> LockResult<MutexGuard<'a, T>> {
        let (guard, holding) = guard.into_parts();
        map(self.record(|| self.inner.wait(guard)), |guard| MutexGuard::again(guard, holding))
    }

    /// As [`wait`](Self::wait), until `condition` is false; returns at once if it is false. It
    /// counts as one wait, however often it wakes.
    ///
    /// # Errors
    /// As [`wait`](Self::wait).
    ///
    /// # Panics
    /// As [`wait`](Self::wait), and when `condition` does.
    pub fn wait_while<'a, T, F>(&self, mut guard: MutexGuard<'a, T>, mut condition: F) -> LockResult<MutexGuard<'a, T>>
    where
        F: FnMut(&mut T) -> bool,
    {
        if !condition(&mut guard) {
            return Ok(guard);
        }
        self.record(|| {
            loop {
                let (inner, holding) = guard.into_parts();
                guard = map(self.inner.wait(inner), |inner| MutexGuard::again(inner, holding))?;
                if !condition(&mut guard) {
                    return Ok(guard);
                }
            }
        })
    }

    /// As [`wait`](Self::wait), with a timeout.
    ///
    /// # Errors
    /// As [`wait`](Self::wait).
    ///
    /// # Panics
    /// As [`wait`](Self::wait).
    pub fn wait_timeout<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        duration: Duration,
    ) -> LockResult<(MutexGuard<'a, T>, WaitTimeoutResult)> {
        let (guard, holding) = guard.into_parts();
        let result = self.record(|| self.inner.wait_timeout(guard, duration));
        map(result, |(guard, timeout)| (MutexGuard::again(guard, holding), timeout))
    }

    /// As [`wait_while`](Self::wait_while), with a timeout.
    ///
    /// # Errors
    /// As [`wait`](Self::wait).
    ///
    /// # Panics
    /// As [`wait_while`](Self::wait_while).
    pub fn wait_timeout_while<'a, T, F>(
        &self,
        mut guard: MutexGuard<'a, T>,
        duration: Duration,
        mut condition: F,
    ) -> LockResult<(MutexGuard<'a, T>, WaitTimeoutResult)>
    where
        F: FnMut(&mut T) -> bool,
    {
        // If the condition is already false, nothing is recorded. The first result is passed on to
        // std's loop, which asks again, because only std can make a `WaitTimeoutResult`.
        let mut first = Some(condition(&mut guard));
        let is_wait = first == Some(true);
        let (guard, holding) = guard.into_parts();
        let condition = |value: &mut T| {
            first.take().unwrap_or_else(|| {
                holding.note_again();
                condition(value)
            })
        };
        let wait = || self.inner.wait_timeout_while(guard, duration, condition);
        let result = if is_wait { self.record(wait) } else { wait() };
        map(result, |(guard, timeout)| (MutexGuard::again(guard, holding), timeout))
    }

    /// Wakes one waiting thread.
    pub fn notify_one(&self) {
        self.inner.notify_one();
    }

    /// Wakes all waiting threads.
    pub fn notify_all(&self) {
        self.inner.notify_all();
    }

    fn record<R>(&self, block: impl FnOnce() -> R) -> R {
        wait_for(Lock { kind: LockKind::Condvar, place: self.place }, None, block)
    }
}

impl Default for Condvar {
    #[track_caller]
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Condvar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}
