//! The open calls of one thread: written by it, readable by any thread.
#![allow(unsafe_code)]

use std::cell::Cell;
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};

use super::arena::{Arena, Zeroed};
use super::home::Here;
use super::node::Node;
use super::place::Place;
use super::shared::SharedSite;
use crate::memory::Tallies;

/// The number of frames that every record has. Deeper ones are in segments, each twice as long as
/// the one before.
const FIRST: usize = 64;
const SEGMENTS: usize = 20;
/// A bit of [`Weights::cpu`]: the CPU figure is the kernel's answer.
const ASKED: u32 = 1 << 31;
/// Another bit of it: the call is counted in a shared record.
const SHARED: u32 = 1 << 30;
/// Another one: it is one poll of a future.
const POLL: u32 = 1 << 29;
/// Another one: the thread was unwinding when the call began.
const PANICKING: u32 = 1 << 28;
/// Another one: it is a call of a root, at whose end more is to be done.
const ROOT: u32 = 1 << 27;
/// These say nothing of how the call is counted.
const NOTES: u32 = POLL | PANICKING;
const CPU_BITS: u32 = ASKED | SHARED | ROOT | NOTES;
/// No thread's own stack can hold that many calls; or the depths that fit into a place.
const MAX_DEPTH: usize = if Place::MAX_DEPTH < FIRST << SEGMENTS { Place::MAX_DEPTH } else { FIRST << SEGMENTS };

/// One open call.
#[derive(Debug)]
pub(crate) struct Frame {
    node: AtomicPtr<Node>,
    /// The caller's node. It may differ from that of the frame before, because count-only calls
    /// have no frame.
    below: AtomicPtr<Node>,
    start: AtomicU64,
    cpu: AtomicU64,
    /// See [`Weights`].
    weights: AtomicU64,
    /// Of the call that is here, or was here last. Owner only.
    place: Cell<Place>,
    /// Owner only.
    tallies: Cell<Tallies>,
    /// Of a poll: identifies its future's call. Valid only with [`POLL`]. Owner only.
    future_call: Cell<u64>,
    /// The shared record in which the call is counted, if it is not counted in its node. Valid only
    /// with [`SHARED`]. Owner only.
    shared: Cell<Option<&'static SharedSite>>,
}

// SAFETY: null pointers and zeros are valid values, and there is no destructor.
unsafe impl Zeroed for Frame {}
// SAFETY: everything that other threads read is atomic. The cells are accessed by the owner only.
unsafe impl Sync for Frame {}

/// What a frame is of.
#[derive(Clone, Copy)]
pub(in crate::record) enum Kind {
    Call,
    /// One poll of a future.
    Poll,
}

impl Kind {
    #[inline(always)]
    const fn plain(self) -> u64 {
        match self {
            Self::Call => Weights::PLAIN,
            Self::Poll => Weights::PLAIN_POLL,
        }
    }
}

/// The weight of a call, 0 if it is count-only; and that of its CPU figure, with bits beside it.
#[derive(Clone, Copy)]
struct Weights {
    call: u32,
    cpu: u32,
}

impl Weights {
    /// Of a call that stands for itself, with an offset of the CPU clock.
    const PLAIN: u64 = Self { call: 1, cpu: 1 }.packed();
    const PLAIN_POLL: u64 = Self { call: 1, cpu: 1 | POLL }.packed();

    /// One word.
    // PERF: the plain ones are 1, which fits into an instruction.
    const fn packed(self) -> u64 {
        ((self.cpu ^ 1) as u64) << 32 | self.call as u64
    }

    #[inline]
    const fn of(word: u64) -> Self {
        Self { call: word as u32, cpu: (word >> 32) as u32 ^ 1 }
    }
}

impl Frame {
    const fn new() -> Self {
        Self {
            node: AtomicPtr::new(ptr::null_mut()),
            below: AtomicPtr::new(ptr::null_mut()),
            start: AtomicU64::new(0),
            cpu: AtomicU64::new(0),
            weights: AtomicU64::new(Weights { call: 0, cpu: 0 }.packed()),
            place: Cell::new(Place::NONE),
            tallies: Cell::new(Tallies::NONE),
            future_call: Cell::new(0),
            shared: Cell::new(None),
        }
    }

