//! Where stacks begin under musl, whose functions no table describes.
//!
//! A walk knows by the tables that it has reached the outermost frame. Under musl it does not: what
//! calls the program's `main`, and what calls a thread's function, are functions of the C library.
#![allow(unsafe_code)]

#[cfg(target_env = "musl")]
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

#[cfg(target_env = "musl")]
static THREAD_START: AtomicU64 = AtomicU64::new(0);

/// The program's `main`, whose caller is the outermost frame of the first thread's stack. `None`:
/// the tables say where that is; or this is part of a library, or of a program that loads musl,
/// where nobody says where it is.
#[inline(never)]
pub(super) fn main_function() -> Option<u64> {
    #[cfg(all(target_env = "musl", target_feature = "crt-static", not(test)))]
    {
        // NOTE: a program that the C library starts has one. Its form does not matter: it is never
        // called.
        unsafe extern "C" {
            fn main();
        }
        Some((main as unsafe extern "C" fn() as *const ()).addr() as u64)
    }
    #[cfg(not(all(target_env = "musl", target_feature = "crt-static", not(test))))]
    None
}

/// 0: no frame's.
#[cfg(not(target_env = "musl"))]
pub(super) fn thread_start() -> u64 {
    0
}

/// Where the C library calls the function of a thread that was made by `pthread_create`: the
/// outermost frame of each such thread. 0: not known.
#[cfg(target_env = "musl")]
pub(super) fn thread_start() -> u64 {
    THREAD_START.load(Relaxed)
}

#[cfg(target_env = "musl")]
pub(super) fn set_thread_start(address: u64) {
    THREAD_START.store(address, Relaxed);
}
