//! Blocks signals on the profiler's threads, because signals are for the program's own threads.
#![allow(unsafe_code)]

#[cfg(unix)]
pub(crate) use unix::Blocked;

#[cfg(unix)]
mod unix {
    use std::marker::PhantomData;
    use std::mem::MaybeUninit;

    /// Blocks all signals on the calling thread until this drops. Threads that it makes meanwhile
    /// inherit the mask.
    pub(crate) struct Blocked {
        before: libc::sigset_t,
        /// The mask belongs to one thread.
        _not_send: PhantomData<*const ()>,
    }

    impl Blocked {
        pub(crate) fn all() -> Self {
            let mut all = MaybeUninit::<libc::sigset_t>::uninit();
            let mut before = MaybeUninit::<libc::sigset_t>::uninit();
            // SAFETY: all arguments are valid. `sigfillset` initializes the set. Only the mask of
            // the calling thread is changed, and the old one is written.
            let before = unsafe {
                libc::sigemptyset(before.as_mut_ptr());
                libc::sigfillset(all.as_mut_ptr());
                libc::pthread_sigmask(libc::SIG_BLOCK, all.as_ptr(), before.as_mut_ptr());
                before.assume_init()
            };
            Self { before, _not_send: PhantomData }
        }

        /// Lets all signals through instead, for programs that are started meanwhile: they inherit
        /// the mask too.
        pub(crate) fn none() -> Self {
            let blocked = Self::all();
            let mut none = MaybeUninit::<libc::sigset_t>::uninit();
            // SAFETY: all arguments are valid. `sigemptyset` initializes the set. Only the mask of
            // the calling thread is changed; the one of before is in `blocked`.
            unsafe {
                libc::sigemptyset(none.as_mut_ptr());
                libc::pthread_sigmask(libc::SIG_SETMASK, none.as_ptr(), std::ptr::null_mut());
            }
            blocked
        }
    }

    impl Drop for Blocked {
        fn drop(&mut self) {
            // SAFETY: restores the earlier mask of this thread.
            unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.before, std::ptr::null_mut()) };
        }
    }
}
