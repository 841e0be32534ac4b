//! The points of one series at one resolution.
//!
//! They stand in a list of blocks, the oldest first. In a block each point is the difference to
//! what was expected:
//!
//! ```text
//! 0                       a point, as much covered as the one before
//! 11 covered (6 bits)     a point, or if 0 a gap
//! 10 n (gamma)            n points that equal the one before
//! ```
//!
//! A point is followed by its mean and, where it has a peak of its own, by what that exceeds the
//! mean by. Equal points at the end of a block are a number in its head, so a series that does not
//! change takes one block.

use super::bits::{BitReader, BitWriter};
use super::blocks::{Blocks, NONE};
use super::memory::{BODY, Block, Head};
use super::predictor::Predictor;

/// Points of a block, at most.
const MOST_POINTS: u16 = 20_000;
/// A longer gap begins a new block.
const LONGEST_GAP: u32 = 2_000;

/// A point as it is stored. Both numbers are codes of the series' grid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Stored {
    /// The seconds that it covers. 0 is a gap: the numbers mean nothing.
    pub(super) covered: u8,
    pub(super) mean: i16,
    /// The code of the peak, less that of the mean.
    pub(super) excess: i16,
}

impl Stored {
    fn is_same(&self, other: &Self) -> bool {
        self.covered == other.covered && (self.covered == 0 || self == other)
    }
}

/// Whatever writing the next point depends on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Model {
    mean: Predictor,
    excess: Predictor,
    last: Stored,
}

impl Model {
    fn at_start(head: &Head) -> Self {
        let last = Stored { covered: head.covered, mean: head.mean, excess: head.excess };
        Self {
            mean: Predictor::new(head.mean.into(), u32::from(head.sizes >> 4)),
            excess: Predictor::new(head.excess.into(), u32::from(head.sizes & 15)),
            last,
        }
    }

    fn sizes(&self) -> u8 {
        (self.mean.size_log() << 4 | self.excess.size_log()) as u8
    }

    fn expect_last(&mut self) {
        self.mean.expect(self.last.mean.into());
        self.excess.expect(self.last.excess.into());
    }

    fn write(&mut self, point: Stored, has_peaks: bool, into: &mut BitWriter<'_>) {
        if point.covered == self.last.covered {
            into.put(0, 1);
        } else {
            into.put(0b11, 2);
            into.put(point.covered.into(), 6);
        }
        if point.covered == 0 {
            self.last.covered = 0;
            return;
        }
        self.mean.write(point.mean.into(), into);
        if has_peaks {
            self.excess.write(point.excess.into(), into);
        }
        self.last = point;
    }
}

/// The blocks' ends, and the model of the last one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lane {
    first: u32,
    last: u32,
    model: Model,
    /// Nothing more is written into the last block.
    is_sealed: bool,
}

/// Why a point was not stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// There is no block left.
    Full,
    /// There are points of that time or of a later one.
    Late,
}

impl Lane {
    pub(super) const EMPTY: Self = Self {
        first: NONE,
        last: NONE,
        model: Model {
            mean: Predictor::NONE,
            excess: Predictor::NONE,
            last: Stored { covered: 0, mean: 0, excess: 0 },
        },
        is_sealed: false,
    };

    pub(super) fn is_empty(&self) -> bool {
        self.first == NONE
    }

    pub(super) fn first_block(&self) -> u32 {
        self.first
    }

    /// The number of the first interval.
    pub(super) fn start(&self, blocks: &Blocks) -> Option<u32> {
        (self.first != NONE).then(|| blocks.get(self.first).head.start)
    }

    /// The number of the interval after the last one.
    pub(super) fn end(&self, blocks: &Blocks) -> u32 {
        if self.last == NONE { 0 } else { end_of(&blocks.get(self.last).head) }
    }

    /// The end of the first block, if it is not the last one.
    pub(super) fn end_of_first(&self, blocks: &Blocks) -> Option<u32> {
        (self.first != self.last).then(|| end_of(&blocks.get(self.first).head))
    }

    /// Gives the first block back.
    pub(super) fn drop_first(&mut self, blocks: &mut Blocks) -> u32 {
        if self.first == NONE {
            return 0;
        }
        let Block { next, head, .. } = *blocks.get(self.first);
        blocks.give(self.first);
        self.first = next;
        if next == NONE {
            *self = Self::EMPTY;
        }
        head.points.into()
    }

