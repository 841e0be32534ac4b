//! A mutex.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::panic::Location;
use std::sync::{LockResult, TryLockResult};

use super::{map, or_wait, try_map};
use crate::record::{Holder, Holding, Lock, LockKind, wait_for};

/// [`std::sync::Mutex`], whose waits are recorded.
///
/// ```
/// use perf_sdk::sync::Mutex;
///
/// static TOTAL: Mutex<u64> = Mutex::new(0); // profiles name it by this line
///
/// #[perf_sdk::profiled]
/// fn add(n: u64) {
///     *TOTAL.lock().unwrap() += n; // a wait is charged to `add`, and to who held it
/// }
///
/// std::thread::scope(|threads| (0..4).for_each(|n| drop(threads.spawn(move || add(n)))));
/// assert_eq!(*TOTAL.lock().unwrap(), 6);
/// ```
///
/// **Cost.** If it is free: that of std's, and some stores: of the current scope, and of the lock
/// among those that the thread holds. If it is not: two
/// counter reads and some additions. It is 16 bytes larger than std's.
pub struct Mutex<T: ?Sized> {
    place: &'static Location<'static>,
    holder: Holder,
    inner: std::sync::Mutex<T>,
}

impl<T> Mutex<T> {
    /// An unlocked mutex around `value`. Profiles name it by the place of this call.
    #[track_caller]
    pub const fn new(value: T) -> Self {
        Self { place: Location::caller(), holder: Holder::nobody(), inner: std::sync::Mutex::new(value) }
    }

    /// The value, without locking, because no other thread has access to the mutex.
    ///
    /// # Errors
    /// The mutex is poisoned: a thread panicked while it held it. The error contains the value
    /// nevertheless.
    pub fn into_inner(self) -> LockResult<T> {
        self.inner.into_inner()
    }
}

impl<T: ?Sized> Mutex<T> {
    /// Waits until the mutex is free, and locks it.
    ///
    /// # Errors
    /// The mutex is poisoned: a thread panicked while it held it. The error contains the guard
    /// nevertheless.
    ///
    /// # Panics
    /// May panic, or never return, if this thread already holds it, as in std.
    #[inline]
    pub fn lock(&self) -> LockResult<MutexGuard<'_, T>> {
        let wait = || wait_for(self.as_lock(), Some(&self.holder), || self.inner.lock());
        map(or_wait(self.inner.try_lock(), wait), |inner| self.guard(inner))
    }

    /// Locks the mutex if it is free. A failed attempt is not a wait, and is not recorded.
    ///
    /// # Errors
    /// The mutex is locked, or poisoned.
    #[inline]
    pub fn try_lock(&self) -> TryLockResult<MutexGuard<'_, T>> {
        try_map(self.inner.try_lock(), |inner| self.guard(inner))
    }

    /// Whether a thread panicked while it held the mutex.
    pub fn is_poisoned(&self) -> bool {
        self.inner.is_poisoned()
    }

    /// Marks the mutex as not poisoned.
    pub fn clear_poison(&self) {
        self.inner.clear_poison();
    }

    /// The value, without locking, because there is no other reference.
    ///
    /// # Errors
    /// As [`into_inner`](Self::into_inner).
    pub fn get_mut(&mut self) -> LockResult<&mut T> {
        self.inner.get_mut()
    }

    fn as_lock(&self) -> Lock {
        Lock { kind: LockKind::Mutex, place: self.place }
    }

    #[inline]
    fn guard<'a>(&'a self, inner: std::sync::MutexGuard<'a, T>) -> MutexGuard<'a, T> {
        MutexGuard { inner, holding: Holding::new(self.as_lock(), &self.holder) }
    }
}

impl<T: Default> Default for Mutex<T> {
    #[track_caller]
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> From<T> for Mutex<T> {
    #[track_caller]
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

/// Access to the value in a [`Mutex`], which is unlocked when this drops.
#[must_use = "if unused the Mutex will immediately unlock"]
pub struct MutexGuard<'a, T: ?Sized> {
    // First, so that the lock is free before the rest is done.
    inner: std::sync::MutexGuard<'a, T>,
    holding: Holding<'a>,
}

impl<'a, T: ?Sized> MutexGuard<'a, T> {
    /// The mutex is locked again, after a wait at a condition variable.
    pub(super) fn again(inner: std::sync::MutexGuard<'a, T>, holding: Holding<'a>) -> Self {
        holding.note_again();
        Self { inner, holding }
    }

    pub(super) fn into_parts(self) -> (std::sync::MutexGuard<'a, T>, Holding<'a>) {
        (self.inner, self.holding)
    }
}

impl<T: ?Sized> Deref for MutexGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.inner
    }
}

impl<T: ?Sized> DerefMut for MutexGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        &mut self.inner
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}
