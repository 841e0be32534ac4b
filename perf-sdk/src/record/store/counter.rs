//! A counter that one thread writes and any thread reads.

use crate::base::atomic::{AtomicU64, Ordering::Relaxed};

/// Written by its owner only, with a plain load and store, which is eight times cheaper than an
/// atomic addition.
#[derive(Debug, Default)]
#[repr(transparent)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Owner only; wraps.
    #[inline]
    pub(crate) fn add(&self, n: u64) {
        self.0.store(self.0.load(Relaxed).wrapping_add(n), Relaxed);
    }

    /// Owner only: adds a difference `times` times.
    #[inline]
    pub(crate) fn add_signed(&self, n: i64, times: u32) {
        self.add(n.wrapping_mul(i64::from(times)) as u64);
    }

    /// The sum of added differences.
    pub(crate) fn get_signed(&self) -> i64 {
        self.get() as i64
    }

    /// Owner only.
    #[inline]
    pub(crate) fn set(&self, n: u64) {
        self.0.store(n, Relaxed);
    }

    #[inline]
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}