    /// Gives back the blocks that end at or before this interval.
    pub(super) fn expire(&mut self, blocks: &mut Blocks, before: u32) {
        while self.first != NONE && end_of(&blocks.get(self.first).head) <= before {
            self.drop_first(blocks);
        }
    }

    /// Appends the point of an interval. If it is refused as [`Full`](Refused::Full), it can be
    /// tried again.
    pub(super) fn append(
        &mut self,
        blocks: &mut Blocks,
        index: u32,
        point: Stored,
        has_peaks: bool,
    ) -> Result<(), Refused> {
        if self.last == NONE {
            return self.begin(blocks, index, point);
        }
        let end = self.end(blocks);
        let gap = index.checked_sub(end).ok_or(Refused::Late)?;
        let is_open = !self.is_sealed && gap <= LONGEST_GAP;
        let is_bridged = is_open && (0..gap).all(|_| self.push(blocks, Stored::default(), has_peaks));
        if is_bridged && self.push(blocks, point, has_peaks) {
            return Ok(());
        }
        self.begin(blocks, index, point)
    }

    /// A new block with this point.
    fn begin(&mut self, blocks: &mut Blocks, start: u32, point: Stored) -> Result<(), Refused> {
        let new = blocks.take().ok_or(Refused::Full)?;
        let sizes = if self.last == NONE { 0x33 } else { self.model.sizes() };
        let Stored { covered, mean, excess } = point;
        let head = Head { start, points: 1, run: 0, used: 0, mean, excess, covered, sizes };
        blocks.get_mut(new).head = head;
        if self.last == NONE {
            self.first = new;
        } else {
            blocks.get_mut(self.last).next = new;
        }
        (self.last, self.model, self.is_sealed) = (new, Model::at_start(&head), false);
        Ok(())
    }

    /// `false` if the last block has no room.
    fn push(&mut self, blocks: &mut Blocks, point: Stored, has_peaks: bool) -> bool {
        let Block { head, body, .. } = blocks.get_mut(self.last);
        if head.points >= MOST_POINTS {
            return false;
        }
        if point.is_same(&self.model.last) {
            head.run += 1;
            head.points += 1;
            return true;
        }
        let mut model = self.model;
        let mut writer = BitWriter::new(body, head.used.into());
        if head.run > 0 {
            writer.put(0b01, 2);
            writer.put_gamma(head.run.into());
            model.expect_last();
        }
        model.write(point, has_peaks, &mut writer);
        let Some(used) = writer.end() else { return false };
        (head.used, head.run, self.model) = (used as u16, 0, model);
        head.points += 1;
        true
    }

    /// Drops the points from an interval on. Returns how many.
    pub(super) fn cut(&mut self, blocks: &mut Blocks, from: u32, has_peaks: bool) -> u32 {
        let mut cut = 0;
        let (mut before, mut id) = (NONE, self.first);
        while id != NONE && end_of(&blocks.get(id).head) <= from {
            (before, id) = (id, blocks.get(id).next);
        }
        if id == NONE {
            return 0;
        }
        let (next, head) = (blocks.get(id).next, blocks.get(id).head);
        cut += blocks.list(next).map(|(_, block)| u32::from(block.head.points)).sum::<u32>();
        blocks.give_list(next);
        blocks.get_mut(id).next = NONE;
        let kept = from.saturating_sub(head.start) as u16;
        cut += u32::from(head.points - kept);
        if kept == 0 {
            blocks.give(id);
            if before == NONE {
                *self = Self::EMPTY;
                return cut;
            }
            blocks.get_mut(before).next = NONE;
            id = before;
        } else {
            let mut decoder = Decoder::new(blocks.get(id), has_peaks);
            (0..kept).for_each(|_| {
                let _ = decoder.step();
            });
            let (used, run) = decoder.place();
            let head = &mut blocks.get_mut(id).head;
            (head.points, head.used, head.run) = (kept, used, run);
        }
        (self.last, self.is_sealed) = (id, true);
        cut
    }

    /// Appends a block that was read from a file. `false` if it does not fit behind the others, or
    /// is none.
    pub(super) fn adopt(&mut self, blocks: &mut Blocks, head: Head, body: &[u8; BODY]) -> Result<bool, Refused> {
        let is_whole = head.points > 0
            && head.covered > 0
            && head.run < head.points
            && usize::from(head.used) <= BODY * 8
            && head.start.checked_add(head.points.into()).is_some();
        if !is_whole || head.start < self.end(blocks) {
            return Ok(false);
        }
        let new = blocks.take().ok_or(Refused::Full)?;
        let block = blocks.get_mut(new);
        (block.head, block.body) = (head, *body);
        if self.last == NONE {
            self.first = new;
        } else {
            blocks.get_mut(self.last).next = new;
        }
        (self.last, self.is_sealed) = (new, true);
        self.model = Model::at_start(&head);
        Ok(true)
    }

