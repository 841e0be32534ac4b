//! The history of this process.

use super::store::History;
use crate::base::fork::Lock;
use crate::base::process_identity::Process;

/// `None` without a history: no profiler runs, or it is off.
static HISTORY: Lock<Option<Kept>> = Lock::new(None);

/// A forked child has none until it starts a profiler of its own.
#[derive(Debug)]
struct Kept {
    process: Process,
    history: History,
}

/// Makes it the history of this process, in the place of a former one.
pub(crate) fn keep(new: Option<History>) {
    let new = new.map(|history| Kept { process: Process::current(), history });
    let former = std::mem::replace(&mut *HISTORY.lock(), new);
    end(former);
}

/// Writes what is not in the file yet, and ends it. If another thread uses it for longer than a
/// moment, that is left out.
pub(crate) fn close() {
    let former = HISTORY.try_lock().and_then(|mut kept| kept.take());
    end(former);
}

/// In a forked child the file is the parent's.
fn end(former: Option<Kept>) {
    match former {
        Some(kept) if !kept.process.is_current() => kept.history.abandon(),
        former => drop(former),
    }
}

/// Asks the history. `None` if there is none. The next round waits meanwhile.
pub(crate) fn ask<T>(question: impl FnOnce(&History) -> T) -> Option<T> {
    let kept = HISTORY.lock();
    let kept = kept.as_ref().filter(|kept| kept.process.is_current())?;
    Some(question(&kept.history))
}

/// Changes the history. `None` if there is none.
pub(crate) fn fill<T>(change: impl FnOnce(&mut History) -> T) -> Option<T> {
    let mut kept = HISTORY.lock();
    let kept = kept.as_mut().filter(|kept| kept.process.is_current())?;
    Some(change(&mut kept.history))
}
