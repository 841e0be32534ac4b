//! Instruments that measure nothing.

use std::future::Future;

pub mod io;
pub mod lazy;
mod query;

pub use query::{Dialect, Query, Statement, watch_query};

/// A cache that is not measured.
#[derive(Clone, Debug)]
pub struct Cache {
    _private: (),
}

/// Does nothing.
#[inline(always)]
#[must_use]
pub fn watch_cache(_name: &str) -> Cache {
    Cache { _private: () }
}

#[allow(clippy::unused_self)]
impl Cache {
    /// Does nothing.
    #[inline(always)]
    #[must_use]
    pub fn tier(&self, _number: u32) -> Self {
        self.clone()
    }

    /// Drops the closure.
    #[inline(always)]
    #[must_use = "the closure is asked until the result drops"]
    pub fn entries(self, _entries: impl FnMut() -> u64 + Send + 'static) -> Self {
        self
    }

    /// Drops the closure.
    #[inline(always)]
    #[must_use = "the closure is asked until the result drops"]
    pub fn bytes(self, _bytes: impl FnMut() -> u64 + Send + 'static) -> Self {
        self
    }

    /// Drops the closure.
    #[inline(always)]
    #[must_use = "the closure is asked until the result drops"]
    pub fn totals(self, _totals: impl FnMut() -> CacheTotals + Send + 'static) -> Self {
        self
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

    /// Awaits `lookup`.
    #[inline(always)]
    pub async fn get_async<T>(&self, lookup: impl Future<Output = Option<T>>) -> Option<T> {
        lookup.await
    }

    /// Awaits `lookup`.
    ///
    /// # Errors
    /// That of the lookup.
    #[inline(always)]
    pub async fn try_get_async<T, E>(
        &self,
        lookup: impl Future<Output = Result<Option<T>, E>>,
    ) -> Result<Option<T>, E> {
        lookup.await
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

/// Totals of a cache, which nobody asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheTotals {
    /// Lookups that found something.
    pub hits: Option<u64>,
    /// Lookups that found nothing.
    pub misses: Option<u64>,
    /// Inserted entries.
    pub insertions: Option<u64>,
    /// Entries that were removed to make room.
    pub evictions: Option<u64>,
    /// Entries that were removed because they were too old.
    pub expirations: Option<u64>,
    /// Entries that were removed because they were no longer valid.
    pub invalidations: Option<u64>,
}

/// A pool of connections that is not measured.
#[derive(Clone, Debug)]
pub struct ConnectionPool {
    _private: (),
}

/// The state of a pool, which nobody asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolState {
    /// The number of connections that it may have: its limit.
    pub size: u64,
    /// Open connections that are not in use.
    pub idle: u64,
    /// Connections that are in use.
    pub in_use: u64,
    /// Callers that wait for a connection.
    pub waiting: Option<u64>,
}

/// Does nothing.
#[inline(always)]
#[must_use]
pub fn watch_pool(_name: &str) -> ConnectionPool {
    ConnectionPool { _private: () }
}

#[allow(clippy::unused_self)]
impl ConnectionPool {
    /// Drops the closure.
    #[inline(always)]
    #[must_use = "the closure is asked until the result drops"]
    pub fn state(self, _state: impl FnMut() -> PoolState + Send + 'static) -> Self {
        self
    }

    /// Runs `get`.
    ///
    /// # Errors
    /// That of `get`.
    #[inline(always)]
    pub fn checkout<T, E>(
        &self,
        get: impl FnOnce() -> Result<T, E>,
        _is_timeout: impl FnOnce(&E) -> bool,
    ) -> Result<T, E> {
        get()
    }

    /// Awaits `get`.
    ///
    /// # Errors
    /// That of `get`.
    #[inline(always)]
    pub async fn checkout_async<T, E>(
        &self,
        get: impl Future<Output = Result<T, E>>,
        _is_timeout: impl FnOnce(&E) -> bool,
    ) -> Result<T, E> {
        get.await
    }
}

/// A queue that is not measured.
#[derive(Clone, Debug)]
pub struct Queue {
    _private: (),
}

/// An item in a queue: the item itself.
#[derive(Debug)]
pub struct Queued<T>(T);

impl<T> Queued<T> {
    /// The item.
    #[inline(always)]
    pub fn into_inner(self) -> T {
        self.0
    }
}

/// Does nothing.
#[inline(always)]
#[must_use]
pub fn watch_queue(_name: &str) -> Queue {
    Queue { _private: () }
}

#[allow(clippy::unused_self)]
impl Queue {
    /// Does nothing.
    #[inline(always)]
    #[must_use]
    pub fn capacity(self, _items: u64) -> Self {
        self
    }

    /// Drops the closure.
    #[inline(always)]
    #[must_use = "the closure is asked until the result drops"]
    pub fn depth(self, _depth: impl FnMut() -> u64 + Send + 'static) -> Self {
        self
    }

    /// Runs `send`.
    ///
    /// # Errors
    /// That of `send`.
    #[inline(always)]
    pub fn send<T, S, E>(&self, item: T, send: impl FnOnce(Queued<T>) -> Result<S, E>) -> Result<S, E> {
        send(Queued(item))
    }

    /// Awaits the future of `send`.
    ///
    /// # Errors
    /// That of `send`.
    #[inline(always)]
    pub async fn send_async<T, S, E, F>(&self, item: T, send: impl FnOnce(Queued<T>) -> F) -> Result<S, E>
    where
        F: Future<Output = Result<S, E>>,
    {
        send(Queued(item)).await
    }

    /// Runs `receive`.
    #[inline(always)]
    pub fn receive<R: Received>(&self, receive: impl FnOnce() -> R) -> R::Item {
        receive().unwrap_item(0)
    }

    /// Awaits `receive`.
    #[inline(always)]
    pub async fn receive_async<R: Received>(&self, receive: impl Future<Output = R>) -> R::Item {
        receive.await.unwrap_item(0)
    }
}

/// What a channel returns to a receiver: a `Result` or an `Option` of a [`Queued`] item.
pub trait Received: sealed::Sealed {
    /// The same, of the item itself.
    type Item;

    #[doc(hidden)]
    fn unwrap_item(self, now: u64) -> Self::Item;
}

impl<T, E> Received for Result<Queued<T>, E> {
    type Item = Result<T, E>;

    #[inline(always)]
    fn unwrap_item(self, _now: u64) -> Result<T, E> {
        self.map(Queued::into_inner)
    }
}

impl<T> Received for Option<Queued<T>> {
    type Item = Option<T>;

    #[inline(always)]
    fn unwrap_item(self, _now: u64) -> Option<T> {
        self.map(Queued::into_inner)
    }
}

mod sealed {
    use super::Queued;

    pub trait Sealed {}

    impl<T, E> Sealed for Result<Queued<T>, E> {}
    impl<T> Sealed for Option<Queued<T>> {}
}
