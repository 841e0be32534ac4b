//! The word that changes when a thread leaves the CPU.
#![allow(unsafe_code)]

use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// A word in memory shared with the kernel, and the lease under which it may be read.
///
/// The lease is a word that contains the maximum age of an anchor, in ticks, and reads 0 in a
/// forked child. There the page of a perf event is no longer mapped, and a load from it would
/// fault. Hence the order of the loads in [`holds`](Self::holds).
#[derive(Clone, Copy, Debug)]
pub(super) struct Witness {
    lease: &'static AtomicU64,
    /// Readable whenever `lease` is not 0, as the caller of [`new`](Self::new) guarantees.
    word: *const AtomicU64,
}

/// A lease that has always expired, so that each reading asks the kernel.
static EXPIRED: AtomicU64 = AtomicU64::new(0);

impl Witness {
    /// # Safety
    /// Until the last use of this witness, `word` is readable in every process in which `lease` is
    /// not 0.
    #[cfg_attr(not(target_os = "linux"), allow(dead_code))]
    pub(super) const unsafe fn new(lease: &'static AtomicU64, word: *const AtomicU64) -> Self {
        Self { lease, word }
    }

    /// A witness for threads that have no word.
    pub(super) const fn none() -> Self {
        Self { lease: &EXPIRED, word: ptr::from_ref(&EXPIRED) }
    }

    /// Whether an anchor of this age, taken while the word read `expected`, is valid.
    // PERF: by reference, so that it is read last and takes no register before.
    #[inline(always)]
    pub(super) fn holds(&self, age: u64, expected: &u64) -> bool {
        // SAFETY: the lease is greater than `age`, so it is not 0.
        age < self.lease.load(Relaxed) && unsafe { (*self.word).load(Relaxed) } == *expected
    }

    /// As [`holds`](Self::holds), and no longer than an anchor may be old is `duration`.
    #[inline(always)]
    pub(super) fn holds_for(&self, age: u64, expected: &u64, duration: u64) -> bool {
        let lease = self.lease.load(Relaxed);
        // SAFETY: as in `holds`.
        age < lease && duration < lease && unsafe { (*self.word).load(Relaxed) } == *expected
    }

    /// As [`holds`](Self::holds), at any age.
    pub(super) fn unmoved(&self, expected: u64) -> bool {
        self.holds(0, &expected)
    }

    /// Whether there is a word and it is readable, which it is not in a forked child.
    pub(super) fn is_leased(&self) -> bool {
        self.lease.load(Relaxed) != 0
    }
}

/// A witness that is moved by a test.
#[cfg(test)]
pub(super) fn mocked(lease: &'static AtomicU64, word: &'static AtomicU64) -> Witness {
    // SAFETY: the word is `'static`, in a forked child too.
    unsafe { Witness::new(lease, word) }
}
