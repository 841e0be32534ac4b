//! Alternate signal stacks of threads that are not sampled any more.
//!
//! Only a thread itself can give its alternate stack up. So one that a thread has stays until the thread has ended, however
//! often sampling ends and begins meanwhile; and if it is sampled again, it goes on with the one that it has.

use super::linux::Alternate;

use crate::fork::Lock;

static LENT: Lock<Vec<Lent>> = Lock::new(Vec::new());

struct Lent {
    /// The kernel's id of the thread.
    thread: u32,
    alternate: Alternate,
    /// The thread was not there when last looked for.
    is_absent: bool,
}

fn with<T>(work: impl FnOnce(&mut Vec<Lent>) -> T) -> T {
    work(&mut LENT.lock())
}

/// The thread still has it.
pub(super) fn lend(thread: u32, alternate: Alternate) {
    with(|lent| lent.push(Lent { thread, alternate, is_absent: false }));
}

/// The one that the thread has, and `true`; or a new one. `None`: there is no memory for it.
pub(super) fn alternate_of(thread: u32) -> Option<(Alternate, bool)> {
    let known = with(|lent| {
        let at = lent.iter().position(|lent| lent.thread == thread)?;
        Some((lent.swap_remove(at).alternate, true))
    });
    known.or_else(|| Some((Alternate::new()?, false)))
}

/// Those of threads that are for the second time not among those `alive` are nobody's.
pub(super) fn sweep(alive: &[u32]) {
    with(|lent| {
        lent.retain_mut(|lent| {
            let was_absent = std::mem::replace(&mut lent.is_absent, !alive.contains(&lent.thread));
            !(was_absent && lent.is_absent)
        });
    });
}

/// In a forked child: only the calling thread is there.
pub(super) fn forget_parent() {
    with(|lent| {
        for lent in lent.drain(..) {
            if lent.alternate.may_be_of_forker() {
                // For as long as the process lives.
                std::mem::forget(lent.alternate);
            }
        }
    });
}
