//! File locks, and whether a process exists.
#![allow(unsafe_code)]

use std::fs::File;
use std::io;

/// Locks the file until it is closed, in forked children too. `WouldBlock` if it is locked already.
#[cfg(unix)]
pub(super) fn lock(file: &File) -> io::Result<()> {
    use std::os::fd::AsRawFd as _;
    // SAFETY: the descriptor is open while the file is borrowed.
    match unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Whether there is no process with this id, as far as this process can see.
#[cfg(unix)]
pub(super) fn is_dead(process: u32) -> bool {
    let Some(process) = i32::try_from(process).ok().filter(|process| *process > 0) else { return false };
    // SAFETY: signal 0 is not sent; the call only checks whether it could be.
    let answer = unsafe { libc::kill(process, 0) };
    answer != 0 && io::Error::last_os_error().raw_os_error() == Some(libc::ESRCH)
}

#[cfg(not(unix))]
pub(super) fn lock(_: &File) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
