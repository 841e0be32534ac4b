//! Pages from the system, not from the global allocator.
//!
//! Code that may run inside an allocator or a signal handler takes its memory from here. It does
//! not count as the application's, and a failure is a return value instead of the end of the
//! process.
#![allow(unsafe_code)]

use std::ptr::NonNull;

/// A zeroed mapping of this many bytes, unmapped when this drops.
#[derive(Debug)]
pub(crate) struct Pages {
    start: NonNull<u8>,
    bytes: usize,
}

// SAFETY: a mapping belongs to the process, not to a thread.
unsafe impl Send for Pages {}

impl Pages {
    /// `None` if the system has no memory left. `bytes` is a multiple of 4096, and not 0.
    pub(crate) fn new(bytes: usize) -> Option<Self> {
        Some(Self { start: NonNull::new(map(bytes)?)?, bytes })
    }

    /// As [`new`](Self::new), preceded by `guard` inaccessible bytes, where the mapping begins.
    /// Pages that are never accessed take no memory.
    #[cfg(all(feature = "stacks", target_os = "linux"))]
    pub(crate) fn guarded(guard: usize, bytes: usize) -> Option<Self> {
        let pages = Self::new(guard + bytes)?;
        // SAFETY: the first pages of the mapping made here.
        let is_guarded = unsafe { libc::mprotect(pages.start.as_ptr().cast(), guard, libc::PROT_NONE) } == 0;
        is_guarded.then_some(pages)
    }

    /// The beginning of the mapping, page-aligned.
    #[cfg_attr(not(feature = "stacks"), allow(dead_code))]
    pub(crate) fn start(&self) -> NonNull<u8> {
        self.start
    }

    /// Never unmaps it.
    pub(crate) fn leak(self) -> NonNull<u8> {
        let start = self.start;
        std::mem::forget(self);
        start
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        unmap(self);
    }
}

#[cfg(unix)]
fn map(bytes: usize) -> Option<*mut u8> {
    let (protection, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    // SAFETY: an anonymous private mapping at an address that the system chooses does not affect
    // other memory.
    let start = unsafe { libc::mmap(std::ptr::null_mut(), bytes, protection, flags, -1, 0) };
    (start != libc::MAP_FAILED).then_some(start.cast())
}

#[cfg(unix)]
fn unmap(pages: &Pages) {
    // SAFETY: the mapping made in `map`, which the owner of the pages no longer uses.
    unsafe { libc::munmap(pages.start.as_ptr().cast(), pages.bytes) };
}

#[cfg(not(unix))]
fn layout(bytes: usize) -> Option<std::alloc::Layout> {
    std::alloc::Layout::from_size_align(bytes, 4096).ok()
}

#[cfg(not(unix))]
fn map(bytes: usize) -> Option<*mut u8> {
    use std::alloc::{GlobalAlloc, System};
    // SAFETY: the layout is not empty.
    let start = unsafe { System.alloc_zeroed(layout(bytes)?) };
    (!start.is_null()).then_some(start)
}

#[cfg(not(unix))]
fn unmap(pages: &Pages) {
    use std::alloc::{GlobalAlloc, System};
    if let Some(layout) = layout(pages.bytes) {
        // SAFETY: allocated in `map` with this layout.
        unsafe { System.dealloc(pages.start.as_ptr(), layout) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_zero_and_aligned_and_too_many_are_none() {
        let pages = Pages::new(8192).unwrap();
        let start = pages.start();
        assert!(start.as_ptr().addr().is_multiple_of(4096));
        // SAFETY: within the mapping.
        assert_eq!(unsafe { start.as_ptr().add(8191).read() }, 0);
        assert!(cfg!(miri) || Pages::new(1 << 47).is_none());
    }
}
