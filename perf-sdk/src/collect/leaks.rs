//! The latest verdicts of the leak detector, for snapshots.

use crate::base::fork::Lock;
use crate::snapshot::Leaks;

static LATEST: Lock<Option<Leaks>> = Lock::new(None);

/// Sets the verdicts for snapshots from now on.
pub(crate) fn set_leaks(leaks: Option<Leaks>) {
    *LATEST.lock() = leaks;
}

/// The latest verdicts. `None` before the first evaluation, and if the detector is off.
pub(crate) fn leaks() -> Option<Leaks> {
    LATEST.lock().clone()
}
