//! The slowest calls of one root in one window, and the slowest of those that failed.

use crate::base::atomic::{AtomicU64, Ordering::AcqRel, Ordering::Acquire, Ordering::Relaxed, size};
use crate::record::store::trail::{BLOCK_BITS, Read, Trail};

/// The number of calls of each kind.
pub(crate) const KEPT: usize = size(8, 1);
/// Attempts to read a call that is replaced meanwhile.
const TRIES: usize = 8;

/// A call as one word: its duration, a part of its window's number, and the number of its trail. 0
/// if there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Word(u64);

const TAG_BITS: u32 = 11;
/// The number of tags, of which 0 is none.
const TAGS: u64 = (1 << TAG_BITS) - 1;
const LOW_BITS: u32 = TAG_BITS + BLOCK_BITS;
/// Durations of up to nine minutes are exact, and longer ones to the microsecond.
const EXACT_NS: u64 = 1 << 39;

impl Word {
    const NONE: Self = Self(0);

    fn new(ns: u64, window: u64, trail: u32) -> Self {
        let rank = if ns < EXACT_NS { ns } else { EXACT_NS + ((ns - EXACT_NS) >> 10).min(EXACT_NS - 1) };
        // The window's tag is never 0, so that the word is not.
        Self(rank << LOW_BITS | tag(window) << BLOCK_BITS | u64::from(trail))
    }

    /// Its rank among the calls of this window: its duration and 1. 0 if it is an earlier one's, or
    /// none at all. One of a later window is above all.
    fn rank(self, window: u64) -> u64 {
        let of = (self.0 >> BLOCK_BITS) & ((1 << TAG_BITS) - 1);
        match (of + TAGS - tag(window)) % TAGS {
            _ if self == Self::NONE => 0,
            0 => (self.0 >> LOW_BITS) + 1,
            later if later < TAGS / 2 => u64::MAX,
            _ => 0,
        }
    }

    fn trail(self) -> u32 {
        (self.0 & ((1 << BLOCK_BITS) - 1)) as u32
    }
}

fn tag(window: u64) -> u64 {
    window % TAGS + 1
}

/// The calls of one kind. They are replaced one by one, always the least one, by a greater one: so
/// the greatest remain, whatever threads do at the same time.
#[derive(Debug)]
#[repr(align(64))]
struct Places([AtomicU64; KEPT]);

impl Places {
    const fn new() -> Self {
        Self([const { AtomicU64::new(0) }; KEPT])
    }

    /// The place of the least one.
    fn least(&self, window: u64) -> (&AtomicU64, Word) {
        let mut least = (&self.0[0], Word(self.0[0].load(Acquire)));
        for place in &self.0[1..] {
            let word = Word(place.load(Acquire));
            if word.rank(window) < least.1.rank(window) {
                least = (place, word);
            }
        }
        least
    }

    fn takes(&self, word: Word, window: u64) -> bool {
        self.least(window).1.rank(window) < word.rank(window)
    }

    /// Keeps it, or releases it.
    fn offer(&self, word: Word, window: u64) {
        loop {
            let (place, least) = self.least(window);
            if least.rank(window) >= word.rank(window) {
                return Trail::release(word.trail());
            }
            if place.compare_exchange(least.0, word.0, AcqRel, Acquire).is_ok() {
                return release(least);
            }
        }
    }

    /// Removes what is there while `is_so`, which is asked after each look.
    fn clear(&self, is_so: impl Fn() -> bool) {
        for place in &self.0 {
            let word = Word(place.load(Acquire));
            if word != Word::NONE && is_so() && place.compare_exchange(word.0, 0, AcqRel, Acquire).is_ok() {
                release(word);
            }
        }
    }

    fn read(&self, window: u64, into: &mut Vec<Read>) {
        for place in &self.0 {
            let read = (0..TRIES).find_map(|_| {
                let word = Word(place.load(Acquire));
                if matches!(word.rank(window), 0 | u64::MAX) {
                    return Some(None);
                }
                Trail::read(word.trail(), || place.load(Relaxed) == word.0).map(Some)
            });
            into.extend(read.flatten());
        }
    }
}

