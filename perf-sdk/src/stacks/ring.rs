//! The samples of one thread: written by its signal handler, read by the sampler.

#![allow(unsafe_code)]

use std::ptr;

use super::sample::{Facts, Sample};
use crate::base::atomic::{
    AtomicPtr, AtomicU64, AtomicUsize, Ordering::Acquire, Ordering::Relaxed, Ordering::Release, size,
};
use crate::base::footprint::{self, Part};
use crate::base::pages::Pages;

/// Most frames of a sample; what lies further out is cut off.
pub(super) const MAX_FRAMES: usize = size(256, 1);
/// The number of 64-bit words before a sample's frames: its length with flags, time, scope, labels
/// and weight.
const HEADER: usize = 5;
/// The number of words after them, for a sample within a span.
const SPAN: usize = 3;
/// The size of a ring while few threads are sampled, and while many are.
pub(super) const LARGE_WORDS: usize = 1 << 13;
pub(super) const SMALL_WORDS: usize = 1 << 11;
/// The number of words of a sample of typical depth.
pub(super) const USUAL_WORDS: usize = 68;

const CUT: u64 = 1 << 16;
const LEAF_ONLY: u64 = 1 << 17;
const IN_SPAN: u64 = 1 << 18;
const WALL: u64 = 1 << 19;

/// A lock-free ring of words, with one writer and one reader. Without memory it accepts nothing.
#[derive(Debug)]
pub(super) struct Ring {
    /// Null if it has no memory.
    words: AtomicPtr<AtomicU64>,
    /// The number of words, a power of two.
    count: AtomicUsize,
    /// The numbers of words ever written and read.
    written: AtomicU64,
    read: AtomicU64,
}

/// The memory of a ring.
#[derive(Debug)]
pub(super) struct Words(Pages, usize);

impl Words {
    /// `None` if there is no memory for it, or the memory limit is reached.
    pub(super) fn new(count: usize) -> Option<Self> {
        let bytes = count * size_of::<u64>();
        if !footprint::take(Part::Stacks, bytes as u64) {
            return None;
        }
        let pages = Pages::new(bytes);
        if pages.is_none() {
            footprint::give(Part::Stacks, bytes as u64);
        }
        Some(Self(pages?, count))
    }

    pub(super) fn count(&self) -> usize {
        self.1
    }
}

impl Drop for Words {
    fn drop(&mut self) {
        footprint::give(Part::Stacks, (self.1 * size_of::<u64>()) as u64);
    }
}

/// A sample that is being written.
pub(super) struct Open<'a> {
    ring: &'a Ring,
    words: &'a [AtomicU64],
    start: u64,
    frames: usize,
}

impl Ring {
    pub(super) fn new() -> Self {
        Self {
            words: AtomicPtr::new(ptr::null_mut()),
            count: AtomicUsize::new(0),
            written: AtomicU64::new(0),
            read: AtomicU64::new(0),
        }
    }

    /// Empties the ring and gives it this memory. No writer may be active.
    ///
    /// # Safety
    /// `words` live until other words are attached, or [`detach`](Self::detach) was called.
    pub(super) unsafe fn attach(&self, words: &Words) {
        self.detach();
        self.count.store(words.1, Relaxed);
        self.words.store(words.0.start().as_ptr().cast(), Release);
    }

    /// Removes the ring's memory. No writer may be active.
    pub(super) fn detach(&self) {
        self.words.store(ptr::null_mut(), Release);
        self.clear();
    }

    /// `None` if it has no memory.
    fn words(&self) -> Option<&[AtomicU64]> {
        let words = ptr::NonNull::new(self.words.load(Acquire))?;
        // SAFETY: attached with this count. They live until they are detached, which never happens
        // while a writer is active. Any bytes are valid numbers.
        Some(unsafe { std::slice::from_raw_parts(words.as_ptr(), self.count.load(Relaxed)) })
    }

    /// Writer only: begins a sample, if there is room for the longest one.
    pub(super) fn open(&self) -> Option<Open<'_>> {
        let words = self.words()?;
        let start = self.written.load(Relaxed);
        let used = start.wrapping_sub(self.read.load(Acquire)) as usize;
        let fits = used.saturating_add(HEADER + MAX_FRAMES + SPAN) <= words.len();
        fits.then_some(Open { ring: self, words, start, frames: 0 })
    }

    /// Reader only: discards everything that was not read.
    pub(super) fn clear(&self) {
        self.read.store(self.written.load(Acquire), Release);
    }

    /// Reader only: reads the oldest sample into `sample`.
    pub(super) fn take(&self, sample: &mut Sample) -> bool {
        let (start, end) = (self.read.load(Relaxed), self.written.load(Acquire));
        if start >= end {
            return false;
        }
        let Some(words) = self.words() else { return false };
        let header = |at: usize| word(words, start + at as u64).load(Relaxed);
        let first = header(0);
        let frames = ((first & 0xffff) as usize).min(MAX_FRAMES);
        let is = |flag: u64| first & flag != 0;
        let behind = HEADER + frames;
        sample.facts = Facts {
            is_cut: is(CUT),
            is_leaf_only: is(LEAF_ONLY),
            is_wall: is(WALL),
            at: header(1),
            scope: header(2),
            labels: header(3),
            weight_ns: header(4),
            span: is(IN_SPAN).then(|| [header(behind), header(behind + 1), header(behind + 2)]),
        };
        sample.frames.clear();
        sample.frames.extend((0..frames).map(|frame| header(HEADER + frame)));
        self.read.store(start + length(frames, sample.facts.span.is_some()), Release);
        true
    }
}

