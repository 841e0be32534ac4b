//! Memory for the recorder, taken from the system in pages and never returned.
//!
//! It does not come from the global allocator. The recorder may run inside that allocator, inside a
//! signal handler, and after thread-local destructors. And its memory must not count as the
//! application's.
#![allow(unsafe_code)]

use std::cell::Cell;
use std::ptr::{self, NonNull};

use crate::base::footprint::{self, Part};
use crate::base::pages::Pages;

/// A thread's first chunk contains its record and some functions. Each further one is twice as
/// long, up to the maximum.
const FIRST_CHUNK_BYTES: usize = 16 * 1024;
const LARGEST_CHUNK_BYTES: usize = 64 * 1024;
/// A bump allocator for one thread's record. Only the owner thread allocates.
#[derive(Debug)]
pub(crate) struct Arena {
    next: Cell<*mut u8>,
    left: Cell<usize>,
    /// The size of the next chunk.
    chunk_bytes: Cell<usize>,
    /// Whether it may use the reserved part of the limit.
    is_reserve: bool,
}

impl Arena {
    pub(crate) const fn new() -> Self {
        Self {
            next: Cell::new(ptr::null_mut()),
            left: Cell::new(0),
            chunk_bytes: Cell::new(FIRST_CHUNK_BYTES),
            is_reserve: false,
        }
    }

    /// An arena that still gets memory when the others do not.
    pub(crate) const fn reserve() -> Self {
        Self { is_reserve: true, ..Self::new() }
    }

    /// Zeroed memory for one `T`, which is never freed. `None` if the system has no memory.
    ///
    /// Zero bytes must be a valid `T`: the callers' types consist of atomics, cells of integers,
    /// and nullable pointers.
    pub(crate) fn zeroed<T: Zeroed>(&self) -> Option<&'static T> {
        let block = self.raw(size_of::<T>(), align_of::<T>())?;
        // SAFETY: `raw` returns new zeroed memory of this size and alignment, which nobody else
        // uses and which is never freed. Zero bytes are a valid `T`, as `Zeroed` guarantees.
        Some(unsafe { block.cast::<T>().as_ref() })
    }

    /// As `zeroed`, for a value that is filled in before it is shared.
    pub(crate) fn zeroed_room<T: Zeroed>(&self) -> Option<NonNull<T>> {
        self.room()
    }

    /// As `zeroed`, for a slice of `n` values.
    pub(crate) fn zeroed_slice<T: Zeroed>(&self, n: usize) -> Option<&'static [T]> {
        let block = self.raw(size_of::<T>().checked_mul(n)?, align_of::<T>())?;
        // SAFETY: as in `zeroed`, for `n` consecutive values.
        Some(unsafe { std::slice::from_raw_parts(block.cast::<T>().as_ptr(), n) })
    }

    /// Stores `value` in memory that is never freed. `None` if the system has no memory.
    pub(crate) fn place<T>(&self, value: T) -> Option<&'static T> {
        let room = self.room::<T>()?;
        // SAFETY: `room` is new memory of this size and alignment, which nobody else uses and which
        // is never freed.
        unsafe {
            room.write(value);
            Some(room.as_ref())
        }
    }

    /// Uninitialized memory for one `T`.
    pub(crate) fn room<T>(&self) -> Option<NonNull<T>> {
        Some(self.raw(size_of::<T>(), align_of::<T>())?.cast())
    }

    fn raw(&self, size: usize, align: usize) -> Option<NonNull<u8>> {
        let pad = self.next.get().align_offset(align);
        if pad.checked_add(size)? > self.left.get() {
            let usual = self.chunk_bytes.get();
            let bytes = size.max(usual).checked_next_multiple_of(4096)?;
            let chunk = self.chunk(bytes)?;
            if size >= usual {
                return NonNull::new(chunk);
            }
            self.chunk_bytes.set((usual * 2).min(LARGEST_CHUNK_BYTES));
            self.next.set(chunk);
            self.left.set(bytes);
            return self.raw(size, align);
        }
        // SAFETY: pad + size bytes are left in the chunk from `next` on.
        let block = unsafe { self.next.get().add(pad) };
        // SAFETY: as above; at most one past the end.
        self.next.set(unsafe { block.add(size) });
        self.left.set(self.left.get() - pad - size);
        NonNull::new(block)
    }
}

impl Arena {
    #[cold]
    fn chunk(&self, bytes: usize) -> Option<*mut u8> {
        let part = if self.is_reserve { Part::Shared } else { Part::Threads };
        if !footprint::take(part, bytes as u64) {
            return None;
        }
        let chunk = Pages::new(bytes);
        if chunk.is_none() {
            footprint::give(part, bytes as u64);
        }
        Some(chunk?.leak().as_ptr())
    }
}

/// A type of which zero bytes are a valid value, and which has no destructor to run.
///
/// # Safety
/// Both must hold.
pub(crate) unsafe trait Zeroed {}

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
        let big: &[u64] = arena.zeroed_slice(LARGEST_CHUNK_BYTES).unwrap();
        let c: &u64 = arena.zeroed().unwrap();
        assert!(a.iter().chain(big.iter().step_by(if cfg!(miri) { 97 } else { 1 })).all(|n| *n == 0) && *b == 0);
        assert_eq!(ptr::from_ref(b).addr(), a.as_ptr().addr() + 24);
        assert_eq!(ptr::from_ref(c).addr(), a.as_ptr().addr() + 32);
        assert!(footprint::held_bytes() >= (LARGEST_CHUNK_BYTES * 8 + FIRST_CHUNK_BYTES) as u64);
    }
}
