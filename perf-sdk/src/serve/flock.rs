//! The system's lock on a file, and whether a process lives.
#![allow(unsafe_code)]

use std::fs::File;
use std::io;

/// Takes the lock, which is held until the file is closed, by forked children too; `WouldBlock` if
/// somebody has it.
#[cfg(unix)]
pub(super) fn lock(file: &File) -> io::Result<()> {
    use std::os::fd::AsRawFd as _;
    // SAFETY: the descriptor is open as long as the file is borrowed.
    match unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Whether there is no process of that number, as far as this one can see.
#[cfg(unix)]
pub(super) fn is_dead(process: u32) -> bool {
    let Some(process) = i32::try_from(process).ok().filter(|process| *process > 0) else { return false };
    // SAFETY: signal 0 is not sent: only whether it could be is asked.
    let answer = unsafe { libc::kill(process, 0) };
    answer != 0 && io::Error::last_os_error().raw_os_error() == Some(libc::ESRCH)
}

#[cfg(not(unix))]
pub(super) fn lock(_: &File) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
