//! The stack of the process's first thread, which the kernel makes and which grows.
#![allow(unsafe_code)]

/// An address in the stack of the process's first thread, if it is the kernel's own stack;
/// otherwise 0.
pub(super) fn first_stack() -> u64 {
    // SAFETY: queries the address at which the kernel stored random bytes for the program.
    unsafe { libc::getauxval(libc::AT_RANDOM) }
}

/// The lowest address to which the stack of the process's first thread, which ends at `high`, may
/// grow. Determined once.
#[cfg(feature = "heap")]
pub(super) fn least_of_main(high: u64) -> u64 {
    use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
    /// Used if there is no limit, or a larger one.
    const MOST: u64 = 8 << 20;
    static LIMIT: AtomicU64 = AtomicU64::new(0);
    let mut bytes = LIMIT.load(Relaxed);
    if bytes == 0 {
        let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: a valid pointer for the result.
        let known = unsafe { libc::getrlimit(libc::RLIMIT_STACK, &raw mut limit) } == 0;
        bytes = if known { limit.rlim_cur.clamp(1, MOST) } else { 1 };
        LIMIT.store(bytes, Relaxed);
    }
    high.saturating_sub(bytes)
}
