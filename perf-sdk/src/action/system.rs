//! Process groups and pipes, as the system knows them.

#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd};

/// Ends a process and all of its group, whose number it has.
///
/// The process must be a child that was not waited for yet: its number belongs to no other.
pub(super) fn kill_group(process: u32) -> io::Result<()> {
    let group = libc::pid_t::try_from(process).map_err(io::Error::other)?;
    // A group of 0 or 1 would be our own, or all processes.
    if group <= 1 {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    // SAFETY: a call without pointers.
    let result = unsafe { libc::kill(-group, libc::SIGKILL) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Reads from it do not wait any more.
pub(super) fn do_not_wait(pipe: BorrowedFd<'_>) -> io::Result<()> {
    let descriptor = pipe.as_raw_fd();
    // SAFETY: a call without pointers, for a descriptor that is open as long as it is borrowed.
    let flags = unsafe { libc::fcntl(descriptor, libc::F_GETFL) };
    if flags < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: as above.
    let result = unsafe { libc::fcntl(descriptor, libc::F_SETFL, flags | libc::O_NONBLOCK) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
