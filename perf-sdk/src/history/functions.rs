//! Differences of functions' histograms, by interval.
//!
//! Quantiles of a window are those of the sum of its differences, which is exact in the cells of a
//! [`Histogram`]: within 1.1 %. Each resolution has a ring of its own, and as many differences as
//! fit into it. The coarser ones are sums of the finer ones.
//!
//! An entry of a ring has all functions that were called in its interval, in the order of their
//! numbers: the number, the length (two bytes), and the cells. A length of 0 says that the function
//! was not watched.
//!
//! Some functions are read every 10 seconds. They have no part in the entries of single seconds,
//! and their differences are added to the entry of 10 seconds when it is made.

use super::blocks::{Blocks, NONE};
use super::identity::{BETWEEN, FunctionId};
use super::levels::{self, TIMES_LEVELS, TIMES_POINTS, TIMES_SECONDS};
use super::memory::{BODY, Block};
use super::ring::Ring;
use super::series::{STANDS_FOR, SeriesTable, TEN_STANDS_FOR};
use super::sparse;
use crate::histogram::{CELLS, Histogram, Scale};

/// Functions, at most.
pub(super) const MOST_FUNCTIONS: usize = 200;
/// Bytes of a function's name and module, at most.
pub(super) const LONGEST_NAME: usize = 1_000;
/// The shares of the levels in the memory for differences, in sixteenths.
const SHARES: [usize; TIMES_LEVELS] = [2, 3, 3, 3, 2, 3];
/// Bytes of an entry, at most.
const ENTRY: usize = 64 << 10;
/// Bytes of a round's parts, at most: with numbers and lengths they are an entry.
const PARTS: usize = ENTRY - 3 * MOST_FUNCTIONS;
/// Of a baseline: the cell's number, and its count modulo 2³².
const BASE: usize = 6;
const BASES: usize = BODY / BASE;
/// Of a function that is read every 10 seconds.
const NEVER: u32 = u32::MAX;

/// How often a function is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    Second,
    /// Once in 10 seconds, in the rounds of which `is_of_ten` is true.
    Ten,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    /// The list of blocks with name and module, or [`NONE`]: the place is free.
    name: u32,
    hash: u32,
    /// The hash of the name alone.
    named: u32,
    scale: Scale,
    /// The list of blocks with the histogram of the latest round.
    base: u32,
    base_count: u64,
    base_zero: u64,
    /// Earlier differences with its number are another function's.
    since: u32,
    /// When it was in a round. 0 is not yet, or before a gap.
    seen: u32,
    /// The first second that it has a part in, or [`NEVER`].
    fine_since: u32,
}

#[derive(Debug)]
pub(super) struct Functions {
    slots: Vec<Slot>,
    /// Where the next function of a round is, if it has the same order as the one before.
    guess: usize,
    /// Functions that were given a number since [`take_added`](Self::take_added).
    added: Vec<u8>,
    rings: [Ring; TIMES_LEVELS],
    /// The entry that is being made.
    entry: Vec<u8>,
    /// Where in `entry` each function's cells of this round are.
    parts: Vec<(u32, u32)>,
    /// The same of those that are read every 10 seconds, in bytes of their own. `None`: not
    /// watched.
    ten: Vec<u8>,
    ten_parts: Vec<Option<(u32, u32)>>,
    /// The interval of 10 seconds to which these belong.
    ten_index: u32,
    /// The cells of one histogram.
    cells: Vec<(u16, u64)>,
    /// Counts by cell, all 0 between uses.
    counts: Vec<u64>,
    /// The end of a baseline that is being written over.
    old: Vec<(u16, u32)>,
    /// One histogram in bits.
    written: Vec<u8>,
    /// The name and the module of one function.
    key: Vec<u8>,
}

impl Functions {
    pub(super) fn new(bytes: usize) -> Option<Self> {
        let ring = |level: usize| Ring::new((bytes.checked_sub(Self::SCRATCH)? / 16 * SHARES[level]) & !4_095);
        Some(Self {
            slots: Vec::with_capacity(MOST_FUNCTIONS),
            rings: [ring(0)?, ring(1)?, ring(2)?, ring(3)?, ring(4)?, ring(5)?],
            entry: Vec::with_capacity(PARTS + ENTRY),
            parts: vec![(0, 0); MOST_FUNCTIONS],
            ten: Vec::with_capacity(PARTS),
            ten_parts: vec![None; MOST_FUNCTIONS],
            ten_index: 0,
            guess: 0,
            added: Vec::with_capacity(MOST_FUNCTIONS),
            cells: Vec::with_capacity(CELLS),
            counts: vec![0; CELLS],
            old: Vec::with_capacity(CELLS),
            written: vec![0; sparse::LONGEST],
            key: Vec::with_capacity(LONGEST_NAME),
        })
    }

