//! Counts connections of the endpoint that were closed to make room for others.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::base::fork;

/// The generation of the process, whose forked child starts from zero, and the count.
static COUNTED: AtomicU64 = AtomicU64::new(0);

fn of(state: u64, generation: u32) -> u32 {
    if (state >> 32) as u32 == generation { state as u32 } else { 0 }
}

/// Counts one. The count saturates.
#[cfg(feature = "serve")]
pub(crate) fn count_eviction() {
    let generation = fork::generation();
    let next = |state| Some(u64::from(generation) << 32 | u64::from(of(state, generation).saturating_add(1)));
    let _ = COUNTED.fetch_update(Relaxed, Relaxed, next);
}

/// The number of such connections.
pub(crate) fn evictions() -> u64 {
    of(COUNTED.load(Relaxed), fork::generation()).into()
}
