//! A clock for the hot path that costs one load. It lags by up to the interval of the thread that
//! ticks it, one or two seconds.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// In ticks of the wall clock.
static NOW: AtomicU64 = AtomicU64::new(0);

/// The time of the latest [`tick`], in ticks of [`wall`](super::wall). 0 before the first one.
#[inline]
pub(crate) fn coarse() -> u64 {
    NOW.load(Relaxed)
}

/// Sets the coarse time to the current time.
pub(crate) fn tick() {
    NOW.store(super::wall().ticks(), Relaxed);
}
