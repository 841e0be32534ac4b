//! One pooled object.

use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

use crate::clock;
use crate::pool::out::Out;
use crate::scope::{AtomicCallPath, current_path};

/// An object of a pool: idle or in use.
#[derive(Debug)]
pub(super) struct Node<T> {
    /// Accessed by the current holder of the node: the borrower, a thread's part, or the pool under
    /// its lock.
    pub(super) value: UnsafeCell<T>,
    /// When it was taken, in coarse ticks. 0: it is idle.
    taken: AtomicU64,
    /// The scope that took it.
    by: AtomicCallPath,
    /// Its index in the list of all nodes, changed under that list's lock.
    pub(super) at: AtomicUsize,
    /// Whether it exceeds the maximum, so that it is dropped when it returns.
    pub(super) is_beyond: bool,
}

/// Stored instead of the time if no clock runs.
const UNTIMED: u64 = 1;

impl<T> Node<T> {
    pub(super) fn new(value: T, is_beyond: bool) -> Self {
        Self {
            value: UnsafeCell::new(value),
            taken: AtomicU64::new(0),
            by: AtomicCallPath::none(),
            at: AtomicUsize::new(usize::MAX),
            is_beyond,
        }
    }

    /// Records when and where it is taken.
    #[inline]
    pub(super) fn take(&self) {
        self.by.store(current_path());
        self.taken.store(clock::coarse().max(UNTIMED), Relaxed);
    }

    #[inline]
    pub(super) fn give_back(&self) {
        self.taken.store(0, Relaxed);
    }

    /// The checkout; `None` if it is idle.
    pub(super) fn out(&self) -> Option<Out> {
        match self.taken.load(Relaxed) {
            0 => None,
            taken => Some(Out { taken: (taken != UNTIMED).then_some(taken), by: self.by.load() }),
        }
    }
}