    const SCRATCH: usize =
        MOST_FUNCTIONS * (size_of::<Slot>() + 21) + 2 * PARTS + ENTRY + CELLS * 32 + sparse::LONGEST + LONGEST_NAME;

    /// All memory that it holds, but for names and baselines, which are in the blocks of the
    /// series.
    pub(super) fn bytes(&self) -> usize {
        Self::SCRATCH + self.rings.iter().map(Ring::bytes).sum::<usize>()
    }

    /// The numbers that have a function.
    pub(super) fn numbers(&self) -> impl Iterator<Item = u8> {
        (0_u8..).zip(&self.slots).filter(|(_, slot)| slot.name != NONE).map(|(number, _)| number)
    }

    /// The numbers that were given to a function since the last call.
    pub(super) fn take_added(&mut self, mut each: impl FnMut(&Self, u8)) {
        while let Some(number) = self.added.pop() {
            each(self, number);
        }
    }

    /// Scale, since when, name and module of the function with this number, as bytes.
    pub(super) fn named<'a>(
        &self,
        table: &'a SeriesTable,
        number: u8,
    ) -> Option<(Scale, u32, impl Iterator<Item = u8> + use<'a>)> {
        let slot = self.slots.get(usize::from(number)).filter(|slot| slot.name != NONE)?;
        Some((slot.scale, slot.since, table.blocks().stored(slot.name)))
    }

    /// The next histogram of each function is no difference.
    pub(super) fn forget_values(&mut self) {
        self.slots.iter_mut().for_each(|slot| slot.seen = 0);
    }

    fn find(&self, table: &SeriesTable, key: &[u8]) -> Option<usize> {
        let hash = super::series::hash(key);
        let has_name = |slot: &Slot| slot.hash == hash && slot.name != NONE && table.blocks().holds(slot.name, key);
        let guessed = self.slots.get(self.guess).is_some_and(has_name).then_some(self.guess);
        guessed.or_else(|| self.slots.iter().position(has_name))
    }

    fn number_of(&self, table: &SeriesTable, function: FunctionId<'_>) -> Option<usize> {
        let mut key = Vec::with_capacity(function.length());
        function.write(&mut key);
        self.find(table, &key)
    }

    /// The functions of this name, of whichever module.
    pub(super) fn of_name(&self, table: &SeriesTable, name: &str) -> impl Iterator<Item = u8> {
        let hash = super::series::hash(name.as_bytes());
        self.numbers().filter(move |number| {
            let slot = &self.slots[usize::from(*number)];
            // PERF: the names of others are not read.
            slot.named == hash && is_named(table.blocks(), slot.name, name)
        })
    }

    /// Differences of functions that are read every 10 seconds are those of this interval.
    pub(super) fn begin_ten(&mut self, index: u32) {
        self.ten_index = index;
        self.ten.clear();
        self.ten_parts.fill(None);
    }

    /// Takes the histogram of a function's calls since the start. Returns whether its pace was
    /// another one until now: then the reading still counts as one of that.
    ///
    /// `before`: a function that is new had no calls at that time.
    pub(super) fn read(
        &mut self,
        table: &mut SeriesTable,
        now: u32,
        function: FunctionId<'_>,
        times: &Histogram,
        (pace, before): (Pace, Option<u32>),
    ) -> Option<Pace> {
        let mut key = std::mem::take(&mut self.key);
        key.clear();
        function.write(&mut key);
        let found = self.find(table, &key).or_else(|| {
            let at = self.add(table, now, function, times.scale())?;
            self.slots[at].fine_since = if pace == Pace::Ten { NEVER } else { now };
            Some(at)
        });
        self.key = key;
        let Some(at) = found.filter(|at| self.slots[*at].scale == times.scale()) else {
            table.counts.refused_functions += 1;
            return None;
        };
        self.guess = at + 1;
        if let Some(before) = before.filter(|_| self.slots[at].seen == 0) {
            self.drop_base(table, at);
            let slot = &mut self.slots[at];
            (slot.seen, slot.base_count, slot.base_zero) = (before, 0, 0);
        }
        let Slot { seen, base_count, base_zero, fine_since, .. } = self.slots[at];
        if seen == now {
            return None;
        }
        let former = if fine_since == NEVER { Pace::Ten } else { Pace::Second };
        self.slots[at].fine_since = match pace {
            Pace::Ten => NEVER,
            Pace::Second if former == Pace::Ten => now + 1,
            Pace::Second => fine_since,
        };
        let changed = (former != pace).then_some(former);
        let stands_for = if former == Pace::Ten { TEN_STANDS_FOR } else { STANDS_FOR };
        let is_known = seen != 0 && now - seen <= stands_for;
        self.slots[at].seen = now;
        if (former == Pace::Ten || pace == Pace::Ten) && is_known {
            self.ten_parts[at] = Some((0, 0));
        }
        let count = times.count();
        if is_known && count == base_count {
            return changed;
        }
        // It began anew: all of it is new.
        let is_reset = count < base_count;
        let zero = times.zero_count().saturating_sub(if is_reset { 0 } else { base_zero });
        (self.slots[at].base_count, self.slots[at].base_zero) = (count, times.zero_count());
        if is_reset {
            self.drop_base(table, at);
        }
        let is_whole = self.subtract(table, at, times);
        if is_known && is_whole {
            self.write_part(table, at, zero, former);
        }
        if !is_whole {
            // There is no memory for it: the next round begins anew.
            table.counts.dropped_times += 1;
            self.drop_base(table, at);
            self.slots[at].seen = 0;
        }
        changed
    }

    /// Fills `cells` with what is new, and makes the histogram the baseline.
    fn subtract(&mut self, table: &mut SeriesTable, at: usize, times: &Histogram) -> bool {
        self.cells.clear();
        self.old.clear();
        // Where the next cell is, and the block before.
        let (mut before, mut id, mut within) = (NONE, self.slots[at].base, 0);
        let (mut is_same, mut old) = (true, 0);
        for (cell, count) in times.indexed_cells() {
            if within == BASES {
                (before, id, within) = (id, table.blocks().get(id).next, 0);
            }
            // PERF: a cell is new once in the life of a function; else both have the same cells.
            if is_same && base_at(table, id, within).is_none_or(|base| base.0 != cell) {
                is_same = false;
                let rest = table.blocks().list(id).flat_map(|(_, block)| bases_of(block));
                self.old.extend(rest.skip(within));
            }
            let known = if is_same {
                base_at(table, id, within).map_or(0, |base| base.1)
            } else {
                while self.old.get(old).is_some_and(|base| base.0 < cell) {
                    old += 1;
                }
                self.old.get(old).filter(|base| base.0 == cell).map_or(0, |base| base.1)
            };
            if id == NONE {
                let Some(new) = table.make_room().then(|| table.blocks_mut().take()).flatten() else {
                    return false;
                };
                match before {
                    NONE => self.slots[at].base = new,
                    before => table.blocks_mut().get_mut(before).next = new,
                }
                id = new;
            }
            let block = table.blocks_mut().get_mut(id);
            let place = &mut block.body[within * BASE..][..BASE];
            place[..2].copy_from_slice(&cell.to_le_bytes());
            place[2..].copy_from_slice(&(count as u32).to_le_bytes());
            within += 1;
            if !is_same {
                block.head.used = within as u16;
            }
            // A second has fewer than 2³¹ calls. A sum in another order may fall by a few.
            let new = (count as u32).wrapping_sub(known);
            if (1..=u32::MAX / 2).contains(&new) {
                self.cells.push((cell, new.into()));
            }
        }
        if !is_same && id != NONE {
            let rest = std::mem::replace(&mut table.blocks_mut().get_mut(id).next, NONE);
            table.blocks_mut().give_list(rest);
        }
        true
    }

    fn drop_base(&mut self, table: &mut SeriesTable, at: usize) {
        table.blocks_mut().give_list(self.slots[at].base);
        self.slots[at].base = NONE;
    }

    /// Writes `cells` as the function's part of this round.
    fn write_part(&mut self, table: &mut SeriesTable, at: usize, zero: u64, pace: Pace) {
        if zero == 0 && self.cells.is_empty() {
            return;
        }
        let length = sparse::write(&mut self.written, zero, self.cells.iter().copied());
        let into = if pace == Pace::Ten { &mut self.ten } else { &mut self.entry };
        let Some(length) = length.filter(|length| into.len() + length <= PARTS) else {
            table.counts.dropped_times += 1;
            return;
        };
        let part = (into.len() as u32, length as u32);
        into.extend_from_slice(&self.written[..length]);
        match pace {
            Pace::Ten => self.ten_parts[at] = Some(part),
            Pace::Second => self.parts[at] = part,
        }
    }

    /// A place for a new function: a free one, or that of who is missing for longest.
    fn add(&mut self, table: &mut SeriesTable, now: u32, function: FunctionId<'_>, scale: Scale) -> Option<usize> {
        let free = self.slots.iter().position(|slot| slot.name == NONE);
        let at = free.or_else(|| (self.slots.len() < MOST_FUNCTIONS).then_some(self.slots.len())).or_else(|| {
            let missing = (0..self.slots.len()).filter(|at| self.slots[*at].seen + 1 < now);
            missing.min_by_key(|at| self.slots[*at].seen)
        })?;
        self.define(table, at, function, scale, now).then_some(at)
    }

    /// Gives a number to a function.
    pub(super) fn define(
        &mut self,
        table: &mut SeriesTable,
        at: usize,
        function: FunctionId<'_>,
        scale: Scale,
        since: u32,
    ) -> bool {
        if at >= MOST_FUNCTIONS || function.length() > LONGEST_NAME {
            return false;
        }
        let mut key = Vec::with_capacity(function.length());
        function.write(&mut key);
        let unused = Slot {
            name: NONE,
            hash: super::series::hash(&key),
            named: super::series::hash(function.name.as_bytes()),
            scale,
            base: NONE,
            base_count: 0,
            base_zero: 0,
            since,
            seen: 0,
            fine_since: NEVER,
        };
        while self.slots.len() <= at {
            self.slots.push(unused);
        }
        self.forget(table, at);
        let is_there = (0..Blocks::needed(key.len())).all(|_| table.make_room());
        let stored = is_there.then(|| table.blocks_mut().store(std::iter::once(&key[..]))).flatten();
        self.slots[at] = Slot { name: stored.unwrap_or(NONE), ..unused };
        if !self.added.contains(&(at as u8)) {
            self.added.push(at as u8);
        }
        stored.is_some()
    }

    fn forget(&mut self, table: &mut SeriesTable, at: usize) {
        self.drop_base(table, at);
        table.blocks_mut().give_list(self.slots[at].name);
        self.slots[at].name = NONE;
    }

    /// The end of a round: its entry, and those of the intervals that are over.
    pub(super) fn settle(&mut self, table: &mut SeriesTable, now: u32) {
        if self.slots.is_empty() {
            return;
        }
        self.guess = 0;
        // The parts stand in the order in which they came, and go out in that of the numbers.
        let begin = self.entry.len();
        for at in 0..self.slots.len() {
            let (start, length) = std::mem::take(&mut self.parts[at]);
            let slot = &self.slots[at];
            if slot.name == NONE || (length == 0 && (slot.seen == now || slot.fine_since > now)) {
                continue;
            }
            self.entry.push(at as u8);
            self.entry.extend_from_slice(&(length as u16).to_le_bytes());
            self.entry.extend_from_within(start as usize..(start + length) as usize);
        }
        let before = self.rings[0].end();
        Self::push(&mut self.rings[0], table, now, &self.entry[begin..]);
        self.entry.clear();
        self.rings[0].expire((now + 1).saturating_sub(TIMES_POINTS[0]));
        if before > 0 {
            self.merge(table, 1, (before - 1) / TIMES_SECONDS[1], now / TIMES_SECONDS[1]);
        }
    }

    fn push(ring: &mut Ring, table: &mut SeriesTable, index: u32, entry: &[u8]) {
        match ring.push(index, entry) {
            Some(evicted) => table.counts.evicted_times += u64::from(evicted),
            None => table.counts.dropped_times += 1,
        }
    }

    /// Makes the entry of a level's interval `done` if `now` is a later one; then those of the
    /// coarser levels.
    fn merge(&mut self, table: &mut SeriesTable, level: usize, done: u32, now: u32) {
        if level == TIMES_LEVELS || done >= now {
            return;
        }
        self.sum(table, level, done);
        let coarser = TIMES_SECONDS.get(level + 1).map_or(1, |seconds| seconds / TIMES_SECONDS[level]);
        self.merge(table, level + 1, done / coarser, now / coarser);
    }

    /// The entry of one interval as the sum of those of the finer level.
    fn sum(&mut self, table: &mut SeriesTable, level: usize, index: u32) {
        const MOST: usize = 10;
        let ratio = TIMES_SECONDS[level] / TIMES_SECONDS[level - 1];
        let (fine, coarse) = self.rings.split_at_mut(level);
        let mut parts: [&[u8]; MOST] = [&[]; MOST];
        let mut found = 0;
        for (place, (_, entry)) in parts.iter_mut().zip(fine[level - 1].entries(index * ratio, (index + 1) * ratio)) {
            *place = entry;
            found += 1;
        }
        if found == 0 || index < coarse[0].end() {
            return;
        }
        self.entry.clear();
        let has_ten = level == 1 && self.ten_index == index;
        for at in 0..self.slots.len() as u8 {
            let (mut zero, mut missing) = (0_u64, 0);
            let mut has_any = false;
            let mut add = |cells: &[u8]| {
                let counts = &mut self.counts;
                let zeros = sparse::read(cells, |cell, count| {
                    if let Some(place) = counts.get_mut(usize::from(cell)) {
                        *place = place.saturating_add(count);
                    }
                });
                zero = zero.saturating_add(zeros.unwrap_or(0));
                has_any = true;
            };
            for part in &mut parts[..found] {
                let Some((cells, rest)) = part_of(part, at) else { continue };
                *part = rest;
                if cells.is_empty() {
                    missing += 1;
                } else {
                    add(cells);
                }
            }
            let ten = self.ten_parts[usize::from(at)].filter(|_| has_ten);
            match ten {
                Some((start, length)) if length > 0 => add(&self.ten[start as usize..][..length as usize]),
                _ => {}
            }
            // It was to be read in this interval, and was not.
            let slot = &self.slots[usize::from(at)];
            let end = (index + 1) * TIMES_SECONDS[1];
            if level == 1 && ten.is_none() && slot.name != NONE && slot.fine_since > end {
                missing = found;
            }
            let length = if has_any {
                self.cells.clear();
                let counted = (0_u16..).zip(&self.counts).filter(|(_, count)| **count > 0);
                self.cells.extend(counted.map(|(cell, count)| (cell, *count)));
                self.counts.fill(0);
                sparse::write(&mut self.written, zero, self.cells.iter().copied())
            } else if missing == found {
                Some(0)
            } else {
                continue;
            };
            match length {
                Some(length) if length < ENTRY && self.entry.len() + 3 + length <= ENTRY => {
                    self.entry.push(at);
                    self.entry.extend_from_slice(&(length as u16).to_le_bytes());
                    self.entry.extend_from_slice(&self.written[..length]);
                }
                _ => table.counts.dropped_times += 1,
            }
        }
        Self::push(&mut coarse[0], table, index, &self.entry);
        self.entry.clear();
        coarse[0].expire((index + 1).saturating_sub(TIMES_POINTS[level]));
    }

    /// Closes the interval of 10 seconds that goes on, since nothing more will come.
    pub(super) fn close_all(&mut self, table: &mut SeriesTable) {
        if let Some(last) = self.rings[0].end().checked_sub(1) {
            self.sum(table, 1, last / TIMES_SECONDS[1]);
        }
    }

    /// The number of the interval after the latest one of a level.
    pub(super) fn end(&self, level: usize) -> u32 {
        self.rings[level].end()
    }

    /// The entries of a level from an interval on, for a file.
    pub(super) fn entries(&self, level: usize, from: u32) -> impl Iterator<Item = (u32, &[u8])> {
        self.rings[level].entries(from, u32::MAX)
    }

    /// An entry from a file. Of 10 seconds, it is part of the coarser ones too unless these are in
    /// the file as well.
    pub(super) fn restore(&mut self, table: &mut SeriesTable, level: usize, index: u32, entry: &[u8], is_summed: bool) {
        let is_valid =
            (1..TIMES_LEVELS).contains(&level) && is_entry(entry) && index < u32::MAX / TIMES_SECONDS[level] - 1;
        if !is_valid {
            table.counts.dropped_times += 1;
            return;
        }
        let before = self.rings[level].end();
        Self::push(&mut self.rings[level], table, index, entry);
        self.rings[level].expire((index + 1).saturating_sub(TIMES_POINTS[level]));
        if is_summed && before > 0 {
            let ratio = TIMES_SECONDS.get(level + 1).map_or(1, |seconds| seconds / TIMES_SECONDS[level]);
            self.merge(table, level + 1, (before - 1) / ratio, index / ratio);
        }
    }

    /// The clock was set back: drops what is not before `now`.
    pub(super) fn cut(&mut self, now: u32) {
        self.ten_parts.fill(None);
        for (ring, seconds) in self.rings.iter_mut().zip(TIMES_SECONDS) {
            ring.cut(now / seconds);
        }
        for slot in &mut self.slots {
            (slot.seen, slot.since) = (0, slot.since.min(now));
            if slot.fine_since != NEVER {
                slot.fine_since = slot.fine_since.min(now);
            }
        }
    }

    /// The intervals that overlap `[from, to)` and in which a function was watched, oldest first:
    /// when each begins, its seconds, and the cells, of which there are none if it was not called.
    /// Resolutions below the `finest` are left out.
    pub(super) fn visit(
        &self,
        table: &SeriesTable,
        function: FunctionId<'_>,
        window: (u32, u32),
        finest: usize,
        each: impl FnMut(u32, u32, &[u8]),
    ) -> Option<Scale> {
        let at = self.number_of(table, function)?;
        Some(self.visit_number(at as u8, window, finest, each))
    }

    /// The same of the function with this number.
    pub(super) fn visit_number(
        &self,
        number: u8,
        (from, to): (u32, u32),
        finest: usize,
        mut each: impl FnMut(u32, u32, &[u8]),
    ) -> Scale {
        let at = usize::from(number);
        let slot = &self.slots[at];
        let starts = std::array::from_fn(|level| {
            let start = self.rings[level].start()? * TIMES_SECONDS[level];
            match level {
                _ if level < finest => None,
                0 if slot.fine_since == NEVER => None,
                0 => Some(start.max(slot.fine_since)),
                _ => Some(start),
            }
        });
        let shares = levels::shares(starts, TIMES_SECONDS);
        for level in (0..TIMES_LEVELS).rev() {
            let seconds = TIMES_SECONDS[level];
            let (begin, end) = (shares[level].0.max(from), shares[level].1.min(to));
            if begin >= end {
                continue;
            }
            for (index, entry) in self.rings[level].entries(begin / seconds, end.div_ceil(seconds)) {
                let start = index * seconds;
                let is_within = start >= shares[level].0 && start.saturating_add(seconds) <= shares[level].1;
                let mut rest = entry;
                let cells = part_of(&mut rest, at as u8).map(|(cells, _)| cells);
                let is_missing = cells.is_some_and(<[u8]>::is_empty);
                if is_within && start.saturating_add(seconds) > slot.since && !is_missing {
                    each(start, seconds, cells.unwrap_or_default());
                }
            }
        }
        slot.scale
    }
}

