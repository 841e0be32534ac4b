//! The latest verdicts on leaks, for the snapshots from now on.

use crate::base::fork::Lock;
use crate::snapshot::Leaks;

static LATEST: Lock<Option<Leaks>> = Lock::new(None);

/// What the snapshots from now on say of leaks.
pub(crate) fn set_leaks(leaks: Option<Leaks>) {
    *LATEST.lock() = leaks;
}

/// The latest verdicts; `None` before the first look, and where nobody looks.
pub(crate) fn leaks() -> Option<Leaks> {
    LATEST.lock().clone()
}