impl Open<'_> {
    /// `false` if there is no room for another frame.
    #[inline]
    pub(super) fn push(&mut self, frame: u64) -> bool {
        if self.frames == MAX_FRAMES {
            return false;
        }
        word(self.words, self.start + (HEADER + self.frames) as u64).store(frame, Relaxed);
        self.frames += 1;
        true
    }

    /// Makes the sample visible to the reader.
    pub(super) fn finish(self, facts: &Facts) {
        let flag = |is: bool, flag: u64| if is { flag } else { 0 };
        let flags = flag(facts.is_cut, CUT)
            | flag(facts.is_leaf_only, LEAF_ONLY)
            | flag(facts.is_wall, WALL)
            | flag(facts.span.is_some(), IN_SPAN);
        let header = [self.frames as u64 | flags, facts.at, facts.scope, facts.labels, facts.weight_ns];
        for (at, value) in (0..).zip(header) {
            word(self.words, self.start + at).store(value, Relaxed);
        }
        for (at, value) in (HEADER + self.frames..).zip(facts.span.into_iter().flatten()) {
            word(self.words, self.start + at as u64).store(value, Relaxed);
        }
        self.ring.written.store(self.start + length(self.frames, facts.span.is_some()), Release);
    }
}

fn word(words: &[AtomicU64], at: u64) -> &AtomicU64 {
    &words[at as usize % words.len()]
}

/// The number of words of a sample.
fn length(frames: usize, is_in_span: bool) -> u64 {
    (HEADER + frames + if is_in_span { SPAN } else { 0 }) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A ring with its memory.
    fn ring() -> (Ring, Words) {
        let (ring, words) = (Ring::new(), Words::new(LARGE_WORDS).unwrap());
        // SAFETY: the words live as long as the ring.
        unsafe { ring.attach(&words) };
        (ring, words)
    }

    fn sample(n: u64) -> Sample {
        let facts = Facts {
            is_cut: n.is_multiple_of(3),
            is_leaf_only: n.is_multiple_of(5),
            is_wall: n.is_multiple_of(7),
            labels: n * 13,
            at: n * 7,
            scope: n * 11,
            span: n.is_multiple_of(2).then_some([n, n + 1, n + 2]),
            weight_ns: n,
        };
        Sample { facts, frames: (0..n % (MAX_FRAMES as u64 + 1)).map(|frame| n ^ frame).collect() }
    }

    fn write(ring: &Ring, sample: &Sample) -> bool {
        let Some(mut open) = ring.open() else { return false };
        assert!(sample.frames.iter().all(|frame| open.push(*frame)));
        open.finish(&sample.facts);
        true
    }

    #[test]
    fn samples_are_read_whole_and_in_order() {
        const SAMPLES: u64 = if cfg!(miri) { 200 } else { 50_000 };
        let (ring, _words) = ring();
        std::thread::scope(|threads| {
            threads.spawn(|| {
                for n in 0..SAMPLES {
                    let sample = sample(n);
                    while !write(&ring, &sample) {
                        std::thread::yield_now();
                    }
                }
            });
            let (mut read, mut expected) = (Sample::default(), 0);
            while expected < SAMPLES {
                if ring.take(&mut read) {
                    assert_eq!(read, sample(expected));
                    expected += 1;
                }
            }
        });
    }

    #[test]
    fn a_full_ring_takes_no_more_until_it_is_read() {
        let (ring, _words) = ring();
        let mut written = 0;
        while write(&ring, &sample(256)) {
            written += 1;
        }
        // All have the same length, and there must be room for a longest one.
        assert_eq!(written, (LARGE_WORDS - SPAN - HEADER - MAX_FRAMES) / length(256, true) as usize + 1);
        let mut read = Sample::default();
        assert!(ring.take(&mut read) && write(&ring, &sample(256)) && !write(&ring, &sample(256)));
    }

    #[test]
    fn a_sample_that_is_not_finished_is_discarded() {
        let (ring, _words) = ring();
        assert!(ring.open().unwrap().push(1));
        assert!(!ring.take(&mut Sample::default()));
    }

    #[test]
    fn a_ring_without_memory_accepts_nothing() {
        let (ring, words) = ring();
        assert!(write(&ring, &sample(3)));
        ring.detach();
        assert!(!write(&ring, &sample(3)) && !ring.take(&mut Sample::default()));
        // SAFETY: the words live as long as the ring.
        unsafe { ring.attach(&words) };
        assert!(write(&ring, &sample(3)) && ring.take(&mut Sample::default()));
    }

    #[test]
    fn the_number_of_frames_is_limited() {
        let (ring, _words) = ring();
        let mut open = ring.open().unwrap();
        assert!((0..MAX_FRAMES as u64).all(|frame| open.push(frame)) && !open.push(0));
    }
}
