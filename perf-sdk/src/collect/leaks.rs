//! The latest verdicts of the leak detector, for snapshots.

use crate::base::fork::Lock;
use crate::base::process_identity::Process;
use crate::snapshot::Leaks;

/// With the process that judged: a forked child has not leaked.
static LATEST: Lock<Option<(Process, Leaks)>> = Lock::new(None);

/// Sets the verdicts for snapshots from now on.
pub(crate) fn set_leaks(leaks: Option<Leaks>) {
    *LATEST.lock() = leaks.map(|leaks| (Process::current(), leaks));
}

/// The latest verdicts. `None` before the first evaluation, and if the detector is off.
pub(crate) fn leaks() -> Option<Leaks> {
    LATEST.lock().as_ref().filter(|(process, _)| process.is_current()).map(|(_, leaks)| leaks.clone())
}
