//! What the rules of scaling asked for last.

use crate::base::fork::Lock;
use crate::base::process_identity::Process;
use crate::snapshot::Scaling;

/// With the process that decided: a forked child has none.
static LATEST: Lock<Option<(Process, Scaling)>> = Lock::new(None);

/// Sets it, for whoever asks from now on. `None` forgets it.
pub(crate) fn set_scaling(scaling: Option<Scaling>) {
    let new = scaling.map(|scaling| (Process::current(), scaling));
    let former = std::mem::replace(&mut *LATEST.lock(), new);
    drop(former);
}

/// `None` without rules, and before the first decision.
pub(crate) fn scaling() -> Option<Scaling> {
    LATEST.lock().as_ref().filter(|(process, _)| process.is_current()).map(|(_, scaling)| scaling.clone())
}
