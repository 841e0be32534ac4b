//! The word that moves when a thread leaves the CPU.
#![allow(unsafe_code)]

use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// A word in memory shared with the kernel, and the lease under which it may be read.
///
/// The lease is a word that holds the greatest age of an anchor, in ticks, and reads 0 in a forked
/// child: the page of a perf event is not there any more, and a load from it would be a fault.
/// Hence the order in [`holds`](Self::holds).
#[derive(Clone, Copy, Debug)]
pub(super) struct Witness {
    lease: &'static AtomicU64,
    /// Readable whenever `lease` is not 0: promised by whoever calls [`new`](Self::new).
    word: *const AtomicU64,
}

/// A lease that has always run out: each reading asks the kernel.
static EXPIRED: AtomicU64 = AtomicU64::new(0);

impl Witness {
    /// # Safety
    /// Until this witness is last used, `word` can be read in every process in which `lease` is not
    /// 0.
    #[cfg_attr(not(target_os = "linux"), allow(dead_code))]
    pub(super) const unsafe fn new(lease: &'static AtomicU64, word: *const AtomicU64) -> Self {
        Self { lease, word }
    }

    /// For threads without a word.
    pub(super) const fn none() -> Self {
        Self { lease: &EXPIRED, word: ptr::from_ref(&EXPIRED) }
    }

    /// Whether an anchor of this age, taken while the word read `expected`, holds.
    #[inline(always)]
    pub(super) fn holds(&self, age: u64, expected: u64) -> bool {
        // SAFETY: the lease is not 0, for it is greater than something.
        age < self.lease.load(Relaxed) && unsafe { (*self.word).load(Relaxed) } == expected
    }

    /// As [`holds`](Self::holds) at any age.
    pub(super) fn unmoved(&self, expected: u64) -> bool {
        self.holds(0, expected)
    }

    /// Whether there is a word and it can be read: not in a forked child.
    pub(super) fn is_leased(&self) -> bool {
        self.lease.load(Relaxed) != 0
    }
}

/// A witness that a test moves.
#[cfg(test)]
pub(super) fn mocked(lease: &'static AtomicU64, word: &'static AtomicU64) -> Witness {
    // SAFETY: the word lives for ever, forked child or not.
    unsafe { Witness::new(lease, word) }
}
