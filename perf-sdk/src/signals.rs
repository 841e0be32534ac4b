//! Our threads take no signals: they belong to the program's own.
#![allow(unsafe_code)]

#[cfg(unix)]
pub(crate) fn block_all() {
    use std::mem::MaybeUninit;
    use std::ptr;
    let mut all = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: `sigfillset` initialises the set; the mask of the calling thread only is changed; the old one is not wanted.
    unsafe {
        libc::sigfillset(all.as_mut_ptr());
        libc::pthread_sigmask(libc::SIG_BLOCK, all.as_ptr(), ptr::null_mut());
    }
}

#[cfg(not(unix))]
pub(crate) fn block_all() {}
