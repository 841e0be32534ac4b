//! What one thread recorded of one site besides the call tree: histograms, and figures of futures.
#![allow(unsafe_code)]

use std::cell::Cell;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};

use super::arena::{Arena, Zeroed};
use super::counter::Counter;
use super::exemplar::Exemplars;
use crate::clock::Wall;
use crate::histogram::{Histogram, Scale, Shard};
use crate::scope::Site;
use crate::snapshot::FunctionPart;

/// The goal of the `syscall` CPU clock: a call measured with two system calls of about 385 ns each
/// should cost 1 % of the calls' duration. So one call in `CPU_COST_NS / duration` is measured.
const CPU_COST_NS: u64 = 77_000;

/// Figures of a site's futures. Times are in ticks.
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

/// Written by its thread only. It is in that thread's arena and never freed.
#[derive(Debug)]
pub(crate) struct SiteShard {
    pub(crate) site: &'static Site,
    older: AtomicPtr<SiteShard>,
    /// Calls with equal CPU and wall time.
    pub(in crate::record) both: Shard,
    /// All other calls.
    pub(in crate::record) wall: Shard,
    pub(in crate::record) cpu: Shard,
    pub(in crate::record) bytes: Shard,
    pub(in crate::record) has_cpu: bool,
    pub(in crate::record) has_bytes: bool,
    /// Ticks that the CPU clock took to ask the kernel when calls were measured.
    pub(crate) asked: Counter,
    future: AtomicPtr<FutureShard>,
    exemplars: AtomicPtr<Exemplars>,
    /// Block sampling for the `syscall` CPU clock. Owner only.
    block: Cell<Block>,
    /// The smoothed duration of a call, in ticks, for the same purpose. Owner only.
    usual: Cell<u64>,
}

// SAFETY: all fields are atomics or immutable, except for `block` and `usual`, which only the owner
// thread accesses.
unsafe impl Sync for SiteShard {}
impl std::panic::RefUnwindSafe for SiteShard {}

/// What was recorded, in the same parts, for a reader.
#[derive(Debug)]
pub(crate) struct Parts {
    /// Times of calls with equal CPU and wall time.
    pub(crate) both: Histogram,
    /// Times of all other calls.
    pub(crate) wall: Histogram,
    pub(crate) cpu: Histogram,
    pub(crate) bytes: Histogram,
}

impl Default for Parts {
    fn default() -> Self {
        Self::new()
    }
}

impl Parts {
    pub(crate) fn new() -> Self {
        let times = || Histogram::new(Scale::Seconds);
        Self { both: times(), wall: times(), cpu: times(), bytes: Histogram::new(Scale::Bytes) }
    }

    pub(crate) fn clear(&mut self) {
        [&mut self.both, &mut self.wall, &mut self.cpu, &mut self.bytes].into_iter().for_each(Histogram::clear);
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.both.merge(&other.both);
        self.wall.merge(&other.wall);
        self.cpu.merge(&other.cpu);
        self.bytes.merge(&other.bytes);
    }

    pub(crate) fn prefetch_cells(&self) {
        [&self.both, &self.wall, &self.cpu, &self.bytes].into_iter().for_each(Histogram::prefetch_cells);
    }
}

/// The figures of a call that found no cell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Missed {
    pub(crate) wall: bool,
    pub(crate) cpu: bool,
    pub(crate) bytes: bool,
}

/// Of each block of `size` calls, the one at `pick` is measured.
#[derive(Clone, Copy, Debug)]
struct Block {
    size: u32,
    pick: u32,
    at: u32,
}

