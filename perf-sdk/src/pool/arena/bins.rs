//! Freed blocks that a thread keeps for itself, by size. jemalloc's caches take two to three times
//! as long for a separate arena as for the thread's default one.
#![allow(unsafe_code)]

use std::alloc::Layout;
use std::cell::Cell;
use std::ptr::NonNull;

/// The alignment of all blocks.
const QUANTUM: usize = 16;
/// Larger blocks go to jemalloc directly.
const MOST_BYTES: usize = 32 << 10;
/// Sizes up to 128 in steps of 16, then four for each doubling, as in jemalloc.
const LINEAR: usize = 8;
const LINEAR_BYTES: usize = LINEAR * QUANTUM;
const CLASSES: usize = LINEAR + 4 * (MOST_BYTES.ilog2() - LINEAR_BYTES.ilog2()) as usize;
/// The maximum bytes in a bin.
const BIN_BYTES: usize = 16 << 10;

/// A size class of blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Class {
    at: usize,
}

impl Class {
    /// The smallest class that fits `layout`. `None` if the size or the alignment is too large.
    #[inline]
    pub(super) fn of(layout: Layout) -> Option<Self> {
        let size = layout.size();
        if layout.align() > QUANTUM || size > MOST_BYTES || size == 0 {
            return None;
        }
        if size <= LINEAR_BYTES {
            return Some(Self { at: (size - 1) / QUANTUM });
        }
        let doubling = (size - 1).ilog2();
        let step = (size - 1) >> (doubling - 2) & 3;
        Some(Self { at: LINEAR + 4 * (doubling - LINEAR_BYTES.ilog2()) as usize + step })
    }

    #[inline]
    pub(super) fn layout(self) -> Layout {
        let size = if self.at < LINEAR {
            (self.at + 1) * QUANTUM
        } else {
            let (doubling, step) = ((self.at - LINEAR) / 4, (self.at - LINEAR) % 4);
            (LINEAR_BYTES << doubling) / 4 * (5 + step)
        };
        // SAFETY: the alignment is a power of two, and sizes are small.
        unsafe { Layout::from_size_align_unchecked(size, QUANTUM) }
    }

    fn most(self) -> u32 {
        (BIN_BYTES / self.layout().size()).clamp(2, 64) as u32
    }
}

/// The bins of one thread for one arena. Each block's first word has the address of the next block.
#[derive(Debug)]
pub(super) struct Bins([Bin; CLASSES]);

#[derive(Debug)]
struct Bin {
    first: Cell<Option<NonNull<u8>>>,
    count: Cell<u32>,
    most: u32,
}

impl Bins {
    pub(super) fn new() -> Self {
        Self(std::array::from_fn(|at| Bin { first: Cell::new(None), count: Cell::new(0), most: Class { at }.most() }))
    }

    /// A freed block of this size, if there is one.
    #[inline]
    pub(super) fn pop(&self, class: Class) -> Option<NonNull<u8>> {
        let bin = &self.0[class.at];
        let block = bin.first.get()?;
        // SAFETY: a block in a bin is free, and its first word was written when it was added.
        bin.first.set(unsafe { block.cast::<Option<NonNull<u8>>>().read() });
        bin.count.set(bin.count.get() - 1);
        Some(block)
    }

    /// Keeps `block`. `false` if the bin is full.
    ///
    /// # Safety
    /// The block is of this size, free, and not used by anyone else.
    #[inline]
    pub(super) unsafe fn push(&self, class: Class, block: NonNull<u8>) -> bool {
        let bin = &self.0[class.at];
        if bin.count.get() == bin.most {
            return false;
        }
        // SAFETY: the block is not used by anyone else, is aligned, and has room for a word.
        unsafe { block.cast::<Option<NonNull<u8>>>().write(bin.first.get()) };
        bin.first.set(Some(block));
        bin.count.set(bin.count.get() + 1);
        true
    }

    /// Passes half of a bin's blocks to `free`.
    pub(super) fn halve(&self, class: Class, mut free: impl FnMut(NonNull<u8>)) {
        for _ in 0..self.0[class.at].most.div_ceil(2) {
            self.pop(class).into_iter().for_each(&mut free);
        }
    }

    /// Drops all blocks from the bins without freeing them.
    pub(super) fn forget(&self) {
        self.0.iter().for_each(|bin| {
            bin.first.set(None);
            bin.count.set(0);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg_attr(miri, ignore = "thousands of sizes, and nothing unsafe")]
    fn each_size_fits_its_class_and_no_smaller_one() {
        let mut before = 0;
        for size in 1..=MOST_BYTES {
            let class = Class::of(Layout::from_size_align(size, 8).unwrap()).unwrap();
            let fits = class.layout().size();
            assert!(fits >= size && class.at < CLASSES, "{size}: {fits}");
            assert!(
                size > before || class.at == 0 || size > Class { at: class.at - 1 }.layout().size(),
                "{size}: {fits}"
            );
            assert_eq!(Class::of(class.layout()), Some(class), "{size}");
            before = size;
        }
        assert_eq!(Class::of(Layout::from_size_align(MOST_BYTES + 1, 8).unwrap()), None);
        assert_eq!(Class::of(Layout::from_size_align(64, 64).unwrap()), None);
    }

    #[test]
    fn blocks_come_back_last_first() {
        let class = Class::of(Layout::new::<[u64; 5]>()).unwrap();
        let mut memory = [[0_u128; 3]; 200];
        let blocks: Vec<NonNull<u8>> = memory.iter_mut().map(|block| NonNull::from(block).cast()).collect();
        let bins = Bins::new();
        // SAFETY: each block has 48 bytes, and is used for nothing else.
        let kept = blocks.iter().take_while(|block| unsafe { bins.push(class, **block) }).count();
        assert_eq!(kept, 64);
        let mut halved = Vec::new();
        bins.halve(class, |block| halved.push(block));
        assert_eq!(halved, blocks[32..64].iter().rev().copied().collect::<Vec<_>>());
        assert_eq!(bins.pop(class), Some(blocks[31]));
        bins.forget();
        assert_eq!(bins.pop(class), None);
    }
}