    #[inline]
    pub(crate) fn node(&self) -> Option<&'static Node> {
        // SAFETY: null, or a node in an arena, which is never freed.
        unsafe { self.node.load(Relaxed).as_ref() }
    }

    /// The node of the caller.
    #[inline]
    pub(crate) fn below(&self) -> Option<&'static Node> {
        // SAFETY: null, or a node in an arena, which is never freed.
        unsafe { self.below.load(Relaxed).as_ref() }
    }

    /// The weight of the call. 0 if it is count-only.
    #[inline]
    pub(crate) fn weight(&self) -> u32 {
        self.weights().call
    }

    #[inline]
    fn weights(&self) -> Weights {
        Weights::of(self.weights.load(Relaxed))
    }

    #[inline]
    fn set_weights(&self, weights: Weights) {
        self.weights.store(weights.packed(), Relaxed);
    }

    /// Owner only. One of the beginnings below completes it.
    #[inline]
    pub(in crate::record) fn open(
        &self,
        node: &'static Node,
        below: &'static Node,
        weight: u32,
        place: Place,
        tallies: Tallies,
    ) {
        self.open_as(node, below, Weights { call: weight, cpu: 1 }.packed(), place, tallies);
    }

    /// Owner only: as [`open`](Self::open), of a call or a poll of which nothing else is noted.
    #[inline(always)]
    pub(in crate::record) fn open_plain(
        &self,
        node: &'static Node,
        below: &'static Node,
        kind: Kind,
        place: Place,
        tallies: Tallies,
    ) {
        self.open_as(node, below, kind.plain(), place, tallies);
    }

    #[inline(always)]
    fn open_as(&self, node: &'static Node, below: &'static Node, weights: u64, place: Place, tallies: Tallies) {
        self.node.store(ptr::from_ref(node).cast_mut(), Relaxed);
        self.below.store(ptr::from_ref(below).cast_mut(), Relaxed);
        self.weights.store(weights, Relaxed);
        self.place.set(place);
        self.tallies.set(tallies);
    }

    /// Owner only: whether the frame still holds the call at `place`.
    #[inline]
    pub(in crate::record) fn is(&self, place: Place) -> bool {
        self.place.get() == place
    }

    /// Whether it is of this kind, stands for itself, began with an offset of the CPU clock, and
    /// nothing else is to be done at its end.
    #[inline(always)]
    pub(in crate::record) fn is_plain(&self, kind: Kind) -> bool {
        self.weights.load(Relaxed) == kind.plain()
    }

    /// Whether it is a call of this node.
    #[inline(always)]
    pub(in crate::record) fn is_of(&self, node: &'static Node) -> bool {
        ptr::eq(self.node.load(Relaxed), node)
    }

    /// Owner only.
    pub(in crate::record) fn place(&self) -> Place {
        self.place.get()
    }

    fn add_cpu_bit(&self, bit: u32) {
        let weights = self.weights();
        self.set_weights(Weights { cpu: weights.cpu | bit, ..weights });
    }

    /// Owner only: records that the thread was unwinding when the call began.
    pub(crate) fn note_panicking(&self) {
        self.add_cpu_bit(PANICKING);
    }

    /// Owner only.
    pub(crate) fn began_panicking(&self) -> bool {
        self.weights().cpu & PANICKING != 0
    }

    /// Owner only, after the beginning: it is a call of a root.
    pub(in crate::record) fn note_root(&self) {
        self.add_cpu_bit(ROOT);
    }

    /// Owner only.
    pub(in crate::record) fn is_root(&self) -> bool {
        self.weights().cpu & ROOT != 0
    }

    /// Owner only: marks it as one poll of a future, which is counted elsewhere. `call` is the same
    /// for all polls of the future, and 0 if it is unknown.
    pub(crate) fn note_poll(&self, call: u64) {
        self.add_cpu_bit(POLL);
        self.set_future_call(call);
    }

    /// Owner only, of a poll: see [`note_poll`](Self::note_poll).
    #[inline(always)]
    pub(in crate::record) fn set_future_call(&self, call: u64) {
        self.future_call.set(call);
    }

    /// Owner only: what identifies the future's call, if this is a poll.
    pub(in crate::record) fn future_call(&self) -> Option<u64> {
        self.is_poll().then(|| self.future_call.get())
    }

    /// Owner only.
    pub(crate) fn is_poll(&self) -> bool {
        self.weights().cpu & POLL != 0
    }

    /// Begins with an offset of the CPU clock.
    #[inline]
    pub(crate) fn begin(&self, start: u64, offset: u64) {
        self.set_times(start, offset, 1);
    }

    /// Moves the start of the same call to these ticks.
    pub(crate) fn begin_again(&self, start: u64) {
        self.start.store(start, Relaxed);
    }

    /// Begins with the kernel's answer, which has this weight. With weight 0, the kernel was not
    /// asked.
    pub(crate) fn begin_asked(&self, start: u64, cpu_ns: u64, cpu_weight: u32) {
        self.set_times(start, cpu_ns, cpu_weight | ASKED);
    }

    /// Owner only, after the beginning: the call is counted in `shared`, not in the frame's node.
    pub(in crate::record) fn count_in(&self, shared: &'static SharedSite) {
        self.shared.set(Some(shared));
        self.add_cpu_bit(SHARED);
    }

    /// Whether the call is counted in a shared record.
    pub(crate) fn is_shared(&self) -> bool {
        self.weights().cpu & SHARED != 0
    }

    /// Owner only: the shared record in which the call is counted, if it is not counted in its
    /// node.
    pub(in crate::record) fn shared(&self) -> Option<&'static SharedSite> {
        if self.is_shared() { self.shared.get() } else { None }
    }

    /// Begins a count-only call.
    pub(crate) fn begin_untimed(&self) {
        self.set_times(0, 0, 0);
    }

    #[inline]
    fn set_times(&self, start: u64, cpu: u64, cpu_weight: u32) {
        self.start.store(start, Relaxed);
        self.cpu.store(cpu, Relaxed);
        if cpu_weight != 1 {
            let weights = self.weights();
            self.set_weights(Weights { cpu: weights.cpu & (SHARED | NOTES) | cpu_weight, ..weights });
        }
    }

    /// Begins with a clock that asks the kernel, but without asking it.
    #[inline]
    pub(crate) fn begin_unasked(&self, start: u64) {
        self.set_times(start, 0, ASKED);
    }

    /// Whether it began with an offset.
    #[inline]
    pub(crate) fn has_offset(&self) -> bool {
        self.weights().cpu & !NOTES == 1
    }

    /// Whether it began without asking the kernel.
    #[inline]
    pub(crate) fn is_unasked(&self) -> bool {
        self.weights().cpu & !NOTES == ASKED
    }

    /// The weight of the CPU figure. 0 if none is taken.
    #[inline]
    pub(crate) fn cpu_weight(&self) -> u32 {
        self.weights().cpu & !CPU_BITS
    }

    /// Whether `cpu` is the kernel's answer in nanoseconds, not an offset.
    #[inline]
    pub(crate) fn cpu_asked(&self) -> bool {
        self.weights().cpu & ASKED != 0
    }

    /// In ticks. 0 if the call is count-only.
    #[inline]
    pub(crate) fn start(&self) -> u64 {
        self.start.load(Relaxed)
    }

    /// The offset from ticks to CPU time at the start, or, with the `syscall` clock, the thread's
    /// CPU time in nanoseconds.
    #[inline]
    pub(crate) fn cpu(&self) -> u64 {
        self.cpu.load(Relaxed)
    }

    /// Owner only: the allocations since the call began. `None` if nothing was allocated or freed.
    #[inline]
    pub(crate) fn tallies(&self) -> Option<Tallies> {
        let (start, now) = (self.tallies.get(), Tallies::now());
        now.differs(&start).then(|| now.since(&start))
    }

    /// Owner only: whether anything was allocated or freed since the call began.
    #[inline(always)]
    pub(in crate::record) fn has_tallies(&self, here: Here) -> bool {
        // SAFETY: only the owner comes here, so nothing writes to the cell meanwhile.
        here.differs(unsafe { &*self.tallies.as_ptr() })
    }
}

