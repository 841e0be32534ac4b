//! When a window of the slowest calls begins.

use std::sync::atomic::{AtomicU64, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};
use std::time::Duration;

use super::table;
use crate::clock::{self, Wall};

/// The usual length of a window.
pub(crate) const WINDOW: Duration = Duration::from_secs(60);

static WINDOW_NS: AtomicU64 = AtomicU64::new(WINDOW.as_nanos() as u64);
/// The same in ticks; 0 before it was asked for.
static WINDOW_TICKS: AtomicU64 = AtomicU64::new(0);
/// How often the length changed. It is the upper part of a window's number, so that numbers grow.
static CHANGES: AtomicU64 = AtomicU64::new(0);
const CHANGES_FROM: u32 = 40;
/// The window in which what is too old was removed last.
static CLEARED: AtomicU64 = AtomicU64::new(0);

/// The length of a window.
pub(crate) fn window_length() -> Duration {
    Duration::from_nanos(WINDOW_NS.load(Relaxed))
}

/// From now on windows have this length. What is kept is forgotten if that is another one.
pub(crate) fn set_window_length(length: Duration) {
    let ns = u64::try_from(length.as_nanos()).unwrap_or(u64::MAX).max(1);
    if WINDOW_NS.swap(ns, Relaxed) != ns {
        WINDOW_TICKS.store(clock::wall().ticks_of_ns(ns).max(1), Relaxed);
        // Whoever sees the change sees its length.
        CHANGES.fetch_add(1, Release);
        table::forget_all();
    }
}

/// The number of the window of these ticks, at least 2.
pub(crate) fn window(wall: &Wall, ticks: u64) -> u64 {
    let changes = CHANGES.load(Acquire);
    let mut length = WINDOW_TICKS.load(Relaxed);
    if length == 0 {
        length = wall.ticks_of_ns(WINDOW.as_nanos() as u64).max(1);
        if let Err(changed) = WINDOW_TICKS.compare_exchange(0, length, Relaxed, Relaxed) {
            length = changed;
        }
    }
    (changes << CHANGES_FROM) + ticks / length + 2
}

/// Removes what is too old, at most once in each window.
pub(in crate::record) fn clear(window: u64) {
    if CLEARED.swap(window, Relaxed) != window {
        table::forget_before(window);
    }
}
