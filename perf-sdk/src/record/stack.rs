//! The open calls of one thread: written by it, read by anybody.
#![allow(unsafe_code)]

use std::cell::Cell;
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};

use super::arena::{Arena, Zeroed};
use super::node::Node;
use crate::memory::Tallies;

/// Frames that every record has from the start; deeper ones come in segments, each twice as long as the one before.
const FIRST: usize = 64;
const SEGMENTS: usize = 20;
/// Bit of `cpu_weight`: the CPU figure is the kernel's answer.
const ASKED: u32 = 1 << 31;
/// No thread's own stack holds that many calls: memory ends first.
const MAX_DEPTH: usize = FIRST << SEGMENTS;

/// One open call. The start ticks double as a serial number: as long as they stay, it is the same call.
#[derive(Debug)]
pub(crate) struct Frame {
    node: AtomicPtr<Node>,
    start: AtomicU64,
    cpu: AtomicU64,
    cpu_weight: AtomicU32,
    /// Tells this call from others that used the frame. Owner only.
    pub(crate) serial: Cell<u32>,
    /// One poll of a future, which is counted elsewhere. Owner only.
    pub(crate) poll: Cell<bool>,
    /// Whether the thread was unwinding when the call began. Owner only.
    pub(crate) panicking: Cell<bool>,
    /// Owner only.
    tallies: Cell<[u64; 5]>,
}

// SAFETY: null pointers, zeros and `false` are valid values; there is no destructor.
unsafe impl Zeroed for Frame {}
// SAFETY: what other threads read is atomic; the cells are the owner's alone.
unsafe impl Sync for Frame {}

impl Frame {
    const fn new() -> Self {
        Self {
            node: AtomicPtr::new(ptr::null_mut()),
            start: AtomicU64::new(0),
            cpu: AtomicU64::new(0),
            cpu_weight: AtomicU32::new(0),
            serial: Cell::new(0),
            poll: Cell::new(false),
            panicking: Cell::new(false),
            tallies: Cell::new([0; 5]),
        }
    }

    #[inline]
    pub(crate) fn node(&self) -> Option<&'static Node> {
        // SAFETY: null or a node in an arena, which is never freed.
        unsafe { self.node.load(Relaxed).as_ref() }
    }

    #[inline]
    pub(crate) fn open(&self, node: &'static Node, tallies: Tallies) {
        self.node.store(ptr::from_ref(node).cast_mut(), Relaxed);
        self.tallies.set([
            tallies.allocated_bytes,
            tallies.allocations,
            tallies.freed_bytes,
            tallies.frees,
            tallies.reallocations,
        ]);
    }

    #[inline]
    pub(crate) fn begin(&self, start: u64, cpu: u64, cpu_weight: u32) {
        self.start.store(start, Relaxed);
        self.cpu.store(cpu, Relaxed);
        self.cpu_weight.store(cpu_weight, Relaxed);
    }

    /// How many calls the CPU figure stands for; 0 when none is taken.
    #[inline]
    pub(crate) fn cpu_weight(&self) -> u32 {
        self.cpu_weight.load(Relaxed) & !ASKED
    }

    /// Whether `cpu` is the kernel's answer, in nanoseconds, rather than an offset.
    #[inline]
    pub(crate) fn cpu_asked(&self) -> bool {
        self.cpu_weight.load(Relaxed) & ASKED != 0
    }

    /// As `begin`, with the kernel's answer; with weight 0 it was not asked.
    pub(crate) fn begin_asked(&self, start: u64, cpu_ns: u64, cpu_weight: u32) {
        self.begin(start, cpu_ns, cpu_weight | ASKED);
    }

    /// Ticks; 0 when the call is counted only.
    #[inline]
    pub(crate) fn start(&self) -> u64 {
        self.start.load(Relaxed)
    }

    /// The tick-to-CPU offset at the start, or with the `syscall` clock the thread's CPU nanoseconds.
    #[inline]
    pub(crate) fn cpu(&self) -> u64 {
        self.cpu.load(Relaxed)
    }

    /// What was allocated since the call began.
    #[inline]
    pub(crate) fn tallies_since(&self, now: &Tallies) -> Tallies {
        let [allocated_bytes, allocations, freed_bytes, frees, reallocations] = self.tallies.get();
        Tallies {
            allocated_bytes: now.allocated_bytes.wrapping_sub(allocated_bytes),
            allocations: now.allocations.wrapping_sub(allocations),
            freed_bytes: now.freed_bytes.wrapping_sub(freed_bytes),
            frees: now.frees.wrapping_sub(frees),
            reallocations: now.reallocations.wrapping_sub(reallocations),
        }
    }
}

