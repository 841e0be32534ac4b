//! Finished calls on their way into histograms.
//!
//! A cell's address depends on the counter that was just read, so writing it at the end of every
//! call would expose its cache miss. Instead, calls are appended here and written to their cells in
//! batches, where the misses overlap. Readers see both what is in the cells and what is still here,
//! consistently by a sequence count.
#![allow(unsafe_code)]

use std::ptr;
use std::thread;
use std::time::{Duration, Instant};

use super::counter::Counter;
use super::node::Node;
use super::sequence::Sequence;
use super::shard::SiteShard;
use crate::base::atomic::{AtomicPtr, AtomicU32, Ordering::Acquire, Ordering::Relaxed, Ordering::Release, size};
use crate::outcome::Outcome;

/// Calls in a batch.
const CAPACITY: usize = size(64, 2);
/// How long a reader waits for a flushing thread, which may have been preempted in the middle,
/// before it gives up.
const PATIENCE: Duration = Duration::from_millis(200);

/// One finished call. Times are in ticks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Finished {
    pub(crate) shard: &'static SiteShard,
    pub(crate) wall: i64,
    pub(crate) cpu: i64,
    pub(crate) bytes: u64,
    /// The weight of the call.
    pub(crate) weight: u32,
    /// The weight of the CPU figure. 0 if there is none.
    pub(crate) cpu_weight: u32,
}

/// Which call ended, when, and how.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ended {
    pub(crate) node: &'static Node,
    /// In ticks.
    pub(crate) at: u64,
    pub(crate) outcome: Outcome,
}

#[derive(Debug)]
struct Entry {
    node: AtomicPtr<Node>,
    wall: Counter,
    /// See [`Ended::at`].
    end: Counter,
    /// The outcome, from bit [`WEIGHT`] on the weight, and from bit [`CPU_WEIGHT`] on the weight of
    /// the CPU figure. Without weights it [is plain](is_plain), and the others are not valid.
    weights: Counter,
    cpu: Counter,
    bytes: Counter,
}

/// What a reader saw of an entry, which it believes once nothing changed meanwhile.
#[derive(Clone, Copy)]
struct Words {
    node: *const Node,
    wall: i64,
    weights: u64,
    cpu: i64,
    bytes: u64,
}

const WEIGHT: u32 = 8;
const CPU_WEIGHT: u32 = 32;

/// Whether a call with these weights stands for itself, was on the CPU all of the time, and
/// allocated nothing.
#[inline(always)]
const fn is_plain(weights: u64) -> bool {
    weights < 1 << WEIGHT
}

/// The batch of one thread.
#[derive(Debug)]
pub(crate) struct Ring {
    /// Guards the entries, and the cells to which they are moved.
    sequence: Sequence,
    pending: AtomicU32,
    entries: [Entry; CAPACITY],
}

impl Entry {
    const fn new() -> Self {
        Self {
            node: AtomicPtr::new(ptr::null_mut()),
            wall: Counter::new(),
            end: Counter::new(),
            weights: Counter::new(),
            cpu: Counter::new(),
            bytes: Counter::new(),
        }
    }

    #[inline(always)]
    fn node(&self) -> Option<&'static Node> {
        // SAFETY: null, or a node in an arena, which is never freed.
        unsafe { self.node.load(Relaxed).as_ref() }
    }

    #[inline(always)]
    fn shard(&self) -> Option<&'static SiteShard> {
        self.node()?.shard()
    }

    /// Its time, if it is plain.
    #[inline(always)]
    fn plain(&self) -> Option<i64> {
        is_plain(self.weights.get()).then(|| self.wall.get_signed())
    }

    #[inline]
    fn read(&self, shard: &'static SiteShard) -> Finished {
        self.words(ptr::null()).of(shard)
    }

    #[inline]
    fn words(&self, node: *const Node) -> Words {
        let (wall, weights) = (self.wall.get_signed(), self.weights.get());
        // The others are not valid.
        let (cpu, bytes) = if is_plain(weights) { (wall, 0) } else { (self.cpu.get_signed(), self.bytes.get()) };
        Words { node, wall, weights, cpu, bytes }
    }

    fn ended(&self) -> Option<(Ended, Finished)> {
        let node = self.node()?;
        let outcome = Outcome::from_index(self.weights.get() as u8 as usize);
        Some((Ended { node, at: self.end.get(), outcome }, self.read(node.shard()?)))
    }
}

impl Words {
    #[inline]
    fn of(self, shard: &'static SiteShard) -> Finished {
        let Self { wall, weights, cpu, bytes, .. } = self;
        if is_plain(weights) {
            return Finished::plain(shard, wall);
        }
        let (weight, cpu_weight) = (weights as u32 >> WEIGHT, (weights >> CPU_WEIGHT) as u32);
        Finished { shard, wall, cpu, bytes, weight, cpu_weight }
    }

    /// # Safety
    /// They are those of an entry that was pending.
    unsafe fn shard(self) -> Option<&'static SiteShard> {
        // SAFETY: null, or a node in an arena, which is never freed. The caller saw that the owner
        // had finished with the entry.
        unsafe { self.node.as_ref() }?.shard()
    }
}

impl Finished {
    /// A call that stands for itself, was on the CPU all of the time, and allocated nothing.
    #[inline]
    pub(crate) fn plain(shard: &'static SiteShard, wall: i64) -> Self {
        Self { shard, wall, cpu: wall, bytes: 0, weight: 1, cpu_weight: 1 }
    }
}

