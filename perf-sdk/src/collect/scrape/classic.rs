//! Distributions in classic buckets.

use std::ptr;

use crate::base::hash::FastMap;
use crate::histogram::{CLASSIC_SIZES, CLASSIC_TIMES, Histogram, Scale};
use crate::record::{Exemplars, Finished, Parts, SharedSite, SiteShard, ThreadRecord};
use crate::snapshot::{self, FunctionPart, LateDistribution};

/// Attempts to read one histogram, after which its pending calls are left to the next reading.
const LOOKS: u32 = 100;
/// The buckets of a function: of wall times, CPU times and bytes.
const BUCKETS: usize = 2 * CLASSIC_TIMES + CLASSIC_SIZES;
/// Where those of CPU times and of bytes begin.
const CPU: usize = CLASSIC_TIMES;
const BYTES: usize = 2 * CLASSIC_TIMES;

/// What was recorded of one function. Counts are not cumulative, and of each the lower half.
// PERF: there is one for each function while a scrape is written.
#[derive(Clone, Debug)]
struct Row {
    counts: [u32; BUCKETS],
    sums: [u64; 3],
}

impl Row {
    const EMPTY: Self = Self { counts: [0; BUCKETS], sums: [0; 3] };
}

/// One row for each function.
#[derive(Debug, Default)]
pub(super) struct Classic {
    rows: Vec<Row>,
    /// The upper halves of counts that have one, by function and bucket.
    carried: FastMap<(u32, u32), u32>,
    has_exemplars: bool,
    /// Those of a function on a thread. By function, once they are sorted.
    exemplars: Vec<(u32, &'static Exemplars)>,
}

/// Reads the shards of one thread after the other. Uses its memory again for each.
#[derive(Debug, Default)]
pub(super) struct ClassicReader {
    record: Option<&'static ThreadRecord>,
    /// Calls that are not in the cells yet.
    pending: Vec<Finished>,
    /// The shards of pending calls, by some bits of their addresses.
    marked: u64,
    /// The sequence number of the ring when `pending` was read. `None` if it could not be read.
    sequence: Option<u32>,
    /// Of the latest shard: buckets and counts, and the sums.
    counts: Vec<(u32, u64)>,
    sums: [u64; 3],
    parts: Parts,
}

fn mark(shard: &SiteShard) -> u64 {
    1 << (ptr::from_ref(shard).addr() / align_of::<SiteShard>() % 64)
}

impl ClassicReader {
    /// Shards of this thread follow.
    pub(super) fn turn_to(&mut self, record: &'static ThreadRecord) {
        self.record = Some(record);
        self.read_ring(record);
    }

    fn read_ring(&mut self, record: &'static ThreadRecord) {
        self.sequence = record.ring.read(&mut self.pending);
        self.marked = self.pending.iter().fold(0, |marked, call| marked | mark(call.shard));
    }

    /// Reads a shard of this thread.
    fn read(&mut self, shard: &'static SiteShard) {
        let Some(record) = self.record else { return };
        for look in 1.. {
            self.cells(shard);
            if self.sequence.is_some_and(|sequence| record.ring.unchanged(sequence)) {
                if self.marked & mark(shard) != 0 {
                    self.add_pending(record, shard);
                }
                return;
            }
            if look == LOOKS || self.sequence.is_none() {
                // The calls in the ring are missing in this reading; those in the cells are not.
                return crate::record::torn_read();
            }
            self.read_ring(record);
        }
    }

    fn cells(&mut self, shard: &'static SiteShard) {
        let Self { counts, sums, .. } = self;
        counts.clear();
        *sums = shard.read_classic(|part, bucket, count| {
            let bucket = bucket as u32;
            match part {
                FunctionPart::Wall => counts.push((bucket, count)),
                FunctionPart::Cpu => counts.push((CPU as u32 + bucket, count)),
                _ => counts.push((BYTES as u32 + bucket, count)),
            }
        });
    }

    fn add_pending(&mut self, record: &ThreadRecord, shard: &'static SiteShard) {
        let Self { pending, counts, sums, parts, .. } = self;
        parts.clear();
        for call in pending.iter().filter(|call| ptr::eq(call.shard, shard)) {
            shard.add_pending(call, record.wall, record.is_full(), parts);
        }
        let ours = [(&parts.both, 0, 0), (&parts.both, CPU, 1), (&parts.wall, 0, 0), (&parts.cpu, CPU, 1)];
        for (histogram, first, sum) in ours.into_iter().chain([(&parts.bytes, BYTES, 2)]) {
            histogram.each_classic(|bucket, count| counts.push(((first + bucket) as u32, count)));
            sums[sum] = sums[sum].wrapping_add(histogram.sum());
        }
    }
}

impl Classic {
    /// For so many functions.
    pub(super) fn new(functions: usize, has_exemplars: bool) -> Self {
        Self { rows: vec![Row::EMPTY; functions], has_exemplars, ..Self::default() }
    }

