//! A lock for many readers or one writer.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::panic::Location;
use std::sync::{LockResult, TryLockResult};

use super::{map, or_wait, try_map};
use crate::record::{Holder, Holding, Lock, LockKind, wait_for};

/// [`std::sync::RwLock`], whose waits are recorded.
///
/// **Cost.** As for a [`Mutex`](super::Mutex). Readers store their scope too, beside the word that
/// std's lock writes.
///
/// **Blind spots.** If several threads read at the same time, the latest reader counts as the
/// holder.
pub struct RwLock<T: ?Sized> {
    place: &'static Location<'static>,
    holder: Holder,
    inner: std::sync::RwLock<T>,
}

impl<T> RwLock<T> {
    /// An unlocked lock around `value`. Profiles name it by the place of this call.
    #[track_caller]
    pub const fn new(value: T) -> Self {
        Self { place: Location::caller(), holder: Holder::nobody(), inner: std::sync::RwLock::new(value) }
    }

    /// The value, without locking, because no other thread has access to the lock.
    ///
    /// # Errors
    /// The lock is poisoned: a thread panicked while it wrote. The error contains the value
    /// nevertheless.
    pub fn into_inner(self) -> LockResult<T> {
        self.inner.into_inner()
    }
}

impl<T: ?Sized> RwLock<T> {
    /// Waits until there is no writer, and locks for reading.
    ///
    /// # Errors
    /// The lock is poisoned: a thread panicked while it wrote. The error contains the guard
    /// nevertheless.
    ///
    /// # Panics
    /// May panic, or never return, if this thread already holds it, as in std.
    #[inline]
    pub fn read(&self) -> LockResult<RwLockReadGuard<'_, T>> {
        let wait = || wait_for(self.lock(), Some(&self.holder), || self.inner.read());
        map(or_wait(self.inner.try_read(), wait), |inner| RwLockReadGuard::new(inner, &self.holder))
    }

    /// Waits until there is no other reader or writer, and locks for writing.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    ///
    /// # Panics
    /// As [`read`](Self::read).
    #[inline]
    pub fn write(&self) -> LockResult<RwLockWriteGuard<'_, T>> {
        let wait = || wait_for(self.lock(), Some(&self.holder), || self.inner.write());
        map(or_wait(self.inner.try_write(), wait), |inner| self.write_guard(inner))
    }

    /// Locks for reading if there is no writer. A failed attempt is not a wait, and is not
    /// recorded.
    ///
    /// # Errors
    /// The lock is held by a writer, or poisoned.
    #[inline]
    pub fn try_read(&self) -> TryLockResult<RwLockReadGuard<'_, T>> {
        try_map(self.inner.try_read(), |inner| RwLockReadGuard::new(inner, &self.holder))
    }

    /// Locks for writing if there is no reader or writer. A failed attempt is not a wait, and is
    /// not recorded.
    ///
    /// # Errors
    /// The lock is held, or poisoned.
    #[inline]
    pub fn try_write(&self) -> TryLockResult<RwLockWriteGuard<'_, T>> {
        try_map(self.inner.try_write(), |inner| self.write_guard(inner))
    }

    /// Whether a thread panicked while it wrote.
    pub fn is_poisoned(&self) -> bool {
        self.inner.is_poisoned()
    }

    /// Marks the lock as not poisoned.
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

    fn lock(&self) -> Lock {
        Lock { kind: LockKind::RwLock, place: self.place }
    }

    #[inline]
    fn write_guard<'a>(&'a self, inner: std::sync::RwLockWriteGuard<'a, T>) -> RwLockWriteGuard<'a, T> {
        RwLockWriteGuard { inner, _holding: Holding::new(self.lock(), &self.holder) }
    }
}

impl<T: Default> Default for RwLock<T> {
    #[track_caller]
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> From<T> for RwLock<T> {
    #[track_caller]
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

/// Read access to the value in an [`RwLock`], which is unlocked when this drops.
#[must_use = "if unused the RwLock will immediately unlock"]
pub struct RwLockReadGuard<'a, T: ?Sized>(std::sync::RwLockReadGuard<'a, T>);

impl<'a, T: ?Sized> RwLockReadGuard<'a, T> {
    #[inline]
    fn new(inner: std::sync::RwLockReadGuard<'a, T>, holder: &Holder) -> Self {
        holder.note();
        Self(inner)
    }
}

impl<T: ?Sized> Deref for RwLockReadGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLockReadGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for RwLockReadGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Write access to the value in an [`RwLock`], which is unlocked when this drops.
#[must_use = "if unused the RwLock will immediately unlock"]
pub struct RwLockWriteGuard<'a, T: ?Sized> {
    // First, so that the lock is free before the rest is done.
    inner: std::sync::RwLockWriteGuard<'a, T>,
    _holding: Holding<'a>,
}

impl<T: ?Sized> Deref for RwLockWriteGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.inner
    }
}

impl<T: ?Sized> DerefMut for RwLockWriteGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        &mut self.inner
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLockWriteGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for RwLockWriteGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}
