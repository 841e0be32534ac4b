//! One process writes a file.
#![allow(unsafe_code)]

use std::fs::File;
use std::io;

/// Locks the file until it is closed. `WouldBlock` if it is locked already.
#[cfg(unix)]
pub(super) fn lock(file: &File) -> io::Result<()> {
    use std::os::fd::AsRawFd as _;
    // SAFETY: the descriptor is open while the file is borrowed.
    match unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// There is no lock on this system: two processes with one file damage it, which is found at the
/// next start.
#[cfg(not(unix))]
pub(super) fn lock(_: &File) -> io::Result<()> {
    Ok(())
}