    /// Adds what a thread recorded of a function.
    pub(super) fn add(&mut self, function: u32, shard: &'static SiteShard, reader: &mut ClassicReader) {
        reader.read(shard);
        self.add_counts(function, &reader.counts, reader.sums);
        if self.has_exemplars
            && let Some(exemplars) = shard.exemplars()
        {
            self.exemplars.push((function, exemplars));
        }
    }

    /// Adds what threads without a record of their own recorded of a function.
    pub(super) fn add_shared(&mut self, function: u32, shared: &'static SharedSite) {
        let mut counts = Vec::new();
        let sums = shared.read_classic(|part, bucket, count| {
            let first = match part {
                FunctionPart::Wall => 0,
                FunctionPart::Cpu => CPU,
                _ => BYTES,
            };
            counts.push(((first + bucket) as u32, count));
        });
        self.add_counts(function, &counts, sums);
    }

    fn add_counts(&mut self, function: u32, counts: &[(u32, u64)], sums: [u64; 3]) {
        let Self { rows, carried, .. } = self;
        let Some(row) = rows.get_mut(function as usize) else { return };
        for (bucket, count) in counts {
            let Some(low) = row.counts.get_mut(*bucket as usize) else { continue };
            let sum = u64::from(*low).saturating_add(*count);
            *low = sum as u32;
            if sum > u64::from(u32::MAX) {
                let high = carried.entry((function, *bucket)).or_default();
                *high = high.saturating_add((sum >> 32) as u32);
            }
        }
        row.sums.iter_mut().zip(sums).for_each(|(sum, more)| *sum = sum.wrapping_add(more));
    }

    /// Exchanges functions; then `new_place` says where each one is.
    pub(super) fn reorder(&mut self, swaps: &[(usize, usize)], new_place: &[u32]) {
        swaps.iter().for_each(|(a, b)| self.rows.swap(*a, *b));
        let old = std::mem::take(&mut self.carried);
        self.carried = old.into_iter().map(|((was, bucket), high)| ((new_place[was as usize], bucket), high)).collect();
        self.exemplars.iter_mut().for_each(|(function, _)| *function = new_place[*function as usize]);
        // Those of one function stay in the order of their threads.
        self.exemplars.sort_by_key(|(function, _)| *function);
    }

    pub(super) fn read(&self, at: usize, part: FunctionPart, into: &mut LateDistribution) {
        into.exemplars.clear();
        let (scale, first, buckets, sum) = match part {
            FunctionPart::Figures => return,
            FunctionPart::Wall => (Scale::Seconds, 0, CLASSIC_TIMES, 0),
            FunctionPart::Cpu => (Scale::Seconds, CPU, CLASSIC_TIMES, 1),
            FunctionPart::Bytes => (Scale::Bytes, BYTES, CLASSIC_SIZES, 2),
        };
        let row = &self.rows[at];
        let high = |bucket: usize| match self.carried.is_empty() {
            true => 0,
            false => self.carried.get(&(at as u32, bucket as u32)).copied().unwrap_or(0),
        };
        let counts = (first..first + buckets).map(|at| u64::from(row.counts[at]) | u64::from(high(at)) << 32);
        Histogram::set_classic(&mut into.histogram, scale, row.sums[sum], counts);
        if part == FunctionPart::Wall {
            let begin = self.exemplars.partition_point(|(function, _)| (*function as usize) < at);
            for (_, exemplars) in self.exemplars[begin..].iter().take_while(|(function, _)| *function as usize == at) {
                let those = exemplars.read().map(|(_, exemplar)| exemplar);
                snapshot::merge_exemplars(&mut into.exemplars, those);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_beyond_32_bits_are_whole() {
        let mut classic = Classic::new(3, false);
        let bucket = CPU as u32 + 4;
        for _ in 0..3 {
            classic.add_counts(2, &[(bucket, 3 << 30), (bucket, 5)], [1, u64::MAX, 0]);
        }
        classic.reorder(&[(0, 2)], &[2, 1, 0]);
        let mut read = LateDistribution::default();
        classic.read(0, FunctionPart::Cpu, &mut read);
        assert_eq!((read.histogram.count(), read.histogram.sum()), (9 * (1 << 30) + 15, 0_u64.wrapping_sub(3)));
        classic.read(2, FunctionPart::Cpu, &mut read);
        assert!(read.histogram.is_empty());
    }
}
