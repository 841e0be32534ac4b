//! A sequence count: its only writer never waits, and readers detect whether it wrote meanwhile.

use crate::base::atomic::{AtomicU32, Ordering::Acquire, Ordering::Relaxed, Ordering::Release, fence};

/// Odd while the writer is active. The guarded data are atomics too: reading them meanwhile is not
/// an error, but the result is meaningless.
#[derive(Debug)]
pub(crate) struct Sequence(AtomicU32);

impl Sequence {
    pub(crate) fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    /// Writer only.
    #[inline(always)]
    pub(crate) fn write(&self, write: impl FnOnce()) {
        let sequence = self.0.load(Relaxed);
        self.0.store(sequence.wrapping_add(1), Relaxed);
        // No store of `write` may become visible before the odd number.
        fence(Release);
        write();
        self.0.store(sequence.wrapping_add(2), Release);
    }

    /// Reader: the number under which it reads. `None` while the writer is active.
    pub(crate) fn begin(&self) -> Option<u32> {
        let sequence = self.0.load(Acquire);
        sequence.is_multiple_of(2).then_some(sequence)
    }

    /// Reader: whether everything that was read since [`begin`](Self::begin) is consistent.
    pub(crate) fn unchanged(&self, sequence: u32) -> bool {
        // No load before this may be reordered after the one below.
        fence(Acquire);
        self.0.load(Relaxed) == sequence
    }
}
