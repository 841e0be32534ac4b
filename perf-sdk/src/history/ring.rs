//! Entries of bytes by interval, in a fixed number of bytes: the oldest go.
//!
//! An entry is whole: one that does not fit before the end stands at the beginning. Each has a head
//! of its interval's number and its length.

use super::memory::Slab;

const HEAD: usize = 8;
/// In the place of a length: the next entry is at the beginning.
const SKIP: u32 = u32::MAX;

#[derive(Debug)]
pub(super) struct Ring {
    bytes: Slab<u8>,
    /// The oldest entry, and the end of the latest one.
    first: usize,
    end: usize,
    entries: u32,
    /// The number of the interval of the latest entry.
    latest: u32,
}

impl Ring {
    pub(super) fn new(bytes: usize) -> Option<Self> {
        Some(Self { bytes: Slab::new(bytes)?, first: 0, end: 0, entries: 0, latest: 0 })
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes.bytes()
    }

    /// Bytes of an entry, at most: four fit at least.
    pub(super) fn longest(&self) -> usize {
        self.bytes.len() / 4 - HEAD
    }

    fn word(&self, at: usize) -> u32 {
        let mut word = [0; 4];
        word.copy_from_slice(&self.bytes[at..at + 4]);
        u32::from_le_bytes(word)
    }

    fn set_word(&mut self, at: usize, word: u32) {
        self.bytes[at..at + 4].copy_from_slice(&word.to_le_bytes());
    }

    /// Where the entry at or behind this place begins.
    fn settled(&self, at: usize) -> usize {
        let is_end = at + HEAD > self.bytes.len() || self.word(at + 4) == SKIP;
        if is_end { 0 } else { at }
    }

    /// The number of the oldest entry's interval.
    pub(super) fn start(&self) -> Option<u32> {
        (self.entries > 0).then(|| self.word(self.settled(self.first)))
    }

    /// The number of the interval after the latest one.
    pub(super) fn end(&self) -> u32 {
        if self.entries == 0 { 0 } else { self.latest + 1 }
    }

    fn drop_first(&mut self) {
        let at = self.settled(self.first);
        self.first = at + HEAD + self.word(at + 4) as usize;
        self.entries -= 1;
        if self.entries == 0 {
            (self.first, self.end) = (0, 0);
        }
    }

    /// Drops the entries of earlier intervals.
    pub(super) fn expire(&mut self, before: u32) {
        while self.start().is_some_and(|start| start < before) {
            self.drop_first();
        }
    }

    /// Appends the entry of an interval. Returns how many of the oldest went for it, or `None` if
    /// it is too long, or not later than the latest.
    pub(super) fn push(&mut self, index: u32, entry: &[u8]) -> Option<u32> {
        if entry.len() > self.longest() || index < self.end() || index == u32::MAX {
            return None;
        }
        let length = HEAD + entry.len();
        let mut dropped = 0;
        let at = loop {
            // Between the end and the first entry it is free; or, where the end is behind the first
            // entry, from the end to the end of the memory, and before the first entry.
            let is_wrapped = self.entries > 0 && self.end <= self.first;
            let room = if is_wrapped { self.first - self.end } else { self.bytes.len() - self.end };
            if length <= room {
                break self.end;
            }
            if !is_wrapped && length <= self.first {
                if self.end + HEAD <= self.bytes.len() {
                    self.set_word(self.end + 4, SKIP);
                }
                break 0;
            }
            self.drop_first();
            dropped += 1;
        };
        self.set_word(at, index);
        self.set_word(at + 4, entry.len() as u32);
        self.bytes[at + HEAD..at + length].copy_from_slice(entry);
        (self.end, self.latest) = (at + length, index);
        self.entries += 1;
        Some(dropped)
    }

    /// Drops the entries of intervals from this one on.
    pub(super) fn cut(&mut self, from: u32) {
        let (mut at, mut kept) = (self.first, 0);
        while kept < self.entries {
            let settled = self.settled(at);
            let index = self.word(settled);
            if index >= from {
                break;
            }
            (at, self.latest) = (settled + HEAD + self.word(settled + 4) as usize, index);
            kept += 1;
        }
        self.entries = kept;
        self.end = at;
        if kept == 0 {
            (self.first, self.end) = (0, 0);
        }
    }

    /// The entries of the intervals `[from, to)`, oldest first.
    pub(super) fn entries(&self, from: u32, to: u32) -> impl Iterator<Item = (u32, &[u8])> {
        let (mut at, mut left) = (self.first, self.entries);
        let all = std::iter::from_fn(move || {
            left = left.checked_sub(1)?;
            let start = self.settled(at);
            let length = self.word(start + 4) as usize;
            at = start + HEAD + length;
            Some((self.word(start), &self.bytes[start + HEAD..at]))
        });
        all.skip_while(move |(index, _)| *index < from).take_while(move |(index, _)| *index < to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;

    #[test]
    fn the_latest_entries_are_there_whole() {
        let mut ring = Ring::new(4_096).unwrap();
        let mut expected: VecDeque<(u32, Vec<u8>)> = VecDeque::new();
        let mut random = 0x9e37_79b9_7f4a_7c15_u64;
        let mut index = 7;
        for round in 0..20_000 {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            let length = random as usize % if round % 100 < 50 { 40 } else { ring.longest() + 1 };
            let entry = vec![random as u8; length];
            index += 1 + (random >> 60) as u32 / 8;
            let dropped = ring.push(index, &entry).unwrap();
            expected.push_back((index, entry));
            expected.drain(..dropped as usize);
            assert!(!expected.is_empty() && ring.end() == index + 1);
            if round % 37 == 0 {
                let from = expected[expected.len() / 2].0 + 1;
                ring.cut(from);
                expected.retain(|(index, _)| *index < from);
                index = expected.back().unwrap().0;
            }
            if round % 41 == 0 {
                let before = expected[expected.len() / 2].0;
                ring.expire(before);
                expected.retain(|(index, _)| *index >= before);
            }
            let (from, to) = (expected[0].0 + 1, index);
            let seen =
                |from, to| ring.entries(from, to).map(|(index, entry)| (index, entry.to_vec())).collect::<Vec<_>>();
            assert_eq!(seen(0, u32::MAX), expected.iter().cloned().collect::<Vec<_>>());
            let within = expected.iter().filter(|(index, _)| (from..to).contains(index));
            assert_eq!(seen(from, to), within.cloned().collect::<Vec<_>>());
        }
        assert_eq!(ring.push(index, &[]), None, "not later");
        assert_eq!(ring.push(index + 1, &vec![0; ring.longest() + 1]), None, "too long");
        ring.cut(0);
        assert_eq!((ring.start(), ring.end(), ring.entries(0, u32::MAX).count()), (None, 0, 0));
    }
}
