//! The size of a memory page, in bytes.
#![allow(unsafe_code)]

pub(super) fn page_size() -> usize {
    // SAFETY: reads a system constant.
    usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(4096)
}