fn release(word: Word) {
    if word != Word::NONE {
        Trail::release(word.trail());
    }
}

/// The calls of one window.
#[derive(Debug)]
pub(super) struct Bank {
    /// The number of the window.
    window: AtomicU64,
    slowest: Places,
    failed: Places,
}

/// Which lists would take a call.
#[derive(Clone, Copy, Debug)]
pub(in crate::record) struct Wanted {
    slowest: bool,
    failed: bool,
}

impl Wanted {
    pub(in crate::record) fn keepers(self) -> u32 {
        u32::from(self.slowest) + u32::from(self.failed)
    }
}

impl Bank {
    pub(super) const fn new() -> Self {
        Self { window: AtomicU64::new(0), slowest: Places::new(), failed: Places::new() }
    }

    /// Makes it that of this window, if it is not a later one's already.
    #[cold]
    fn turn_to(&self, window: u64) {
        let before = self.window.load(Acquire);
        if before < window {
            // Whoever comes later finds the window's number, or no longer finds what was read.
            let is_so = || self.window.load(Acquire) == before;
            self.slowest.clear(is_so);
            self.failed.clear(is_so);
            let _ = self.window.compare_exchange(before, window, AcqRel, Acquire);
        }
    }

    /// Which lists of the window would take a call of this duration.
    pub(super) fn wants(&self, ns: u64, is_failed: bool, window: u64) -> Wanted {
        if self.window.load(Acquire) < window {
            return Wanted { slowest: true, failed: is_failed };
        }
        let word = Word::new(ns, window, 0);
        Wanted { slowest: self.slowest.takes(word, window), failed: is_failed && self.failed.takes(word, window) }
    }

    /// Keeps a call where it is wanted. Its trail has a keeper for each list.
    pub(super) fn keep(&self, ns: u64, wanted: Wanted, window: u64, trail: Trail) {
        if self.window.load(Acquire) < window {
            self.turn_to(window);
        }
        let word = Word::new(ns, window, trail.number());
        if wanted.slowest {
            self.slowest.offer(word, window);
        }
        if wanted.failed {
            self.failed.offer(word, window);
        }
    }

    /// The slowest and those that failed, if they are of this window.
    pub(super) fn read(&self, window: u64, slowest: &mut Vec<Read>, failed: &mut Vec<Read>) {
        if self.window.load(Acquire) == window {
            self.slowest.read(window, slowest);
            self.failed.read(window, failed);
        }
    }

    /// Removes what is older than the window before this one.
    pub(super) fn forget_before(&self, window: u64) {
        let of = self.window.load(Acquire);
        if of + 1 < window {
            let is_so = || self.window.load(Acquire) == of;
            self.slowest.clear(is_so);
            self.failed.clear(is_so);
        }
    }

    /// Removes everything.
    pub(super) fn forget(&self) {
        self.slowest.clear(|| true);
        self.failed.clear(|| true);
    }

    /// Called in a forked child, which has no trails.
    pub(super) fn after_fork(&self) {
        let places = self.slowest.0.iter().chain(&self.failed.0);
        places.for_each(|place| place.store(0, Relaxed));
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.slowest.0.iter().chain(&self.failed.0).all(|place| place.load(Relaxed) == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_in_the_order_of_durations_and_windows() {
        let rank = |ns, window| Word::new(ns, window, 7).rank(5);
        assert!(rank(EXACT_NS - 1, 5) < rank(EXACT_NS, 5) && rank(EXACT_NS, 5) < rank(EXACT_NS + 1_024, 5));
        assert!(rank(0, 5) > 0 && rank(u64::MAX, 5) < u64::MAX);
        assert_eq!((rank(9, 3), rank(9, 7), Word::NONE.rank(5)), (0, u64::MAX, 0));
        assert_eq!(Word::new(u64::MAX, 5, 8_191).trail(), 8_191);
    }
}
