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
use super::sequence::Sequence;
use super::shard::SiteShard;
use crate::base::atomic::{AtomicPtr, AtomicU32, Ordering::Acquire, Ordering::Relaxed, Ordering::Release, size};

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

#[derive(Debug)]
struct Entry {
    shard: AtomicPtr<SiteShard>,
    wall: Counter,
    /// The weight, and from bit 32 on the weight of the CPU figure. [`PLAIN`]: the others are not
    /// valid.
    weights: Counter,
    cpu: Counter,
    bytes: Counter,
}

/// Stands for itself, was on the CPU all of the time, and allocated nothing.
const PLAIN: u64 = 0;

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
            shard: AtomicPtr::new(ptr::null_mut()),
            wall: Counter::new(),
            weights: Counter::new(),
            cpu: Counter::new(),
            bytes: Counter::new(),
        }
    }

    #[inline(always)]
    fn shard(&self) -> Option<&'static SiteShard> {
        // SAFETY: null, or a shard in an arena, which is never freed.
        unsafe { self.shard.load(Relaxed).as_ref() }
    }

    /// Its time, if it is plain.
    #[inline(always)]
    fn plain(&self) -> Option<i64> {
        (self.weights.get() == PLAIN).then(|| self.wall.get_signed())
    }

    #[inline]
    fn read(&self, shard: &'static SiteShard) -> Finished {
        let weights = self.weights.get();
        if weights == PLAIN {
            return Finished::plain(shard, self.wall.get_signed());
        }
        Finished {
            shard,
            wall: self.wall.get_signed(),
            cpu: self.cpu.get_signed(),
            bytes: self.bytes.get(),
            weight: weights as u32,
            cpu_weight: (weights >> 32) as u32,
        }
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

    /// Owner only: as [`push`](Self::push), of [such a call](Finished::plain). Without a shard it
    /// is passed to nobody.
    // PERF: an `Option`, which is stored as it is. Whoever reads it asks anyway.
    #[inline(always)]
    #[must_use]
    pub(crate) fn push_plain(&self, shard: Option<&'static SiteShard>, wall: i64) -> bool {
        let at = self.pending.load(Relaxed) as usize;
        // PERF: it is less than that, which is a power of two.
        let entry = &self.entries[at % CAPACITY];
        entry.shard.store(shard.map_or(ptr::null_mut(), |shard| ptr::from_ref(shard).cast_mut()), Relaxed);
        entry.wall.set(wall as u64);
        entry.weights.set(PLAIN);
        self.pending.store(at as u32 + 1, Release);
        at + 1 >= CAPACITY
    }

    /// Owner only. True if the ring is full and must be flushed.
    #[inline]
    #[must_use]
    pub(crate) fn push(&self, finished: &Finished) -> bool {
        let at = self.pending.load(Relaxed) as usize;
        if let Some(entry) = self.entries.get(at) {
            entry.shard.store(ptr::from_ref(finished.shard).cast_mut(), Relaxed);
            entry.wall.set(finished.wall as u64);
            entry.cpu.set(finished.cpu as u64);
            entry.bytes.set(finished.bytes);
            entry.weights.set(u64::from(finished.cpu_weight) << 32 | u64::from(finished.weight));
            self.pending.store(at as u32 + 1, Release);
        }
        at + 1 >= CAPACITY
    }

    /// Owner only: the number of calls in the ring.
    pub(crate) fn pending(&self) -> usize {
        self.pending.load(Relaxed) as usize
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
        let pending = self.pending.load(Acquire) as usize;
        let meant = |entry: &Entry| entry.shard().filter(|shard| are_meant(shard));
        into.extend(self.entries.iter().take(pending).filter_map(|entry| Some(entry.read(meant(entry)?))));
        self.unchanged(sequence).then_some(sequence)
    }

    /// Reader: whether cells and entries read since `sequence` belong together.
    pub(crate) fn unchanged(&self, sequence: u32) -> bool {
        self.sequence.unchanged(sequence)
    }
}
