//! Memory of a fixed size, zero at first, from the system.
#![allow(unsafe_code)]

use std::ops::{Deref, DerefMut};

use crate::base::pages::Pages;

/// Bytes of a block's body.
pub(super) const BODY: usize = 108;

/// The one size in which memory is given out.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(super) struct Block {
    /// The next block of the same list.
    pub(super) next: u32,
    pub(super) head: Head,
    pub(super) body: [u8; BODY],
}

/// What stands before a block's body. Where it holds no points, only `used` has a meaning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub(super) struct Head {
    /// The number of the interval of the first point.
    pub(super) start: u32,
    pub(super) points: u16,
    /// The points at the end that equal the one before, which are not in the body.
    pub(super) run: u16,
    /// Bits of the body with points in them; bytes of it in other blocks.
    pub(super) used: u16,
    /// The first point.
    pub(super) mean: i16,
    pub(super) excess: i16,
    pub(super) covered: u8,
    /// The predictors' sizes at the beginning, four bits each.
    pub(super) sizes: u8,
}

const _: () = assert!(size_of::<Block>() == 128);

/// Types of which zeroed memory is a value.
///
/// # Safety
/// All bit patterns are values, and it needs no dropping.
pub(super) unsafe trait Plain: Copy {}

// SAFETY: integers only.
unsafe impl Plain for Block {}
// SAFETY: an integer.
unsafe impl Plain for u8 {}

/// A slice in memory of its own.
#[derive(Debug)]
pub(super) struct Slab<T> {
    pages: Pages,
    length: usize,
    of: std::marker::PhantomData<T>,
}

impl<T: Plain> Slab<T> {
    /// As many as fit into this many bytes, which are rounded down to pages. Memory that is never
    /// written is not resident. `None` if there is no memory, or none was asked for.
    pub(super) fn new(bytes: usize) -> Option<Self> {
        let bytes = bytes & !4_095;
        if bytes == 0 {
            return None;
        }
        Some(Self { pages: Pages::new(bytes)?, length: bytes / size_of::<T>(), of: std::marker::PhantomData })
    }

    pub(super) fn bytes(&self) -> usize {
        (self.length * size_of::<T>()).next_multiple_of(4_096)
    }
}

impl<T: Plain> Deref for Slab<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // SAFETY: the mapping is that long, page-aligned, initialised by the system, and any bytes
        // are values of `Plain`. It lives as long as `self`, through which alone it is reached.
        unsafe { std::slice::from_raw_parts(self.pages.start().as_ptr().cast(), self.length) }
    }
}

impl<T: Plain> DerefMut for Slab<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as above; `self` is borrowed exclusively.
        unsafe { std::slice::from_raw_parts_mut(self.pages.start().as_ptr().cast(), self.length) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slab_is_zero_and_has_the_size_that_was_asked_for() {
        let mut blocks = Slab::<Block>::new(8_192 + 17).unwrap();
        assert_eq!((blocks.len(), blocks.bytes()), (64, 8_192));
        assert!(blocks.iter().all(|block| block.next == 0 && block.head == Head::default()));
        blocks[63].body[BODY - 1] = 7;
        assert_eq!(blocks[63].body[BODY - 1], 7);
        assert!(Slab::<u8>::new(4_095).is_none());
    }
}
