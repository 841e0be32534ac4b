//! Locks that a panic does not close.

use std::sync::{LockResult, PoisonError, TryLockError, TryLockResult};

/// What a lock guards, whether or not a thread panicked while it held it.
///
/// The profiler's state is valid between any two statements that may panic. To refuse it
/// afterwards, or to panic as well, would spread one fault over the program.
pub(crate) trait Unpoisoned {
    type Guarded;

    fn unpoisoned(self) -> Self::Guarded;
}

/// Of `lock`, `wait`, `get_mut` and `into_inner`.
impl<T> Unpoisoned for LockResult<T> {
    type Guarded = T;

    #[inline]
    fn unpoisoned(self) -> T {
        self.unwrap_or_else(PoisonError::into_inner)
    }
}

/// Of `try_lock`. `None`: another thread holds it.
impl<T> Unpoisoned for TryLockResult<T> {
    type Guarded = Option<T>;

    #[inline]
    fn unpoisoned(self) -> Option<T> {
        match self {
            Ok(guard) => Some(guard),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::thread;

    use super::*;

    #[test]
    fn a_panic_does_not_close_a_lock() {
        let mut lock = Mutex::new(1);
        let panicked = thread::scope(|scope| {
            let holder = scope.spawn(|| {
                let _held = lock.lock();
                panic!("while it is held");
            });
            holder.join()
        });
        assert!(panicked.is_err() && lock.is_poisoned());
        *lock.lock().unpoisoned() += 1;
        *lock.try_lock().unpoisoned().expect("nobody holds it") += 1;
        assert_eq!(*lock.get_mut().unpoisoned(), 3);
    }

    #[test]
    fn a_lock_that_is_held_is_not_waited_for() {
        let lock = Mutex::new(());
        let _held = lock.lock().unpoisoned();
        assert!(lock.try_lock().unpoisoned().is_none());
    }
}
