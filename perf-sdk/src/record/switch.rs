//! Recording on and off.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

static OFF: AtomicBool = AtomicBool::new(false);

/// Whether calls that begin now are to be left alone. One load of a word that hardly ever changes.
#[inline(always)]
pub(crate) fn is_off() -> bool {
    OFF.load(Relaxed)
}

/// From now on calls that begin are recorded, or not even counted. Those that are open end as they began.
pub(crate) fn set_recording(on: bool) {
    OFF.store(!on, Relaxed);
}