/// A stack of frames. Frame 0 represents the thread itself, below all calls, and is never used.
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

    /// Owner only: the frame at `depth`, if it is one of the first ones.
    #[inline]
    pub(crate) fn near(&self, depth: usize) -> Option<&Frame> {
        self.first.get(depth)
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
        // SAFETY: a segment pointer is null, or points to `FIRST << segment` frames in an arena.
        // `offset` is less than that.
        (!base.is_null()).then(|| unsafe { &*base.add(offset) })
    }

    /// Owner only: the frame at `depth`. Its segment is made if necessary.
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

/// The segment and the offset of a frame beyond the first ones.
fn place(depth: usize) -> Option<(usize, usize)> {
    if depth >= MAX_DEPTH {
        return None;
    }
    let segment = (depth / FIRST).ilog2() as usize;
    Some((segment, depth - (FIRST << segment)))
}

/// CPU ticks of a call: the offset decreases by the time for which the thread was off the CPU.
#[inline]
pub(in crate::record) fn on_cpu(wall: i64, offset_before: u64, offset: u64) -> i64 {
    let off = offset_before.wrapping_sub(offset) as i64;
    // PERF: as nearly always.
    if off == 0 {
        return wall;
    }
    let cpu = wall.wrapping_sub(off);
    // If it was off the CPU for longer than the call, there was no CPU time.
    if off > 0 && cpu < 0 { wall.min(0) } else { cpu }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg_attr(miri, ignore = "millions of steps, and nothing unsafe")]
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