    /// The points from an interval on, without gaps.
    pub(super) fn points<'a>(
        &self,
        blocks: &'a Blocks,
        from: u32,
        has_peaks: bool,
    ) -> impl Iterator<Item = (u32, Stored)> + use<'a> {
        let reached = blocks.list(self.first).filter(move |(_, block)| end_of(&block.head) > from);
        reached
            .flat_map(move |(_, block)| {
                let mut decoder = Decoder::new(block, has_peaks);
                (block.head.start..).map_while(move |index| Some((index, decoder.step()?)))
            })
            .filter(move |(index, point)| *index >= from && point.covered > 0)
    }
}

fn end_of(head: &Head) -> u32 {
    head.start.saturating_add(head.points.into())
}

/// Reads the points of a block, one after the other.
struct Decoder<'a> {
    bits: BitReader<'a>,
    head: &'a Head,
    has_peaks: bool,
    model: Model,
    /// Points that were read.
    read: u16,
    /// Of equal ones: that are still to come, and that were.
    left: u64,
    done: u16,
    /// The bit where they begin.
    mark: u16,
}

impl<'a> Decoder<'a> {
    fn new(block: &'a Block, has_peaks: bool) -> Self {
        let bits = BitReader::new(&block.body, 0, block.head.used.into());
        let model = Model::at_start(&block.head);
        Self { bits, head: &block.head, has_peaks, model, read: 0, left: 0, done: 0, mark: 0 }
    }

    /// The bits used, and the run at the end, of a block that ends with the last point read.
    fn place(&self) -> (u16, u16) {
        if self.done > 0 { (self.mark, self.done) } else { (self.bits.at() as u16, 0) }
    }

    /// `None` at the end, and where the bits make no sense.
    fn step(&mut self) -> Option<Stored> {
        if self.read == self.head.points {
            return None;
        }
        self.read += 1;
        if self.read == 1 {
            return Some(self.model.last);
        }
        if self.left == 0 {
            if self.read > self.head.points - self.head.run {
                (self.left, self.mark, self.done) = (self.head.run.into(), self.bits.at() as u16, 0);
            } else if let Some(repeated) = self.token()? {
                (self.left, self.done) = (repeated, 0);
            } else {
                self.done = 0;
                return Some(self.model.last);
            }
        }
        self.left -= 1;
        self.done += 1;
        Some(self.model.last)
    }

