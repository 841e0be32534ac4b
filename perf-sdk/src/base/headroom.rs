//! Checks that memory is available before an operation that needs much of it.
//!
//! The profiler's own threads allocate like any program, and a failed allocation aborts the
//! process. So each such operation first checks whether its memory could be mapped, and is skipped
//! if not. Then the program, which may not need more memory itself, continues.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::base::pages::Pages;

/// The maximum memory for one iteration of a profiler thread, except for reading names of
/// addresses, which has a check of its own.
pub(crate) const TURN_BYTES: usize = 16 << 20;

/// The number of skipped operations.
static LEFT_OUT: AtomicU64 = AtomicU64::new(0);

thread_local! {
    /// Within [`once`]: the bytes that were there at its beginning.
    static CHECKED: Cell<usize> = const { Cell::new(0) };
}

/// Checks once for everything that `run` does on this thread: as long as twice [`TURN_BYTES`] can
/// be mapped now, [`is_there`] answers up to [`TURN_BYTES`] without another check.
///
/// `run` must be short, and must not panic.
pub(crate) fn once(run: impl FnOnce()) {
    if Pages::new(2 * TURN_BYTES).is_some() {
        CHECKED.set(TURN_BYTES);
    }
    run();
    CHECKED.set(0);
}

/// Whether this many bytes can be mapped now. If not, the skipped operation is counted.
///
/// **Cost.** Two system calls, some 2 µs. **Blind spot.** Other code may allocate the memory
/// between this check and its use.
pub(crate) fn is_there(bytes: usize) -> bool {
    if bytes <= CHECKED.get() {
        return true;
    }
    let is_there = Pages::new(bytes.next_multiple_of(4096)).is_some();
    if !is_there {
        LEFT_OUT.fetch_add(1, Relaxed);
    }
    is_there
}

/// The number of operations that were skipped because memory was not available.
pub(crate) fn left_out() -> u64 {
    LEFT_OUT.load(Relaxed)
}
