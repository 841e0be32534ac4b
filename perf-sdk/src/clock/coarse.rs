//! A clock for the hot path that costs a load: as late as whoever ticks it, a second or two.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Ticks of the wall clock.
static NOW: AtomicU64 = AtomicU64::new(0);

/// The latest tick, in ticks of [`wall`](super::wall); 0 if there was none yet.
#[inline]
pub(crate) fn coarse() -> u64 {
    NOW.load(Relaxed)
}

/// It is now.
pub(crate) fn tick() {
    NOW.store(super::wall().ticks(), Relaxed);
}