/// A stack of frames. Frame 0 stands for the thread itself, below all calls.
#[derive(Debug)]
pub(crate) struct Stack {
    depth: AtomicU64,
    segments: [AtomicPtr<Frame>; SEGMENTS],
    first: [Frame; FIRST],
}

impl Stack {
    pub(crate) const fn new() -> Self {
        Self {
            depth: AtomicU64::new(0),
            segments: [const { AtomicPtr::new(ptr::null_mut()) }; SEGMENTS],
            first: [const { Frame::new() }; FIRST],
        }
    }

    /// The index of the innermost open frame.
    #[inline]
    pub(crate) fn depth(&self) -> usize {
        self.depth.load(Relaxed) as usize
    }

    /// Owner only. Publishes the frames up to `depth`.
    #[inline]
    pub(crate) fn set_depth(&self, depth: usize) {
        self.depth.store(depth as u64, Release);
    }

    /// As seen by another thread.
    pub(crate) fn depth_for_reader(&self) -> usize {
        (self.depth.load(Acquire) as usize).min(MAX_DEPTH - 1)
    }

    /// The frame at `depth`, if its segment exists.
    #[inline]
    pub(crate) fn frame(&self, depth: usize) -> Option<&Frame> {
        match self.first.get(depth) {
            Some(frame) => Some(frame),
            None => self.deep(depth),
        }
    }

    #[cold]
    #[inline(never)]
    fn deep(&self, depth: usize) -> Option<&Frame> {
        let (segment, offset) = place(depth)?;
        let base = self.segments[segment].load(Acquire);
        // SAFETY: a segment pointer is null or leads to `FIRST << segment` frames in an arena; `offset` is below that.
        (!base.is_null()).then(|| unsafe { &*base.add(offset) })
    }

    /// Owner only: the frame at `depth`, making its segment if need be.
    #[inline]
    pub(crate) fn frame_or_new(&self, depth: usize, arena: &Arena) -> Option<&Frame> {
        match self.first.get(depth) {
            Some(frame) => Some(frame),
            None => self.deep_or_new(depth, arena),
        }
    }

    #[cold]
    #[inline(never)]
    fn deep_or_new(&self, depth: usize, arena: &Arena) -> Option<&Frame> {
        if let Some(frame) = self.deep(depth) {
            return Some(frame);
        }
        let (segment, offset) = place(depth)?;
        let frames: &'static [Frame] = arena.zeroed_slice(FIRST << segment)?;
        self.segments[segment].store(frames.as_ptr().cast_mut(), Release);
        frames.get(offset)
    }
}

/// Segment and offset of a frame beyond the first ones.
fn place(depth: usize) -> Option<(usize, usize)> {
    if depth >= MAX_DEPTH {
        return None;
    }
    let segment = (depth / FIRST).ilog2() as usize;
    Some((segment, depth - (FIRST << segment)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_depth_has_a_place_of_its_own() {
        let mut expected = FIRST;
        for segment in 0..SEGMENTS {
            for offset in 0..(FIRST << segment) {
                assert_eq!(place(expected), Some((segment, offset)));
                expected += 1;
            }
        }
        assert_eq!(expected, MAX_DEPTH);
        assert_eq!(place(MAX_DEPTH), None);
    }
}
