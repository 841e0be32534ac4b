//! Reusable objects.
#![allow(unsafe_code)]

mod node;
mod shared;

use std::fmt;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;
use std::sync::Arc;
use std::time::Duration;

use super::error::PoolError;
use super::is_name;
use super::out::Out;
use super::registry::{self, AnyPool};
use crate::accounts::PoolAccount;
use node::Node;
use shared::{Rules, Shared};

/// The default maximum of idle objects, besides those that threads keep.
const MAX_IDLE: usize = 1024;

/// Reusable objects that are expensive to make: connections, parsers, scratch space.
///
/// Unless there is a [`max`](PoolBuilder::max), each thread keeps up to 16 idle objects for itself,
/// so that taking and returning one takes some nanoseconds. An object whose borrower panics is
/// dropped, not reused.
///
/// ```
/// # fn main() -> Result<(), perf_sdk::pool::PoolError> {
/// use perf_sdk::pool::Pool;
///
/// let pool = Pool::builder("scratch", || Vec::<u8>::with_capacity(4096)).reset(Vec::clear).build()?;
/// {
///     let mut scratch = pool.get();
///     scratch.extend_from_slice(b"a request");
/// }
/// assert_eq!(pool.account().outstanding, 0);
/// assert!(pool.get().is_empty());
/// # Ok(())
/// # }
/// ```
///
/// **Blind spots.** The age of a checkout is measured by a clock that advances every second or two
/// while the profiler runs. The objects that a thread keeps are trimmed when it next returns an
/// object.
pub struct Pool<T: Send + 'static> {
    shared: Arc<Shared<T>>,
}

/// Builds a [`Pool`].
#[must_use = "call build() to create the pool"]
pub struct PoolBuilder<T> {
    rules: Rules<T>,
}

impl<T> fmt::Debug for PoolBuilder<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PoolBuilder").field("name", &self.rules.name).finish_non_exhaustive()
    }
}

impl<T: Send + 'static> PoolBuilder<T> {
    /// Called with each object that returns. If it panics, the object is dropped.
    pub fn reset(self, reset: impl Fn(&mut T) + Send + Sync + 'static) -> Self {
        self.reset_if(move |object| {
            reset(object);
            true
        })
    }

    /// As [`reset`](Self::reset), but the object is dropped if the result is `false`.
    pub fn reset_if(mut self, reset: impl Fn(&mut T) -> bool + Send + Sync + 'static) -> Self {
        self.rules.reset = Some(Box::new(reset));
        self
    }

    /// The number of objects that are made at the start, and kept when memory runs short. The
    /// default is 0.
    pub fn min(mut self, objects: usize) -> Self {
        self.rules.min = objects;
        self
    }

    /// The maximum number of objects in use at a time, and so of objects that exist. The default is
    /// no limit. With a limit, no thread keeps objects for itself, and taking and returning one go
    /// through locks, which takes some thirty nanoseconds.
    pub fn max(mut self, objects: usize) -> Self {
        self.rules.max = Some(objects);
        self
    }

    /// The maximum number of idle objects, besides those that threads keep. The default is 1,024.
    pub fn max_idle(mut self, objects: usize) -> Self {
        self.rules.max_idle = objects;
        self
    }

    /// Creates the pool.
    ///
    /// # Errors
    /// [`PoolError::Name`] for a name that is empty, longer than 255 bytes or already used,
    /// [`PoolError::Bounds`] for bounds that contradict each other.
    pub fn build(self) -> Result<Pool<T>, PoolError> {
        let pool = self.build_unlisted()?;
        let any: Arc<dyn AnyPool> = pool.shared.clone();
        if registry::add(&any) { Ok(pool) } else { Err(PoolError::Name(any.name().to_owned())) }
    }

    /// As [`build`](Self::build), but the pool is not registered, so its account is not exported.
    pub(super) fn build_unlisted(self) -> Result<Pool<T>, PoolError> {
        let Rules { name, min, max, max_idle, .. } = &self.rules;
        let most = max.unwrap_or(usize::MAX).min(tokio::sync::Semaphore::MAX_PERMITS);
        if !is_name(name) {
            return Err(PoolError::Name(name.to_string()));
        }
        if *min > *max_idle || *min > most || most == 0 {
            return Err(PoolError::Bounds { min: *min, max: *max, max_idle: *max_idle });
        }
        let max = max.map(|_| most);
        Ok(Pool { shared: Shared::new(Rules { max, ..self.rules }) })
    }
}

impl<T: Send + 'static> AnyPool for Shared<T> {
    fn name(&self) -> &str {
        &self.rules.name
    }

    fn account(&self) -> PoolAccount {
        Self::account(self)
    }

    fn outs(&self) -> Vec<Out> {
        Self::outs(self)
    }

    fn trim(&self) -> usize {
        Self::trim(self)
    }
}

impl<T: Send + 'static> fmt::Debug for Pool<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Pool").field(&self.account()).finish()
    }
}

/// Another handle of the same pool.
impl<T: Send + 'static> Clone for Pool<T> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone() }
    }
}

