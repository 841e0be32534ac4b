//! One pooled object.
#![allow(unsafe_code)]

use std::cell::UnsafeCell;
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU64, AtomicUsize, Ordering::Relaxed};

use crate::clock;
use crate::pool::out::Out;
use crate::scope::{Path, current_path};

/// An object of a pool's: idle, or out with somebody.
#[derive(Debug)]
pub(super) struct Node<T> {
    /// Of whoever has the node: the borrower, a thread's part, or the pool under its lock.
    pub(super) value: UnsafeCell<T>,
    /// When it was taken, in coarse ticks; 0: it is idle.
    taken: AtomicU64,
    /// By which scope; null outside of all.
    by: AtomicPtr<Path>,
    /// Its place in the list of all, changed under that list's lock.
    pub(super) at: AtomicUsize,
    /// It is dropped when it comes back.
    pub(super) is_beyond: bool,
}

/// Taken at a time that nobody told: no clock ticks.
const UNTIMED: u64 = 1;

impl<T> Node<T> {
    pub(super) fn new(value: T, is_beyond: bool) -> Self {
        Self {
            value: UnsafeCell::new(value),
            taken: AtomicU64::new(0),
            by: AtomicPtr::new(ptr::null_mut()),
            at: AtomicUsize::new(usize::MAX),
            is_beyond,
        }
    }

    /// Notes who takes it.
    #[inline]
    pub(super) fn take(&self) {
        self.by.store(current_path().cast_mut(), Relaxed);
        self.taken.store(clock::coarse().max(UNTIMED), Relaxed);
    }

    #[inline]
    pub(super) fn give_back(&self) {
        self.taken.store(0, Relaxed);
    }

    /// Who has it; `None` if it is idle.
    pub(super) fn out(&self) -> Option<Out> {
        match self.taken.load(Relaxed) {
            0 => None,
            taken => Some(Out { taken: (taken != UNTIMED).then_some(taken), by: self.by.load(Relaxed) }),
        }
    }
}
