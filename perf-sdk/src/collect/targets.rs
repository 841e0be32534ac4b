//! The latest judgement of the targets, for snapshots.

use crate::base::fork::Lock;
use crate::base::process_identity::Process;
use crate::target::Judgement;

/// With the process that judged: a forked child has no targets.
static LATEST: Lock<Option<(Process, Judgement)>> = Lock::new(None);

/// Sets the judgement for snapshots from now on.
pub(crate) fn set_targets(judgement: Option<Judgement>) {
    *LATEST.lock() = judgement.map(|judgement| (Process::current(), judgement));
}

/// The latest judgement. `None` before the first one, and without targets.
pub(crate) fn targets() -> Option<Judgement> {
    LATEST.lock().as_ref().filter(|(process, _)| process.is_current()).map(|(_, judgement)| judgement.clone())
}
