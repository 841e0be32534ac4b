//! The signal `SIGPROF`, which is the pprof crate's while a profile is taken, and nobody else's
//! then.
#![allow(unsafe_code)]

use std::mem::{self, MaybeUninit};
use std::ptr;

/// What is done about the signal.
#[derive(Clone, Copy)]
pub(super) struct Action(libc::sigaction);

impl Action {
    /// In force; `None`: nobody knows.
    pub(super) fn now() -> Option<Self> {
        // SAFETY: all fields are numbers or sets that may be empty; only asks.
        unsafe {
            let mut action: libc::sigaction = mem::zeroed();
            (libc::sigaction(libc::SIGPROF, ptr::null(), &raw mut action) == 0).then_some(Self(action))
        }
    }

    /// Where the handler's code begins; `None`: nobody handles the signal.
    pub(super) fn handler(&self) -> Option<u64> {
        let handler = self.0.sa_sigaction;
        (handler != libc::SIG_DFL && handler != libc::SIG_IGN).then_some(handler as u64)
    }

    /// Puts it in force again.
    pub(super) fn restore(&self) {
        // SAFETY: an action that was in force in this process.
        unsafe { libc::sigaction(libc::SIGPROF, &raw const self.0, ptr::null_mut()) };
    }
}

/// While it lives, the calling thread does not get the signal.
pub(super) struct Blocked(libc::sigset_t);

impl Blocked {
    pub(super) fn here() -> Self {
        let mut before = MaybeUninit::<libc::sigset_t>::uninit();
        let mut ours = MaybeUninit::<libc::sigset_t>::uninit();
        // SAFETY: `sigemptyset` initialises a set, and the mask before is written to the other one,
        // which is empty should that fail.
        unsafe {
            libc::sigemptyset(before.as_mut_ptr());
            libc::sigemptyset(ours.as_mut_ptr());
            libc::sigaddset(ours.as_mut_ptr(), libc::SIGPROF);
            libc::pthread_sigmask(libc::SIG_BLOCK, ours.as_ptr(), before.as_mut_ptr());
            Self(before.assume_init())
        }
    }
}

impl Drop for Blocked {
    fn drop(&mut self) {
        // SAFETY: the calling thread's mask before; it does not leave the function that made it.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.0, ptr::null_mut()) };
    }
}
