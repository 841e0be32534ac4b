//! Values that are made at their first use, and are not watched.

use std::fmt;
use std::ops::Deref;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::{LazyLock, OnceLock};

/// A [`LazyLock`].
pub struct Watched<T, F = fn() -> T>(LazyLock<T, F>);

// Whatever `F` is, as with `enabled`, where it is in a lock.
impl<T: UnwindSafe, F> UnwindSafe for Watched<T, F> {}
impl<T: RefUnwindSafe + UnwindSafe, F> RefUnwindSafe for Watched<T, F> {}

impl<T, F: FnOnce() -> T> Watched<T, F> {
    /// A value that `make` makes at its first use.
    #[inline(always)]
    pub const fn new(_name: &'static str, make: F) -> Self {
        Self(LazyLock::new(make))
    }

    /// Does nothing.
    #[inline(always)]
    pub fn watch(_this: &Self) {}

    /// The value, which is made if this is its first use.
    #[inline(always)]
    pub fn force(this: &Self) -> &T {
        &this.0
    }
}

impl<T, F: FnOnce() -> T> Deref for Watched<T, F> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: fmt::Debug, F> fmt::Debug for Watched<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A [`OnceLock`].
#[derive(Debug)]
pub struct WatchedOnce<T>(OnceLock<T>);

impl<T> WatchedOnce<T> {
    /// A cell without a value.
    #[inline(always)]
    #[must_use]
    pub const fn new(_name: &'static str) -> Self {
        Self(OnceLock::new())
    }

    /// Does nothing.
    #[inline(always)]
    pub fn watch(&self) {}

    /// The value, if it was made.
    #[inline(always)]
    pub fn get(&self) -> Option<&T> {
        self.0.get()
    }

    /// The value, made by `make` if there is none.
    #[inline(always)]
    pub fn get_or_init(&self, make: impl FnOnce() -> T) -> &T {
        self.0.get_or_init(make)
    }

    /// Stores a value.
    ///
    /// # Errors
    /// There is one already.
    #[inline(always)]
    pub fn set(&self, value: T) -> Result<(), T> {
        self.0.set(value)
    }
}
