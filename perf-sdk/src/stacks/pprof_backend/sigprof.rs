//! The signal `SIGPROF`, which only the pprof crate uses while a profile is being taken.
#![allow(unsafe_code)]

use std::mem::{self, MaybeUninit};
use std::ptr;

/// The action for the signal.
#[derive(Clone, Copy)]
pub(super) struct Action(libc::sigaction);

impl Action {
    /// The current action. `None` if the call failed.
    pub(super) fn now() -> Option<Self> {
        // SAFETY: all fields are numbers or sets that may be empty; only queries.
        unsafe {
            let mut action: libc::sigaction = mem::zeroed();
            (libc::sigaction(libc::SIGPROF, ptr::null(), &raw mut action) == 0).then_some(Self(action))
        }
    }

    /// The address of the handler's code. `None` if there is no handler.
    pub(super) fn handler(&self) -> Option<u64> {
        let handler = self.0.sa_sigaction;
        (handler != libc::SIG_DFL && handler != libc::SIG_IGN).then_some(handler as u64)
    }

    /// Installs the action again.
    pub(super) fn restore(&self) {
        // SAFETY: an action that was installed in this process before.
        unsafe { libc::sigaction(libc::SIGPROF, &raw const self.0, ptr::null_mut()) };
    }
}

/// Blocks the signal on the calling thread until it drops.
pub(super) struct Blocked(libc::sigset_t);

impl Blocked {
    pub(super) fn here() -> Self {
        let mut before = MaybeUninit::<libc::sigset_t>::uninit();
        let mut ours = MaybeUninit::<libc::sigset_t>::uninit();
        // SAFETY: `sigemptyset` initializes a set. The previous mask is written to the other one,
        // which stays empty if that fails.
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
        // SAFETY: the calling thread's previous mask. The value does not leave the function that
        // made it.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.0, ptr::null_mut()) };
    }
}
