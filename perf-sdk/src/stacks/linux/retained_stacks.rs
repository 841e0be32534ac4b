//! Alternate signal stacks of threads that are no longer sampled.
//!
//! Only a thread itself can remove its alternate stack. So a thread keeps it until it has ended,
//! however often sampling stops and starts meanwhile. If it is sampled again, it continues with the
//! same one.

use super::alternate_stack::Alternate;
use super::kernel_threads;

use crate::base::fork::Lock;

static RETAINED: Lock<Vec<Retained>> = Lock::new(Vec::new());

struct Retained {
    /// The kernel's id of the thread.
    thread: u32,
    alternate: Alternate,
}

fn with<T>(work: impl FnOnce(&mut Vec<Retained>) -> T) -> T {
    work(&mut RETAINED.lock())
}

/// Keeps the stack, because the thread still uses it.
pub(super) fn keep(thread: u32, alternate: Alternate) {
    with(|retained| retained.push(Retained { thread, alternate }));
}

/// The stack that the thread already has, with `true`, or a new one. `None` if there is no memory
/// for it.
pub(super) fn alternate_of(thread: u32) -> Option<(Alternate, bool)> {
    let known = with(|retained| {
        let at = retained.iter().position(|retained| retained.thread == thread)?;
        Some((retained.swap_remove(at).alternate, true))
    });
    known.or_else(|| Some((Alternate::new()?, false)))
}

/// Frees the stacks of threads that have ended. Some threads may be missing in `alive`.
pub(super) fn sweep(alive: &[u32]) {
    with(|retained| {
        retained.retain(|retained| alive.contains(&retained.thread) || !kernel_threads::has_ended(retained.thread))
    });
}

/// Called in a forked child, where only the calling thread exists.
pub(super) fn forget_parent() {
    with(|retained| {
        for retained in retained.drain(..) {
            if retained.alternate.may_be_of_forker() {
                // Never freed.
                std::mem::forget(retained.alternate);
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has(thread: u32) -> bool {
        with(|retained| retained.iter().any(|retained| retained.thread == thread))
    }

    #[test]
    fn a_live_thread_keeps_its_stack_even_if_it_is_not_listed() {
        let own = crate::clock::thread_id();
        let (give, take) = std::sync::mpsc::channel();
        let other = std::thread::spawn(move || {
            give.send(crate::clock::thread_id()).unwrap();
        });
        let ended = take.recv().unwrap();
        [own, ended].into_iter().for_each(|thread| keep(thread, Alternate::new().unwrap()));
        other.join().unwrap();
        while !kernel_threads::has_ended(ended) {
            std::thread::yield_now();
        }
        for _ in 0..3 {
            sweep(&[]);
            assert!(has(own) && !has(ended));
        }
        drop(alternate_of(own));
    }
}