/// Whether these blocks have a function of this name.
fn is_named(blocks: &Blocks, key: u32, name: &str) -> bool {
    let mut stored = blocks.stored(key);
    name.bytes().all(|byte| stored.next() == Some(byte)) && stored.next().is_none_or(|next| next == BETWEEN)
}

/// The cells of a block of a baseline.
fn bases_of(block: &Block) -> impl Iterator<Item = (u16, u32)> {
    block.body.chunks_exact(BASE).take(usize::from(block.head.used)).map(base_of)
}

fn base_of(bytes: &[u8]) -> (u16, u32) {
    (u16::from_le_bytes([bytes[0], bytes[1]]), u32::from_le_bytes([bytes[2], bytes[3], bytes[4], bytes[5]]))
}

fn base_at(table: &SeriesTable, id: u32, within: usize) -> Option<(u16, u32)> {
    let block = (id != NONE).then(|| table.blocks().get(id))?;
    (within < usize::from(block.head.used)).then(|| base_of(&block.body[within * BASE..][..BASE]))
}

/// The cells of a function in an entry, of which `rest` begins at this function or an earlier one;
/// and what is behind. `None` if it has none, and `rest` is at a later function.
fn part_of<'a>(rest: &mut &'a [u8], function: u8) -> Option<(&'a [u8], &'a [u8])> {
    while let [number, low, high, behind @ ..] = *rest {
        if *number > function {
            return None;
        }
        let (cells, behind) = behind.split_at_checked(usize::from(u16::from_le_bytes([*low, *high])))?;
        if *number == function {
            return Some((cells, behind));
        }
        *rest = behind;
    }
    None
}

fn is_entry(entry: &[u8]) -> bool {
    let (mut rest, mut before) = (entry, None);
    while let [number, low, high, behind @ ..] = rest {
        let Some((_, behind)) = behind.split_at_checked(usize::from(u16::from_le_bytes([*low, *high]))) else {
            return false;
        };
        if before.is_some_and(|before| before >= *number) {
            return false;
        }
        (rest, before) = (behind, Some(*number));
    }
    rest.is_empty()
}
