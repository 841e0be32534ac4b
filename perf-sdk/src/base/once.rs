//! Initialization that cannot deadlock with a signal handler.

use std::sync::atomic::{AtomicUsize, Ordering::AcqRel, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};
use std::thread;
use std::time::Duration;

const NEW: usize = 0;
const DONE: usize = 1;

/// How often a thread checks whether another one has finished, before it continues without: a
/// second in total.
const LOOKS: u32 = 10_000;
const PAUSE: Duration = Duration::from_micros(100);

/// Like `std::sync::Once`, with one difference: a signal handler that interrupts the initializing
/// thread is told "not yet", instead of waiting for itself.
#[derive(Debug)]
pub(crate) struct Once {
    /// `NEW`, `DONE`, or the id of the thread that runs the work.
    state: AtomicUsize,
}

impl Once {
    pub(crate) const fn new() -> Self {
        Self { state: AtomicUsize::new(NEW) }
    }

    #[inline]
    pub(crate) fn is_done(&self) -> bool {
        self.state.load(Acquire) == DONE
    }

    /// Runs `work` unless it was done before, and waits while another thread runs it. `false` if it
    /// is not done: this thread runs it already, further down its stack, or the other one takes too
    /// long.
    pub(crate) fn call(&self, work: impl FnOnce()) -> bool {
        let me = me();
        for _ in 0..LOOKS {
            match self.state.compare_exchange(NEW, me, AcqRel, Acquire) {
                Ok(_) => {
                    let finish = Finish(&self.state);
                    work();
                    drop(finish);
                    return true;
                }
                Err(DONE) => return true,
                Err(other) if other == me => return false,
                Err(_) => thread::sleep(PAUSE),
            }
        }
        false
    }

    /// Makes the next `call` run its work again. Must not be called while one is running.
    pub(crate) fn renew(&self) {
        let _ = self.state.compare_exchange(DONE, NEW, AcqRel, Relaxed);
    }

    /// Called in a forked child: a thread that was running the work does not exist there.
    pub(crate) fn after_fork(&self) {
        if !self.is_done() {
            self.state.store(NEW, Release);
        }
    }
}

/// Marks the work as done, even if it unwinds, because what it initializes has a usable value at
/// any time.
struct Finish<'a>(&'a AtomicUsize);

impl Drop for Finish<'_> {
    fn drop(&mut self) {
        self.0.store(DONE, Release);
    }
}

/// A unique id of this thread, without allocating: the address of a thread-local, which is neither
/// `NEW` nor `DONE`.
fn me() -> usize {
    thread_local! {
        static HERE: u64 = const { 0 };
    }
    HERE.try_with(|here| std::ptr::from_ref(here).addr()).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;

    use super::*;

    #[test]
    fn runs_once_over_many_threads_and_all_wait_for_it() {
        let (once, runs) = (Once::new(), AtomicU32::new(0));
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let done = once.call(|| {
                        thread::sleep(Duration::from_millis(5));
                        runs.fetch_add(1, Relaxed);
                    });
                    assert!(done && runs.load(Relaxed) == 1);
                });
            }
        });
        assert!(once.is_done());
    }

    #[test]
    fn a_call_within_the_work_does_not_wait() {
        let once = Once::new();
        let mut inner = None;
        assert!(once.call(|| inner = Some(once.call(|| unreachable!()))));
        assert_eq!(inner, Some(false));
    }

    #[test]
    fn the_work_runs_again_after_a_renewal() {
        let (once, mut runs) = (Once::new(), 0);
        once.call(|| runs += 1);
        once.renew();
        once.call(|| runs += 1);
        once.call(|| runs += 1);
        assert_eq!(runs, 2);
    }
}