impl SiteShard {
    /// `counting`: whether the global allocator is a counting one.
    pub(crate) fn allocate(
        arena: &Arena,
        site: &'static Site,
        counting: bool,
        older: Option<&'static SiteShard>,
    ) -> Option<&'static SiteShard> {
        arena.place(Self {
            site,
            older: AtomicPtr::new(older.map_or(ptr::null_mut(), |older| ptr::from_ref(older).cast_mut())),
            both: Shard::new(),
            wall: Shard::new(),
            cpu: Shard::new(),
            bytes: Shard::new(),
            has_cpu: site.options().cpu,
            has_bytes: site.options().alloc && counting,
            asked: Counter::new(),
            future: AtomicPtr::new(ptr::null_mut()),
            exemplars: AtomicPtr::new(ptr::null_mut()),
            usual: Cell::new(0),
            block: Cell::new(Block { size: 1, pick: 0, at: 0 }),
        })
    }

    pub(crate) fn older(&self) -> Option<&'static SiteShard> {
        // SAFETY: null, or a shard in an arena, which is never freed.
        unsafe { self.older.load(Relaxed).as_ref() }
    }

    pub(crate) fn future(&self) -> Option<&'static FutureShard> {
        // SAFETY: null, or in an arena, which is never freed. `Acquire` pairs with the store below.
        unsafe { self.future.load(Acquire).as_ref() }
    }

    /// Owner only.
    #[inline]
    pub(crate) fn future_or_new(&self, arena: &Arena) -> Option<&'static FutureShard> {
        self.future().or_else(|| self.new_future(arena))
    }

    #[cold]
    #[inline(never)]
    fn new_future(&self, arena: &Arena) -> Option<&'static FutureShard> {
        let future: &'static FutureShard = arena.zeroed()?;
        self.future.store(ptr::from_ref(future).cast_mut(), Release);
        Some(future)
    }

    pub(crate) fn exemplars(&self) -> Option<&'static Exemplars> {
        // SAFETY: null, or in an arena, which is never freed. `Acquire` pairs with the store below.
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

    /// From any thread, some time before folding.
    pub(crate) fn prefetch_cells(&self) {
        [&self.both, &self.wall, &self.cpu, &self.bytes].into_iter().for_each(Shard::prefetch_cells);
    }

    /// Adds what was recorded so far. From any thread.
    pub(crate) fn fold_into(&self, parts: &mut Parts) {
        self.both.fold_into(&mut parts.both);
        self.wall.fold_into(&mut parts.wall);
        self.cpu.fold_into(&mut parts.cpu);
        self.bytes.fold_into(&mut parts.bytes);
    }

    /// Whether CPU times and bytes are measured.
    #[cfg(any(feature = "otlp", feature = "serve"))]
    pub(crate) fn measures(&self) -> [bool; 2] {
        [self.has_cpu, self.has_bytes]
    }

    /// Passes the counts of classic buckets to `each`, not cumulative, and returns the sums: of
    /// wall times, CPU times and bytes. From any thread.
    #[cfg(any(feature = "otlp", feature = "serve"))]
    pub(crate) fn read_classic(&self, mut each: impl FnMut(FunctionPart, usize, u64)) -> [u64; 3] {
        let both = self.both.read_classic(Scale::Seconds, |bucket, count| {
            each(FunctionPart::Wall, bucket, count);
            each(FunctionPart::Cpu, bucket, count);
        });
        let wall = self.wall.read_classic(Scale::Seconds, |bucket, count| each(FunctionPart::Wall, bucket, count));
        let cpu = self.cpu.read_classic(Scale::Seconds, |bucket, count| each(FunctionPart::Cpu, bucket, count));
        let bytes = self.bytes.read_classic(Scale::Bytes, |bucket, count| each(FunctionPart::Bytes, bucket, count));
        [both.wrapping_add(wall), both.wrapping_add(cpu), bytes]
    }

    /// As [`fold_into`](Self::fold_into), of one part only.
    pub(crate) fn fold_part_into(&self, part: FunctionPart, to: &mut Histogram) {
        match part {
            FunctionPart::Figures => {}
            FunctionPart::Wall => {
                self.both.fold_into(to);
                self.wall.fold_into(to);
            }
            FunctionPart::Cpu => {
                self.both.fold_into(to);
                self.cpu.fold_into(to);
            }
            FunctionPart::Bytes => self.bytes.fold_into(to),
        }
    }

    /// Owner only, `syscall` CPU clock: the duration of calls determines how many are measured.
    #[inline]
    pub(crate) fn note_duration(&self, ticks: i64) {
        let ticks = ticks.max(0) as u64;
        let usual = self.usual.get();
        self.usual.set(if usual == 0 { ticks } else { usual - usual / 8 + ticks / 8 });
    }

    /// Owner only, `syscall` CPU clock: whether the next call's CPU time is not measured. If so,
    /// the call counts as skipped.
    #[inline]
    pub(crate) fn skips_cpu(&self) -> bool {
        let block = self.block.get();
        let skips = block.at < block.size && block.at != block.pick;
        if skips {
            self.block.set(Block { at: block.at + 1, ..block });
        }
        skips || !self.has_cpu
    }

    /// Owner only, `syscall` CPU clock: the weight of the next call's CPU time. 0 if it is not
    /// measured.
    pub(crate) fn next_cpu_weight(&self, limit: u32, wall: &Wall, random: impl FnOnce() -> u64) -> u32 {
        let mut block = self.block.get();
        if block.at >= block.size {
            let size = CPU_COST_NS / wall.ns(self.usual.get()).max(1);
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
