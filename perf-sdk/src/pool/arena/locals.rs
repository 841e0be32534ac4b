//! A thread's own part of an arena: a cache of jemalloc's, and what was allocated through it.
//!
//! jemalloc serves an arena without a cache under its locks, and with the thread's usual cache from
//! another arena: so each thread has one for each arena that it uses.
#![allow(unsafe_code)]

use std::alloc::Layout;
use std::cell::Cell;
use std::ptr::NonNull;

use super::bins::{Bins, Class};
use super::control::{self, From, Index};
use crate::base::unpoisoned::Unpoisoned as _;
use crate::memory::Ours;
use crate::pool::parts::{Part, Parts, Single};

/// A thread tells of what it allocated when it is so much.
const BATCH_BYTES: i64 = 64 << 10;

/// One thread's.
#[derive(Debug)]
pub(super) struct Local {
    cache: Option<Index>,
    from: From,
    bins: Bins,
    allocated: Single,
    freed: Single,
    allocations: Single,
    /// Not yet told.
    untold: Cell<i64>,
    batch: i64,
}

// SAFETY: readers read counters only; `untold` and the bins are touched by the thread alone that
// has the part, or by whoever has the arena for itself.
unsafe impl Sync for Local {}
// SAFETY: what is in the bins belongs to the arena, not to a thread.
unsafe impl Send for Local {}

impl Part for Local {
    fn leave(&self) {}
}

/// All threads' parts of one arena.
#[derive(Debug)]
pub(super) struct Locals {
    arena: Index,
    batch: i64,
    parts: Parts<Local>,
    /// Of threads that end, which have no part any more.
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

    /// A block; `None` where there is no memory.
    #[inline]
    pub(super) fn allocate(&self, layout: Layout) -> Option<NonNull<u8>> {
        let Some(class) = Class::of(layout) else { return self.from.allocate(layout) };
        self.bins.pop(class).or_else(|| self.fetch(class))
    }

    /// From jemalloc. Blocks that a bin will hand out again, to another scope maybe, are not
    /// sampled for the live heap.
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
        // SAFETY: the block is ours, and has so many bytes.
        unsafe { block.write_bytes(0, layout.size()) };
        Some(block)
    }

    /// # Safety
    /// `block` is one of the same arena's, allocated with `layout`.
    #[inline]
    pub(super) unsafe fn free(&self, block: NonNull<u8>, layout: Layout) {
        let Some(class) = Class::of(layout) else {
            // SAFETY: the caller's promise.
            return unsafe { self.from.free(block, layout) };
        };
        // SAFETY: the caller gives the block up; it was allocated with the class's layout.
        if !unsafe { self.bins.push(class, block) } {
            self.halve(class);
            // SAFETY: likewise; now there is room.
            unsafe { self.bins.push(class, block) };
        }
    }

    #[cold]
    #[inline(never)]
    fn halve(&self, class: Class) {
        // SAFETY: blocks in the bin are the arena's, of the class's layout, and free.
        self.bins.halve(class, |block| unsafe { self.from.free(block, class.layout()) });
    }

    /// A block in place of `block`, which is gone if there is one.
    ///
    /// # Safety
    /// `block` is one of the same arena's, allocated with `old`; the new layout's size is not 0.
    pub(super) unsafe fn reallocate(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Option<NonNull<u8>> {
        let (class, other) = (Class::of(old), Class::of(new));
        if class.is_some() && class == other {
            return Some(block);
        }
        let new = other.map_or(new, Class::layout);
        // SAFETY: the caller's promise.
        unsafe { self.from.reallocate(block, new) }
    }

    /// What to tell of, if it is enough.
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

    /// Runs `f` with this thread's part.
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

    /// Bytes allocated and freed, and allocations, of all threads.
    pub(super) fn sums(&self) -> (u64, u64, u64) {
        let (mut allocated, mut freed, mut allocations) = (0, 0, 0);
        // Freed first: what is freed meanwhile was allocated before.
        self.each(|local| freed += local.freed.get());
        self.each(|local| {
            allocated += local.allocated.get();
            allocations += local.allocations.get();
        });
        (allocated, freed, allocations)
    }

    /// All that was allocated is gone, the caches are empty: the caller has the arena for itself.
    ///
    /// # Safety
    /// No other thread uses the arena, or will before this is over; and none ever will if the
    /// caches are given up.
    pub(super) unsafe fn clear(&self, are_caches_given_up: bool) {
        self.each(|local| {
            if let Some(cache) = local.cache {
                // SAFETY: the caller's promise.
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
