//! Objects that are used again.
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

/// Idle objects that a pool keeps when nothing else is said, besides those that threads keep.
const MAX_IDLE: usize = 1024;

/// Objects that are dear to make, used again: connections, parsers, scratch space.
///
/// Unless there is a [`max`](PoolBuilder::max), each thread keeps up to 16 idle objects for itself,
/// so that taking and giving back is a matter of some nanoseconds. An object whose borrower panics
/// is dropped, not used again.
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
/// **Blind spots.** The age of a checkout is told by a clock that ticks every second or two while
/// the profiler runs. What a thread keeps for itself is trimmed when it next gives an object back.
pub struct Pool<T: Send + 'static> {
    shared: Arc<Shared<T>>,
}

/// How a pool shall be.
#[must_use = "call build() for the pool"]
pub struct PoolBuilder<T> {
    rules: Rules<T>,
}

impl<T> fmt::Debug for PoolBuilder<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PoolBuilder").field("name", &self.rules.name).finish_non_exhaustive()
    }
}

impl<T: Send + 'static> PoolBuilder<T> {
    /// Called with each object that comes back. If it panics, the object is dropped.
    pub fn reset(self, reset: impl Fn(&mut T) + Send + Sync + 'static) -> Self {
        self.reset_if(move |object| {
            reset(object);
            true
        })
    }

    /// Likewise; an object for which it says `false` is dropped.
    pub fn reset_if(mut self, reset: impl Fn(&mut T) -> bool + Send + Sync + 'static) -> Self {
        self.rules.reset = Some(Box::new(reset));
        self
    }

    /// Objects that are made at once, and kept when memory runs short. Default 0.
    pub fn min(mut self, objects: usize) -> Self {
        self.rules.min = objects;
        self
    }

    /// Objects that may be out at a time, and so the most that there are. Default: any number. With
    /// it no thread keeps objects for itself, and taking and giving back go through locks: some
    /// thirty nanoseconds.
    pub fn max(mut self, objects: usize) -> Self {
        self.rules.max = Some(objects);
        self
    }

    /// Idle objects that are kept, besides those that threads keep. Default 1,024.
    pub fn max_idle(mut self, objects: usize) -> Self {
        self.rules.max_idle = objects;
        self
    }

    /// Makes it.
    ///
    /// # Errors
    /// [`PoolError::Name`] for a name that is empty, longer than 255 bytes or taken,
    /// [`PoolError::Bounds`] for bounds that exclude each other.
    pub fn build(self) -> Result<Pool<T>, PoolError> {
        let pool = self.build_unlisted()?;
        let any: Arc<dyn AnyPool> = pool.shared.clone();
        if registry::add(&any) { Ok(pool) } else { Err(PoolError::Name(any.name().to_owned())) }
    }

    /// Likewise; its account is in no list.
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
    /// One with default bounds, whose objects are used again as they are.
    ///
    /// # Errors
    /// As [`PoolBuilder::build`].
    pub fn new(name: impl Into<Arc<str>>, make: impl Fn() -> T + Send + Sync + 'static) -> Result<Self, PoolError> {
        Self::builder(name, make).build()
    }

    /// One with bounds; `make` makes an object.
    pub fn builder(name: impl Into<Arc<str>>, make: impl Fn() -> T + Send + Sync + 'static) -> PoolBuilder<T> {
        let rules =
            Rules { name: name.into(), make: Box::new(make), reset: None, min: 0, max: None, max_idle: MAX_IDLE };
        PoolBuilder { rules }
    }

    /// An idle object, or a new one. It never waits: if as many are out as may be, it makes one
    /// that is dropped when it comes back, and counts it.
    #[inline]
    pub fn get(&self) -> Pooled<'_, T> {
        Pooled { node: self.take(), pool: &self.shared }
    }

    /// As [`get`](Self::get); what it gives holds the pool, and may go where no borrow can.
    #[inline]
    pub fn get_owned(&self) -> OwnedPooled<T> {
        OwnedPooled { node: self.take(), pool: self.shared.clone() }
    }

    /// An object, unless as many are out as may be.
    pub fn try_get(&self) -> Option<Pooled<'_, T>> {
        if let Some(permits) = &self.shared.permits {
            permits.try_acquire().ok()?.forget();
        }
        Some(Pooled { node: self.shared.take(), pool: &self.shared })
    }

    /// An object; if as many are out as may be, it waits for one to come back. First come, first
    /// served.
    ///
    /// # Errors
    /// [`Exhausted`] after `wait`.
    ///
    /// # Panics
    /// Where there is something to wait for, outside of a tokio runtime with time enabled.
    pub async fn get_timeout(&self, wait: Duration) -> Result<Pooled<'_, T>, Exhausted> {
        if let Some(permits) = &self.shared.permits {
            let permit = match permits.try_acquire() {
                Ok(permit) => permit,
                Err(_) => match tokio::time::timeout(wait, permits.acquire()).await {
                    // Nobody closes it.
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

    /// Drops idle objects but for the least number; what threads keep they give back when they next
    /// return one. How many were dropped at once.
    pub fn trim(&self) -> usize {
        self.shared.trim()
    }

    /// What it holds now.
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

/// As many objects are out as may be, and none came back in time.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Exhausted {
    /// The pool's name.
    pub pool: Arc<str>,
    /// How long was waited.
    pub waited: Duration,
}

impl fmt::Display for Exhausted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no object came back to the pool {:?} within {:?}", self.pool, self.waited)
    }
}

/// The sentence that helps, also where `unwrap()` or `main` prints it.
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

        // SAFETY: it is the object, which is `Send`, and a handle of the pool, which is `Sync`.
        unsafe impl<$($life,)? T: Send + 'static> Send for $name<$($life,)? T> {}
        // SAFETY: through a shared reference there is only a shared reference to the object.
        unsafe impl<$($life,)? T: Send + Sync + 'static> Sync for $name<$($life,)? T> {}

        impl<$($life,)? T: Send + 'static> $name<$($life,)? T> {
            /// The object itself; it does not come back to the pool.
            #[must_use]
            pub fn into_inner(self) -> T {
                let this = ManuallyDrop::new(self);
                // SAFETY: the node is this one's, which is not dropped.
                let value = unsafe { this.pool.part_with(this.node) };
                // SAFETY: it is not used or dropped after that.
                let _pool: $pool = unsafe { std::ptr::read(&raw const this.pool) };
                value
            }
        }

        impl<$($life,)? T: Send + 'static> Deref for $name<$($life,)? T> {
            type Target = T;

            #[inline]
            fn deref(&self) -> &T {
                // SAFETY: nobody else has the object while this lives.
                unsafe { &*self.node.as_ref().value.get() }
            }
        }

        impl<$($life,)? T: Send + 'static> DerefMut for $name<$($life,)? T> {
            #[inline]
            fn deref_mut(&mut self) -> &mut T {
                // SAFETY: nobody else has the object while this lives, and this is borrowed alone.
                unsafe { &mut *self.node.as_ref().value.get() }
            }
        }

        impl<$($life,)? T: Send + 'static> Drop for $name<$($life,)? T> {
            #[inline]
            fn drop(&mut self) {
                // SAFETY: the node is this one's, which gives it up.
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
    /// An object of a pool's; it comes back when this drops.
    Pooled ['a] &'a Shared<T>
}

borrowed! {
    /// An object of a pool's; it comes back when this drops. It holds the pool.
    OwnedPooled [] Arc<Shared<T>>
}

#[cfg(test)]
mod tests;
