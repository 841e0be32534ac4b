//! Instruments that measure nothing.

use std::future::Future;

/// A cache that is not measured.
#[derive(Clone, Debug)]
pub struct Cache;

/// Does nothing.
#[inline(always)]
#[must_use]
pub fn watch_cache(_name: &str) -> Cache {
    Cache
}

#[allow(clippy::unused_self)]
impl Cache {
    /// Does nothing.
    #[inline(always)]
    #[must_use]
    pub fn tier(&self, _number: u32) -> Self {
        Self
    }

    /// Runs `lookup`.
    #[inline(always)]
    pub fn get<T>(&self, lookup: impl FnOnce() -> Option<T>) -> Option<T> {
        lookup()
    }

    /// Runs `lookup`.
    ///
    /// # Errors
    /// That of the lookup.
    #[inline(always)]
    pub fn try_get<T, E>(&self, lookup: impl FnOnce() -> Result<Option<T>, E>) -> Result<Option<T>, E> {
        lookup()
    }

    /// Returns `lookup`.
    #[inline(always)]
    pub fn get_async<T>(&self, lookup: impl Future<Output = Option<T>>) -> impl Future<Output = Option<T>> {
        lookup
    }

    /// Returns `lookup`.
    #[inline(always)]
    pub fn try_get_async<T, E>(
        &self,
        lookup: impl Future<Output = Result<Option<T>, E>>,
    ) -> impl Future<Output = Result<Option<T>, E>> {
        lookup
    }

    /// Does nothing.
    #[inline(always)]
    pub fn hit(&self) {}

    /// Does nothing.
    #[inline(always)]
    pub fn miss(&self) {}

    /// Does nothing.
    #[inline(always)]
    pub fn inserted(&self, _entries: u64) {}

    /// Does nothing.
    #[inline(always)]
    pub fn evicted(&self, _entries: u64) {}

    /// Does nothing.
    #[inline(always)]
    pub fn expired(&self, _entries: u64) {}

    /// Does nothing.
    #[inline(always)]
    pub fn invalidated(&self, _entries: u64) {}

    /// Does nothing.
    #[inline(always)]
    pub fn promoted(&self, _entries: u64) {}

    /// Does nothing.
    #[inline(always)]
    pub fn prefetched(&self, _entries: u64) {}

    /// Does nothing.
    #[inline(always)]
    pub fn prefetched_used(&self, _entries: u64) {}
}
