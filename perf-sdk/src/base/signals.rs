//! Our threads take no signals: they belong to the program's own.
#![allow(unsafe_code)]

#[cfg(unix)]
pub(crate) use unix::Blocked;

#[cfg(unix)]
mod unix {
    use std::marker::PhantomData;
    use std::mem::MaybeUninit;

    /// The calling thread takes no signals until this drops, nor do threads that it makes
    /// meanwhile.
    pub(crate) struct Blocked {
        before: libc::sigset_t,
        /// Of one thread.
        _not_send: PhantomData<*const ()>,
    }

    impl Blocked {
        pub(crate) fn all() -> Self {
            let mut all = MaybeUninit::<libc::sigset_t>::uninit();
            let mut before = MaybeUninit::<libc::sigset_t>::uninit();
            // SAFETY: `sigfillset` initialises the set; the mask of the calling thread only is
            // changed, and the old one is written: the arguments are valid, which is all that can
            // be wrong.
            let before = unsafe {
                libc::sigemptyset(before.as_mut_ptr());
                libc::sigfillset(all.as_mut_ptr());
                libc::pthread_sigmask(libc::SIG_BLOCK, all.as_ptr(), before.as_mut_ptr());
                before.assume_init()
            };
            Self { before, _not_send: PhantomData }
        }
    }

    impl Drop for Blocked {
        fn drop(&mut self) {
            // SAFETY: the mask of this thread as it was.
            unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.before, std::ptr::null_mut()) };
        }
    }
}