impl Ring {
    pub(crate) fn new() -> Self {
        Self { sequence: Sequence::new(), pending: AtomicU32::new(0), entries: [const { Entry::new() }; CAPACITY] }
    }

    /// Owner only: as [`push`](Self::push), of [such a call](Finished::plain). If its node has no
    /// shard it is passed to nobody.
    // PERF: the node, whose shard is loaded when the ring is flushed.
    #[inline(always)]
    #[must_use]
    pub(crate) fn push_plain(&self, ended: Ended, wall: i64) -> bool {
        let at = self.pending.load(Relaxed) as usize;
        // PERF: it is less than that, which is a power of two.
        let entry = &self.entries[at % CAPACITY];
        entry.node.store(ptr::from_ref(ended.node).cast_mut(), Relaxed);
        entry.wall.set(wall as u64);
        entry.end.set(ended.at);
        entry.weights.set(ended.outcome.index() as u64);
        self.pending.store(at as u32 + 1, Release);
        at + 1 >= CAPACITY
    }

    /// Owner only: adds a call, with the readings of it. True if the ring is full and must be
    /// flushed.
    #[inline]
    #[must_use]
    pub(crate) fn push(&self, ended: Ended, finished: &Finished) -> bool {
        let at = self.pending.load(Relaxed) as usize;
        if let Some(entry) = self.entries.get(at) {
            entry.node.store(ptr::from_ref(ended.node).cast_mut(), Relaxed);
            entry.wall.set(finished.wall as u64);
            entry.end.set(ended.at);
            entry.cpu.set(finished.cpu as u64);
            entry.bytes.set(finished.bytes);
            let weights = u64::from(finished.cpu_weight) << CPU_WEIGHT | u64::from(finished.weight) << WEIGHT;
            entry.weights.set(weights | ended.outcome.index() as u64);
            self.pending.store(at as u32 + 1, Release);
        }
        at + 1 >= CAPACITY
    }

    /// Owner only: the number of calls in the ring.
    pub(crate) fn pending(&self) -> usize {
        self.pending.load(Relaxed) as usize
    }

    /// Owner only: the pending calls from this one on.
    pub(crate) fn ended_since(&self, from: usize) -> impl Iterator<Item = (Ended, Finished)> {
        let pending = self.pending().min(CAPACITY);
        self.entries[from.min(pending)..pending].iter().filter_map(Entry::ended)
    }

    /// Owner only. Passes every pending call to `sink` and empties the ring. Of a plain one only
    /// the time is passed to `plain`; false: it goes to `sink` too.
    #[inline(always)]
    pub(crate) fn flush(&self, mut plain: impl FnMut(&'static SiteShard, i64) -> bool, mut sink: impl FnMut(Finished)) {
        self.sequence.write(|| {
            let pending = (self.pending.load(Relaxed) as usize).min(CAPACITY);
            for entry in &self.entries[..pending] {
                let Some(shard) = entry.shard() else { continue };
                if !entry.plain().is_some_and(|wall| plain(shard, wall)) {
                    sink(entry.read(shard));
                }
            }
            self.pending.store(0, Relaxed);
        });
    }

    /// Reader: the pending calls, with the sequence number under which they were read. `None` if
    /// the owner was flushing all the time.
    pub(crate) fn read(&self, into: &mut Vec<Finished>) -> Option<u32> {
        self.read_those(|_| true, into)
    }

    /// As [`read`](Self::read), of one shard only.
    pub(crate) fn read_of(&self, shard: &SiteShard, into: &mut Vec<Finished>) -> Option<u32> {
        self.read_those(|other| ptr::eq(other, shard), into)
    }

    /// As [`read_of`](Self::read_of), at once: `None` when the owner was flushing.
    pub(crate) fn read_of_at_once(&self, shard: &SiteShard, into: &mut Vec<Finished>) -> Option<u32> {
        self.read_once(|other| ptr::eq(other, shard), into)
    }

    fn read_those(&self, are_meant: impl Fn(&SiteShard) -> bool, into: &mut Vec<Finished>) -> Option<u32> {
        let mut first_look = None;
        for look in 1u32.. {
            if let Some(sequence) = self.read_once(&are_meant, into) {
                return Some(sequence);
            }
            if look < 100 {
                std::hint::spin_loop();
            } else if first_look.get_or_insert_with(Instant::now).elapsed() < PATIENCE {
                thread::sleep(Duration::from_micros(50));
            } else {
                break;
            }
        }
        into.clear();
        None
    }

    /// As [`read`](Self::read), at once: `None` when the owner was flushing.
    pub(super) fn read_once(&self, are_meant: impl Fn(&SiteShard) -> bool, into: &mut Vec<Finished>) -> Option<u32> {
        into.clear();
        let sequence = self.sequence.begin()?;
        let pending = (self.pending.load(Acquire) as usize).min(CAPACITY);
        for entry in &self.entries[..pending] {
            let words = entry.words(entry.node.load(Relaxed));
            // Before its node is looked at: that of an entry that is used again may not be visible
            // here yet.
            if !self.unchanged(sequence) {
                return None;
            }
            // SAFETY: `pending` counted the entry, and it was not used again meanwhile.
            if let Some(shard) = unsafe { words.shard() }.filter(|shard| are_meant(shard)) {
                into.push(words.of(shard));
            }
        }
        self.unchanged(sequence).then_some(sequence)
    }

    /// Reader: whether cells and entries read since `sequence` belong together.
    pub(crate) fn unchanged(&self, sequence: u32) -> bool {
        self.sequence.unchanged(sequence)
    }
}
