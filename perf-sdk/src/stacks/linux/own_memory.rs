//! Reads memory of this process that may not be accessible.
#![allow(unsafe_code)]

use std::fs::File;
use std::os::unix::fs::FileExt as _;

use super::super::plain_file::zeros;
use crate::base::fork::Moment;

/// A copy of the memory at `address`, made by the kernel. If there is no data behind a mapping, the
/// result is `None`, instead of a signal.
pub(super) fn copy(address: u64, length: usize) -> Option<Vec<u8>> {
    let mut bytes = zeros(length)?;
    // So that no forked child inherits the file.
    let _moment = Moment::begin();
    // NOTE: a file is tried first, because a seccomp filter may kill the process at an unknown
    // system call. It cannot be opened without `/proc`, or in a process that may not dump core.
    match File::open("/proc/self/mem") {
        Ok(memory) => memory.read_exact_at(&mut bytes, address).ok()?,
        Err(_) => by_call(address, &mut bytes).filter(|copied| *copied == length).map(drop)?,
    }
    Some(bytes)
}

fn by_call(address: u64, bytes: &mut [u8]) -> Option<usize> {
    let to = libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: bytes.len() };
    let from = libc::iovec { iov_base: address as *mut libc::c_void, iov_len: bytes.len() };
    // SAFETY: writes only to `bytes`. The source address need not be valid.
    let copied = unsafe { libc::process_vm_readv(libc::getpid(), &raw const to, 1, &raw const from, 1, 0) };
    usize::try_from(copied).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unmapped_memory_is_not_copied() {
        let bytes = *b"some bytes";
        let at = bytes.as_ptr().addr() as u64;
        assert_eq!(copy(at, bytes.len()).unwrap(), bytes);
        assert_eq!(copy(8, 8), None);
        assert_eq!(copy(u64::MAX - 4, 8), None);
        assert_eq!(copy(8, 0), Some(Vec::new()));
        assert_eq!(copy(at, usize::MAX), None);
        let mut copied = [0; 10];
        assert_eq!((by_call(at, &mut copied), copied), (Some(10), bytes));
        assert_eq!(by_call(8, &mut copied), None);
    }
}
