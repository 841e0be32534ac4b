//! What one thread recorded of one site besides the call tree: histograms, and what only futures have.
#![allow(unsafe_code)]

use std::cell::Cell;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};

use super::arena::{Arena, Zeroed};
use super::counter::Counter;
use super::exemplar::Exemplars;
use super::ring::Finished;
use crate::clock::Wall;
use crate::histogram::{Page, Scale, Shard};
use crate::scope::Site;

/// Aim of the `syscall` CPU clock: a call measured with two system calls of about 385 ns each should cost 1 % of its own
/// duration, so one call in `CPU_COST_NS / duration` is.
const CPU_COST_NS: u64 = 77_000;

/// Figures of a site's futures. Times in ticks.
#[derive(Debug)]
pub(crate) struct FutureShard {
    pub(crate) started: Counter,
    pub(crate) finished: Counter,
    pub(crate) polls: Counter,
    pub(crate) busy: Counter,
    pub(crate) idle: Counter,
    pub(crate) longest_poll: Counter,
}

// SAFETY: counters only.
unsafe impl Zeroed for FutureShard {}

/// Written by its thread only, in that thread's arena for ever.
#[derive(Debug)]
pub(crate) struct SiteShard {
    pub(crate) site: &'static Site,
    older: AtomicPtr<SiteShard>,
    pub(crate) wall: Shard,
    pub(crate) cpu: Shard,
    pub(crate) bytes: Shard,
    future: AtomicPtr<FutureShard>,
    exemplars: AtomicPtr<Exemplars>,
    /// Block sampling for the `syscall` CPU clock. Owner only.
    block: Cell<Block>,
}

// SAFETY: all fields are atomics or immutable, but for `block`, which only the owner thread touches.
unsafe impl Sync for SiteShard {}
impl std::panic::RefUnwindSafe for SiteShard {}

/// Of each block of `size` calls, the one at `pick` is measured.
#[derive(Clone, Copy, Debug)]
struct Block {
    size: u32,
    pick: u32,
    at: u32,
    /// Smoothed duration, nanoseconds.
    usual_ns: u64,
}

impl SiteShard {
    pub(crate) fn allocate(arena: &Arena, site: &'static Site, older: *const SiteShard) -> Option<&'static SiteShard> {
        arena.place(Self {
            site,
            older: AtomicPtr::new(older.cast_mut()),
            wall: Shard::new(Scale::Seconds),
            cpu: Shard::new(Scale::Seconds),
            bytes: Shard::new(Scale::Bytes),
            future: AtomicPtr::new(ptr::null_mut()),
            exemplars: AtomicPtr::new(ptr::null_mut()),
            block: Cell::new(Block { size: 1, pick: 0, at: 0, usual_ns: 0 }),
        })
    }

    pub(crate) fn older(&self) -> Option<&'static SiteShard> {
        // SAFETY: null or a shard in an arena, which is never freed.
        unsafe { self.older.load(Relaxed).as_ref() }
    }

    pub(crate) fn future(&self) -> Option<&'static FutureShard> {
        // SAFETY: null or in an arena, which is never freed; `Acquire` pairs with the store below.
        unsafe { self.future.load(Acquire).as_ref() }
    }

    /// Owner only.
    pub(crate) fn future_or_new(&self, arena: &Arena) -> Option<&'static FutureShard> {
        self.future().or_else(|| {
            let future: &'static FutureShard = arena.zeroed()?;
            self.future.store(ptr::from_ref(future).cast_mut(), Release);
            Some(future)
        })
    }

    pub(crate) fn exemplars(&self) -> Option<&'static Exemplars> {
        // SAFETY: null or in an arena, which is never freed; `Acquire` pairs with the store below.
        unsafe { self.exemplars.load(Acquire).as_ref() }
    }

    /// Owner only.
    pub(crate) fn exemplars_or_new(&self, arena: &Arena) -> Option<&'static Exemplars> {
        self.exemplars().or_else(|| {
            let exemplars: &'static Exemplars = arena.zeroed()?;
            self.exemplars.store(ptr::from_ref(exemplars).cast_mut(), Release);
            Some(exemplars)
        })
    }

    /// Owner only: one finished call into the cells. False when a page could not be had.
    #[inline]
    pub(crate) fn record(&self, finished: &Finished, wall: &Wall, counting: bool, arena: &Arena) -> bool {
        let options = self.site.options();
        let pages = || arena.place(Page::new());
        let wall_ns = wall.ns(finished.wall);
        let at = self.wall.locate(wall_ns);
        let mut stored = self.wall.record_at(at, 1, &pages);
        if options.cpu && finished.cpu_weight > 0 {
            // A thread that did not leave the CPU: the same cell.
            let at = if finished.cpu == finished.wall { at } else { self.cpu.locate(wall.ns(finished.cpu)) };
            stored &= self.cpu.record_at(at, u64::from(finished.cpu_weight), &pages);
        }
        if options.alloc && counting {
            stored &= self.bytes.record(finished.bytes, 1, &pages);
        }
        stored
    }

    /// Owner only, `syscall` CPU clock: how long calls take decides how many are measured.
    pub(crate) fn note_duration(&self, wall_ns: u64) {
        let mut block = self.block.get();
        block.usual_ns = if block.usual_ns == 0 { wall_ns } else { block.usual_ns - block.usual_ns / 8 + wall_ns / 8 };
        self.block.set(block);
    }

    /// Owner only, `syscall` CPU clock: how many calls this call's CPU time stands for; 0 when it is not measured.
    pub(crate) fn next_cpu_weight(&self, limit: u32, random: impl FnOnce() -> u64) -> u32 {
        let mut block = self.block.get();
        if block.at >= block.size {
            let size = CPU_COST_NS / block.usual_ns.max(1);
            block.size = (size as u32).clamp(1, limit);
            block.pick = (random() % u64::from(block.size)) as u32;
            block.at = 0;
        }
        let weight = if block.at == block.pick { block.size } else { 0 };
        block.at += 1;
        self.block.set(block);
        weight
    }
}