impl<T: Send + 'static> Pool<T> {
    /// A pool with default bounds, whose objects are reused without a reset.
    ///
    /// # Errors
    /// As [`PoolBuilder::build`].
    pub fn new(name: impl Into<Arc<str>>, make: impl Fn() -> T + Send + Sync + 'static) -> Result<Self, PoolError> {
        Self::builder(name, make).build()
    }

    /// A builder, to set bounds. `make` makes an object.
    pub fn builder(name: impl Into<Arc<str>>, make: impl Fn() -> T + Send + Sync + 'static) -> PoolBuilder<T> {
        let rules =
            Rules { name: name.into(), make: Box::new(make), reset: None, min: 0, max: None, max_idle: MAX_IDLE };
        PoolBuilder { rules }
    }

    /// An idle object, or a new one. It never waits: if the maximum is in use, it makes one that is
    /// dropped when it returns, and counts it.
    #[inline]
    pub fn get(&self) -> Pooled<'_, T> {
        Pooled { node: self.take(), pool: &self.shared }
    }

    /// As [`get`](Self::get), but the object holds a handle of the pool, so it is not bound to a
    /// lifetime.
    #[inline]
    pub fn get_owned(&self) -> OwnedPooled<T> {
        OwnedPooled { node: self.take(), pool: self.shared.clone() }
    }

    /// An object, unless the maximum is in use.
    pub fn try_get(&self) -> Option<Pooled<'_, T>> {
        if let Some(permits) = &self.shared.permits {
            permits.try_acquire().ok()?.forget();
        }
        Some(Pooled { node: self.shared.take(), pool: &self.shared })
    }

    /// An object. If the maximum is in use, waits until one returns, in the order of the requests.
    ///
    /// # Errors
    /// [`Exhausted`] after `wait`.
    ///
    /// # Panics
    /// If it must wait outside of a tokio runtime with time enabled.
    pub async fn get_timeout(&self, wait: Duration) -> Result<Pooled<'_, T>, Exhausted> {
        if let Some(permits) = &self.shared.permits {
            let permit = match permits.try_acquire() {
                Ok(permit) => permit,
                Err(_) => match tokio::time::timeout(wait, permits.acquire()).await {
                    // The semaphore is never closed.
                    Ok(Ok(permit)) => permit,
                    _ => {
                        self.shared.note_timeout();
                        return Err(Exhausted { pool: self.shared.rules.name.clone(), waited: wait });
                    }
                },
            };
            permit.forget();
        }
        Ok(Pooled { node: self.shared.take(), pool: &self.shared })
    }

    #[inline]
    fn take(&self) -> NonNull<Node<T>> {
        match &self.shared.permits {
            None => self.shared.take(),
            Some(permits) => match permits.try_acquire() {
                Ok(permit) => {
                    permit.forget();
                    self.shared.take()
                }
                Err(_) => self.shared.take_beyond(),
            },
        }
    }

    /// Drops idle objects except for the minimum. The objects that threads keep are dropped when
    /// the thread next returns one. Returns how many were dropped at once.
    pub fn trim(&self) -> usize {
        self.shared.trim()
    }

    /// The pool's current figures.
    #[must_use]
    pub fn account(&self) -> PoolAccount {
        self.shared.account()
    }

    pub(super) fn name(&self) -> &str {
        &self.shared.rules.name
    }

    pub(super) fn outs(&self) -> Vec<Out> {
        self.shared.outs()
    }
}

/// The maximum number of objects was in use, and none returned in time.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Exhausted {
    /// The pool's name.
    pub pool: Arc<str>,
    /// How long the caller waited.
    pub waited: Duration,
}

impl fmt::Display for Exhausted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no object returned to the pool {:?} within {:?}", self.pool, self.waited)
    }
}

/// The same text as `Display`, so that `unwrap()` and `main` print it too.
impl fmt::Debug for Exhausted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Exhausted {}

macro_rules! borrowed {
    ($(#[$doc:meta])* $name:ident [$($life:lifetime)?] $pool:ty) => {
        $(#[$doc])*
        pub struct $name<$($life,)? T: Send + 'static> {
            node: NonNull<Node<T>>,
            pool: $pool,
        }

        // SAFETY: it consists of the object, which is `Send`, and a handle of the pool, which is
        // `Sync`.
        unsafe impl<$($life,)? T: Send + 'static> Send for $name<$($life,)? T> {}
        // SAFETY: a shared reference gives only a shared reference to the object.
        unsafe impl<$($life,)? T: Send + Sync + 'static> Sync for $name<$($life,)? T> {}

        impl<$($life,)? T: Send + 'static> $name<$($life,)? T> {
            /// The object itself. It does not return to the pool.
            #[must_use]
            pub fn into_inner(self) -> T {
                let this = ManuallyDrop::new(self);
                // SAFETY: the node belongs to this guard, which is not dropped.
                let value = unsafe { this.pool.part_with(this.node) };
                // SAFETY: the original is not used or dropped after this.
                let _pool: $pool = unsafe { std::ptr::read(&raw const this.pool) };
                value
            }
        }

        impl<$($life,)? T: Send + 'static> Deref for $name<$($life,)? T> {
            type Target = T;

            #[inline]
            fn deref(&self) -> &T {
                // SAFETY: only this guard accesses the object while it exists.
                unsafe { &*self.node.as_ref().value.get() }
            }
        }

        impl<$($life,)? T: Send + 'static> DerefMut for $name<$($life,)? T> {
            #[inline]
            fn deref_mut(&mut self) -> &mut T {
                // SAFETY: only this guard accesses the object while it exists, and it is mutably
                // borrowed.
                unsafe { &mut *self.node.as_ref().value.get() }
            }
        }

        impl<$($life,)? T: Send + 'static> Drop for $name<$($life,)? T> {
            #[inline]
            fn drop(&mut self) {
                // SAFETY: the node belongs to this guard, which does not use it any more.
                unsafe { self.pool.give_back(self.node) };
            }
        }

        impl<$($life,)? T: Send + fmt::Debug + 'static> fmt::Debug for $name<$($life,)? T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                T::fmt(self, f)
            }
        }
    };
}

borrowed! {
    /// An object of a pool. It returns to the pool when this drops.
    Pooled ['a] &'a Shared<T>
}

borrowed! {
    /// An object of a pool. It returns to the pool when this drops. It holds a handle of the pool.
    OwnedPooled [] Arc<Shared<T>>
}

#[cfg(test)]
mod tests;
