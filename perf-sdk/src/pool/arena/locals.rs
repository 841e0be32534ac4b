//! A thread's own part of an arena: a jemalloc cache, and counters of what was allocated through
//! it.
//!
//! Without a cache, jemalloc serves an arena under its locks. The thread's default cache serves
//! another arena. So each thread has one cache for each arena that it uses.
#![allow(unsafe_code)]

use std::alloc::Layout;
use std::cell::Cell;
use std::ptr::NonNull;

use super::bins::{Bins, Class};
use super::control::{self, From, Index};
use crate::base::unpoisoned::Unpoisoned as _;
use crate::memory::Ours;
use crate::pool::parts::{Part, Parts, Single};

/// A thread reports its allocations to the account when they sum up to this.
const BATCH_BYTES: i64 = 64 << 10;

/// The part of one thread.
#[derive(Debug)]
pub(super) struct Local {
    cache: Option<Index>,
    from: From,
    bins: Bins,
    allocated: Single,
    freed: Single,
    allocations: Single,
    /// Bytes that were not reported yet.
    untold: Cell<i64>,
    batch: i64,
}

// SAFETY: readers read counters only. `untold` and the bins are accessed only by the thread that
// owns the part, or by a caller with exclusive access to the arena.
unsafe impl Sync for Local {}
// SAFETY: the blocks in the bins belong to the arena, not to a thread.
unsafe impl Send for Local {}

impl Part for Local {
    fn leave(&self) {}
}

/// The parts of all threads for one arena.
#[derive(Debug)]
pub(super) struct Locals {
    arena: Index,
    batch: i64,
    parts: Parts<Local>,
    /// For ending threads, which have no part any more.
    last: std::sync::Mutex<Local>,
}

impl Local {
    fn new(arena: Index, cache: Option<Index>, batch: i64) -> Self {
        Self {
            cache,
            from: From::new(arena, cache),
            bins: Bins::new(),
            allocated: Single::default(),
            freed: Single::default(),
            allocations: Single::default(),
            untold: Cell::new(0),
            batch,
        }
    }

    /// Allocates a block. `None` if there is no memory.
    #[inline]
    pub(super) fn allocate(&self, layout: Layout) -> Option<NonNull<u8>> {
        let Some(class) = Class::of(layout) else { return self.from.allocate(layout) };
        self.bins.pop(class).or_else(|| self.fetch(class))
    }

    /// Allocates a block from jemalloc. It is not sampled for the live heap, because a bin may hand
    /// it out again, maybe to another scope.
    #[cold]
    #[inline(never)]
    fn fetch(&self, class: Class) -> Option<NonNull<u8>> {
        let _ours = Ours::enter();
        self.from.allocate(class.layout())
    }

    #[inline]
    pub(super) fn allocate_zeroed(&self, layout: Layout) -> Option<NonNull<u8>> {
        if Class::of(layout).is_none() {
            return self.from.allocate_zeroed(layout);
        }
        let block = self.allocate(layout)?;
        // SAFETY: the block is not used by anyone else, and has this many bytes.
        unsafe { block.write_bytes(0, layout.size()) };
        Some(block)
    }

    /// # Safety
    /// `block` belongs to the same arena, and was allocated with `layout`.
    #[inline]
    pub(super) unsafe fn free(&self, block: NonNull<u8>, layout: Layout) {
        let Some(class) = Class::of(layout) else {
            // SAFETY: as the caller guarantees.
            return unsafe { self.from.free(block, layout) };
        };
        // SAFETY: the caller does not use the block any more, and it was allocated with the class's
        // layout.
        if !unsafe { self.bins.push(class, block) } {
            self.halve(class);
            // SAFETY: as above; now there is room.
            unsafe { self.bins.push(class, block) };
        }
    }

    #[cold]
    #[inline(never)]
    fn halve(&self, class: Class) {
        // SAFETY: blocks in the bin belong to the arena, have the class's layout, and are free.
        self.bins.halve(class, |block| unsafe { self.from.free(block, class.layout()) });
    }

    /// Reallocates `block`, which is invalid afterwards unless the result is `None`.
    ///
    /// # Safety
    /// `block` belongs to the same arena and was allocated with `old`. The new layout's size is not
    /// 0.
    pub(super) unsafe fn reallocate(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Option<NonNull<u8>> {
        let (class, other) = (Class::of(old), Class::of(new));
        if class.is_some() && class == other {
            return Some(block);
        }
        let new = other.map_or(new, Class::layout);
        // SAFETY: as the caller guarantees.
        unsafe { self.from.reallocate(block, new) }
    }

    /// Counts an allocation. Returns the bytes to report, if they are enough.
    #[inline]
    pub(super) fn note_allocated(&self, layout: Layout) -> Option<i64> {
        self.allocated.add(layout.size() as u64);
        self.allocations.add(1);
        self.note(layout.size() as i64)
    }

    #[inline]
    pub(super) fn note_freed(&self, layout: Layout) -> Option<i64> {
        self.freed.add(layout.size() as u64);
        self.note(-(layout.size() as i64))
    }

    #[inline]
    fn note(&self, more: i64) -> Option<i64> {
        let untold = self.untold.get() + more;
        if untold.abs() < self.batch {
            self.untold.set(untold);
            return None;
        }
        self.untold.set(0);
        Some(untold)
    }
}

impl Locals {
    pub(super) fn new(arena: Index, soft_limit: Option<usize>) -> Self {
        let part = soft_limit.map_or(BATCH_BYTES, |limit| (limit / 64) as i64);
        let batch = part.clamp(1, BATCH_BYTES);
        Self { arena, batch, parts: Parts::new(), last: std::sync::Mutex::new(Local::new(arena, None, 1)) }
    }

    /// Calls `f` with this thread's part.
    #[inline]
    pub(super) fn with<R>(&self, f: impl FnOnce(&Local) -> R) -> R {
        let make = || Local::new(self.arena, control::create_cache().ok(), self.batch);
        self.parts.with(make, |part| match part {
            Some(part) => f(part),
            None => f(&self.last.lock().unpoisoned()),
        })
    }

    fn each(&self, mut f: impl FnMut(&Local)) {
        self.parts.each(&mut f);
        f(&self.last.lock().unpoisoned());
    }

    /// Bytes allocated, bytes freed, and the number of allocations, of all threads.
    pub(super) fn sums(&self) -> (u64, u64, u64) {
        let (mut allocated, mut freed, mut allocations) = (0, 0, 0);
        // Freed is read first: everything that it counts was allocated before.
        self.each(|local| freed += local.freed.get());
        self.each(|local| {
            allocated += local.allocated.get();
            allocations += local.allocations.get();
        });
        (allocated, freed, allocations)
    }

    /// Clears bins, caches and counters, because everything in the arena is freed.
    ///
    /// # Safety
    /// No other thread uses the arena until this returns. If the caches are destroyed, none ever
    /// will.
    pub(super) unsafe fn clear(&self, are_caches_given_up: bool) {
        self.each(|local| {
            if let Some(cache) = local.cache {
                // SAFETY: as the caller guarantees.
                let _ = unsafe {
                    if are_caches_given_up { control::destroy_cache(cache) } else { control::flush_cache(cache) }
                };
            }
            local.bins.forget();
            local.freed.add(local.allocated.get().wrapping_sub(local.freed.get()));
            local.untold.set(0);
        });
    }
}
