//! The names of the library's `base/atomic.rs`, over loom's atomics.
//!
//! Loom's are made anew in each run and are not constant, so none can be in a static or in memory
//! that begins as zeros. One of these holds the value that it begins with and nothing else. Loom's
//! atomic is found by its address, and holds the difference to that value.

use std::ops::{Add, Sub};
use std::ptr;

pub(crate) use loom::sync::atomic::{Ordering, fence};

use super::run;

/// The lesser size, so that all orders can be tried.
pub(crate) const fn size(_usual: usize, modelled: usize) -> usize {
    modelled
}

/// Stays where it is once it was used.
#[derive(Debug, Default)]
#[repr(transparent)]
pub(crate) struct Atomic<T>(T);

pub(crate) type AtomicBool = Atomic<bool>;
pub(crate) type AtomicU8 = Atomic<u8>;
pub(crate) type AtomicU32 = Atomic<u32>;
pub(crate) type AtomicU64 = Atomic<u64>;
pub(crate) type AtomicUsize = Atomic<usize>;
pub(crate) type AtomicPtr<T> = Atomic<*mut T>;

// SAFETY: what is inside never changes, and a pointer is only a number here.
unsafe impl<T> Send for Atomic<T> {}
// SAFETY: as above.
unsafe impl<T> Sync for Atomic<T> {}

/// What an atomic can hold, as a number.
pub(crate) trait Word: Copy {
    fn number(self) -> u64;
    fn of(number: u64) -> Self;
}

macro_rules! words {
    ($($word:ty),+) => {
        $(impl Word for $word {
            fn number(self) -> u64 {
                self as u64
            }

            fn of(number: u64) -> Self {
                number.try_into().expect("a sum that does not wrap")
            }
        })+
    };
}

words!(u8, u32, u64, usize);

impl Word for bool {
    fn number(self) -> u64 {
        u64::from(self)
    }

    fn of(number: u64) -> Self {
        number != 0
    }
}

impl<T> Word for *mut T {
    fn number(self) -> u64 {
        self.expose_provenance() as u64
    }

    fn of(number: u64) -> Self {
        ptr::with_exposed_provenance_mut(number as usize)
    }
}

impl<T> Atomic<T> {
    pub(crate) const fn new(first: T) -> Self {
        Self(first)
    }
}

impl<T: Word> Atomic<T> {
    fn to_load(&self) -> &'static loom::sync::atomic::AtomicU64 {
        run::to_load(ptr::from_ref(self).addr())
    }

    fn to_store(&self) -> &'static loom::sync::atomic::AtomicU64 {
        run::to_store(ptr::from_ref(self).addr())
    }

    fn held(&self, value: T) -> u64 {
        value.number().wrapping_sub(self.0.number())
    }

    fn value(&self, held: u64) -> T {
        T::of(held.wrapping_add(self.0.number()))
    }

    pub(crate) fn load(&self, order: Ordering) -> T {
        self.value(self.to_load().load(order))
    }

    pub(crate) fn store(&self, value: T, order: Ordering) {
        self.to_store().store(self.held(value), order);
    }

    pub(crate) fn swap(&self, value: T, order: Ordering) -> T {
        self.value(self.to_store().swap(self.held(value), order))
    }

    pub(crate) fn compare_exchange(&self, now: T, new: T, success: Ordering, failure: Ordering) -> Result<T, T> {
        let result = self.to_store().compare_exchange(self.held(now), self.held(new), success, failure);
        result.map(|held| self.value(held)).map_err(|held| self.value(held))
    }

    pub(crate) fn compare_exchange_weak(&self, now: T, new: T, success: Ordering, failure: Ordering) -> Result<T, T> {
        self.compare_exchange(now, new, success, failure)
    }

    pub(crate) fn fetch_update(
        &self,
        set: Ordering,
        fetch: Ordering,
        mut next: impl FnMut(T) -> Option<T>,
    ) -> Result<T, T> {
        loop {
            let now = self.load(fetch);
            let Some(new) = next(now) else { return Err(now) };
            if self.compare_exchange(now, new, set, fetch).is_ok() {
                return Ok(now);
            }
        }
    }
}

impl<T: Word + Add + Sub> Atomic<T> {
    pub(crate) fn fetch_add(&self, n: T, order: Ordering) -> T {
        self.value(self.to_store().fetch_add(n.number(), order))
    }

    pub(crate) fn fetch_sub(&self, n: T, order: Ordering) -> T {
        self.value(self.to_store().fetch_sub(n.number(), order))
    }
}
