//! Memory for the recorder, taken from the system page-wise and never given back.
//!
//! Not from the global allocator: the recorder may run inside of it, inside a signal handler, and after thread-local
//! destructors; and its memory must not show in the application's figures.
#![allow(unsafe_code)]

use std::cell::Cell;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

const CHUNK_BYTES: usize = 64 * 1024;

static MAPPED_BYTES: AtomicU64 = AtomicU64::new(0);

/// Bytes taken from the system by all arenas.
pub(crate) fn mapped_bytes() -> u64 {
    MAPPED_BYTES.load(Relaxed)
}

/// A bump allocator of one thread's record; only the owner thread allocates.
#[derive(Debug)]
pub(crate) struct Arena {
    next: Cell<*mut u8>,
    left: Cell<usize>,
}

impl Arena {
    pub(crate) const fn new() -> Self {
        Self { next: Cell::new(ptr::null_mut()), left: Cell::new(0) }
    }

    /// Room for one `T`, all bytes zero; lives for ever. `None` when the system refuses.
    ///
    /// Zero bytes must be a valid `T`: the callers' types consist of atomics, cells of integers, and pointers that may
    /// be null.
    pub(crate) fn zeroed<T: Zeroed>(&self) -> Option<&'static T> {
        let block = self.raw(size_of::<T>(), align_of::<T>())?;
        // SAFETY: `raw` gives fresh zeroed memory of this size and alignment that nobody else has and nobody frees;
        // zero bytes are a valid `T` by the promise of `Zeroed`.
        Some(unsafe { block.cast::<T>().as_ref() })
    }

    /// As `zeroed`, for `n` of them.
    pub(crate) fn zeroed_slice<T: Zeroed>(&self, n: usize) -> Option<&'static [T]> {
        let block = self.raw(size_of::<T>().checked_mul(n)?, align_of::<T>())?;
        // SAFETY: as in `zeroed`, for `n` consecutive values.
        Some(unsafe { std::slice::from_raw_parts(block.cast::<T>().as_ptr(), n) })
    }

    /// A place for `value`, for ever. `None` when the system refuses.
    pub(crate) fn place<T>(&self, value: T) -> Option<&'static T> {
        let room = self.room::<T>()?;
        // SAFETY: `room` is fresh memory of this size and alignment that nobody else has and nobody frees.
        unsafe {
            room.write(value);
            Some(room.as_ref())
        }
    }

    /// Uninitialised room for one `T`.
    pub(crate) fn room<T>(&self) -> Option<NonNull<T>> {
        Some(self.raw(size_of::<T>(), align_of::<T>())?.cast())
    }

    fn raw(&self, size: usize, align: usize) -> Option<NonNull<u8>> {
        let pad = self.next.get().align_offset(align);
        if pad.checked_add(size)? > self.left.get() {
            let bytes = size.max(CHUNK_BYTES);
            let chunk = map(bytes)?;
            MAPPED_BYTES.fetch_add(bytes as u64, Relaxed);
            if size >= CHUNK_BYTES {
                return NonNull::new(chunk);
            }
            self.next.set(chunk);
            self.left.set(bytes);
            return self.raw(size, align);
        }
        // SAFETY: pad + size bytes are left in the chunk behind `next`.
        let block = unsafe { self.next.get().add(pad) };
        // SAFETY: as above; one past the end at most.
        self.next.set(unsafe { block.add(size) });
        self.left.set(self.left.get() - pad - size);
        NonNull::new(block)
    }
}

/// A type of which zero bytes are a valid value and that has no destructor to run.
///
/// # Safety
/// Both must hold.
pub(crate) unsafe trait Zeroed {}

#[cfg(unix)]
fn map(bytes: usize) -> Option<*mut u8> {
    // SAFETY: an anonymous private mapping at an address of the system's choice touches no memory of ours.
    let chunk = unsafe {
        libc::mmap(
            ptr::null_mut(),
            bytes,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0,
        )
    };
    (chunk != libc::MAP_FAILED).then_some(chunk.cast())
}

#[cfg(not(unix))]
fn map(bytes: usize) -> Option<*mut u8> {
    use std::alloc::{GlobalAlloc, Layout, System};
    let layout = Layout::from_size_align(bytes, 4096).ok()?;
    // SAFETY: the layout is not empty.
    let chunk = unsafe { System.alloc_zeroed(layout) };
    (!chunk.is_null()).then_some(chunk)
}

#[cfg(test)]
mod tests {
    use super::*;

    // SAFETY: zero is a valid integer.
    unsafe impl Zeroed for u64 {}

    #[test]
    fn blocks_are_zeroed_aligned_and_apart() {
        let arena = Arena::new();
        let a: &[u64] = arena.zeroed_slice(3).unwrap();
        let b: &u64 = arena.zeroed().unwrap();
        let big: &[u64] = arena.zeroed_slice(CHUNK_BYTES).unwrap();
        let c: &u64 = arena.zeroed().unwrap();
        assert!(a.iter().chain(big).all(|n| *n == 0) && *b == 0);
        assert_eq!(ptr::from_ref(b).addr(), a.as_ptr().addr() + 24);
        assert_eq!(ptr::from_ref(c).addr(), a.as_ptr().addr() + 32);
        assert!(mapped_bytes() >= (CHUNK_BYTES * 9) as u64);
    }
}