    /// How often the last point is repeated, or `None` after another point.
    fn token(&mut self) -> Option<Option<u64>> {
        self.mark = self.bits.at() as u16;
        let covered = match self.bits.take(1)? {
            0 => self.model.last.covered,
            _ if self.bits.take(1)? == 0 => {
                self.model.expect_last();
                return Some(Some(self.bits.take_gamma()?));
            }
            _ => self.bits.take(6)? as u8,
        };
        self.model.last.covered = covered;
        if covered > 0 {
            self.model.last.mean = self.model.mean.read(&mut self.bits)? as i16;
            if self.has_peaks {
                self.model.last.excess = self.model.excess.read(&mut self.bits)? as i16;
            }
        }
        Some(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Random(u64);

    impl Random {
        fn below(&mut self, end: u64) -> u64 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            (self.0 >> 16) % end
        }
    }

    /// Points with runs, jumps and gaps.
    fn sequence(random: &mut Random, length: usize, has_peaks: bool) -> Vec<(u32, Stored)> {
        let (mut index, mut point) = (random.below(100) as u32, Stored { covered: 10, mean: 0, excess: 0 });
        let mut all = Vec::new();
        while all.len() < length {
            match random.below(20) {
                0 => index += random.below(5) as u32,
                1 => index += random.below(4_500) as u32,
                2 => point.covered = 1 + random.below(60) as u8,
                3 => point.mean = random.below(1 << 16) as i16,
                4..12 => point.mean = point.mean.saturating_add(random.below(9) as i16 - 4),
                12 if has_peaks => point.excess = random.below(300) as i16,
                _ => {}
            }
            all.push((index, point));
            index += 1;
        }
        all
    }

    fn append_all(lane: &mut Lane, blocks: &mut Blocks, points: &[(u32, Stored)], has_peaks: bool) {
        for (index, point) in points {
            assert_eq!(lane.append(blocks, *index, *point, has_peaks), Ok(()));
        }
    }

    #[test]
    fn points_come_back_and_may_be_cut_anywhere() {
        let mut random = Random(0x9e37_79b9_7f4a_7c15);
        let mut blocks = Blocks::new(1 << 20).unwrap();
        for round in 0..60 {
            let has_peaks = round % 2 == 0;
            let mut lane = Lane::EMPTY;
            let points = sequence(&mut random, 600, has_peaks);
            append_all(&mut lane, &mut blocks, &points, has_peaks);
            assert!(lane.points(&blocks, 0, has_peaks).eq(points.iter().copied()));
            let (third, half) = (points[200].0, points[300].0);
            assert!(lane.points(&blocks, third, has_peaks).eq(points[200..].iter().copied()));
            let from = half + random.below(3) as u32;
            lane.cut(&mut blocks, from, has_peaks);
            let mut kept: Vec<_> = points.iter().copied().filter(|(index, _)| *index < from).collect();
            assert!(lane.points(&blocks, 0, has_peaks).eq(kept.iter().copied()), "cut at {from}");
            let last = lane.end(&blocks) - 1;
            assert_eq!(lane.append(&mut blocks, last, points[0].1, has_peaks), Err(Refused::Late));
            let further = sequence(&mut random, 200, has_peaks);
            let further: Vec<_> = further.iter().map(|(index, point)| (index + from, *point)).collect();
            append_all(&mut lane, &mut blocks, &further, has_peaks);
            kept.extend(further);
            assert!(lane.points(&blocks, 0, has_peaks).eq(kept.iter().copied()));
            lane.cut(&mut blocks, 0, has_peaks);
            assert!(lane.is_empty() && blocks.held() == 0);
        }
    }

    #[test]
    fn what_does_not_change_takes_one_block_and_the_oldest_go() {
        let mut blocks = Blocks::new(4_096).unwrap();
        let mut lane = Lane::EMPTY;
        let flat = Stored { covered: 1, mean: 77, excess: 0 };
        let flats: Vec<_> = (0..15_000).map(|index| (index, flat)).collect();
        append_all(&mut lane, &mut blocks, &flats, false);
        assert_eq!(blocks.held(), 1);
        assert_eq!(lane.append(&mut blocks, 14_999, flat, false), Err(Refused::Late));
        let mut random = Random(7);
        let refused = (15_000..20_000).find(|index| {
            let mean = random.below(1 << 15) as i16;
            lane.append(&mut blocks, *index, Stored { mean, ..flat }, false) == Err(Refused::Full)
        });
        assert_eq!(blocks.held(), 32);
        assert_eq!(lane.start(&blocks), Some(0));
        assert!(lane.drop_first(&mut blocks) >= 15_000);
        assert!(lane.start(&blocks) >= Some(15_000));
        assert_eq!(lane.append(&mut blocks, refused.unwrap(), flat, false), Ok(()));
        lane.expire(&mut blocks, 20_000);
        assert!(lane.is_empty() && blocks.held() == 0);
    }

    /// Blocks from a file may hold anything: reading them ends.
    #[test]
    fn garbage_is_read_to_an_end() {
        let mut random = Random(99);
        for _ in 0..3_000 {
            let mut blocks = Blocks::new(4_096).unwrap();
            let mut body = [0; BODY];
            body.iter_mut().for_each(|byte| *byte = random.below(256) as u8);
            let head = Head {
                start: random.below(1 << 32) as u32,
                points: random.below(1 << 16) as u16,
                run: random.below(1 << 16) as u16,
                used: random.below(900) as u16,
                covered: 1,
                sizes: random.below(256) as u8,
                ..Head::default()
            };
            let mut lane = Lane::EMPTY;
            if lane.adopt(&mut blocks, head, &body) == Ok(true) {
                assert!(lane.points(&blocks, 0, true).count() <= usize::from(head.points));
                lane.cut(&mut blocks, head.start.saturating_add(u32::from(head.points) / 2), true);
                assert!(lane.points(&blocks, 0, true).count() <= usize::from(head.points));
                let _ = lane.append(&mut blocks, u32::MAX, Stored { covered: 1, mean: 1, excess: 1 }, true);
            }
        }
    }
}
