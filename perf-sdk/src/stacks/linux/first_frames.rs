//! Finds the outermost frame under musl, whose functions no loaded table describes.
//!
//! Usually, tables mark the outermost frame. Under musl they do not: the callers of the program's
//! `main` and of a thread's function are functions of the C library.
#![allow(unsafe_code)]

#[cfg(target_env = "musl")]
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

#[cfg(target_env = "musl")]
static THREAD_START: AtomicU64 = AtomicU64::new(0);

/// The program's `main`, whose caller is the outermost frame of the first thread. `None` if tables
/// mark the outermost frame, or if the address is unknown: this code is part of a library, or of a
/// program that loads musl dynamically.
#[inline(never)]
pub(super) fn main_function() -> Option<u64> {
    #[cfg(all(target_env = "musl", target_feature = "crt-static", not(test)))]
    {
        // NOTE: a program that the C library starts has one. Its signature does not matter, because
        // it is never called.
        unsafe extern "C" {
            fn main();
        }
        Some((main as unsafe extern "C" fn() as *const ()).addr() as u64)
    }
    #[cfg(not(all(target_env = "musl", target_feature = "crt-static", not(test))))]
    None
}

/// 0, which is not the address of any frame.
#[cfg(not(target_env = "musl"))]
pub(super) fn thread_start() -> u64 {
    0
}

/// The address at which the C library calls the function of a thread made by `pthread_create`: the
/// outermost frame of each such thread. 0 if unknown.
#[cfg(target_env = "musl")]
pub(super) fn thread_start() -> u64 {
    THREAD_START.load(Relaxed)
}

#[cfg(target_env = "musl")]
pub(super) fn set_thread_start(address: u64) {
    THREAD_START.store(address, Relaxed);
}
