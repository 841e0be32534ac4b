//! Classic buckets without the cells in them: what text formats write.
//!
//! A classic bound ends a cell, and no octave has two such bounds within it. So the cells of an
//! octave are in one classic bucket or in two, and the counts of two runs of cells are all that is
//! needed of it.

use super::buckets::{Cell, SLOTS};
use super::merged::Histogram;
use super::scale::{OCTAVES, Scale};

/// The number of classic buckets of times and of sizes, with the one above all bounds.
pub(crate) const CLASSIC_TIMES: usize = Scale::Seconds.classic_bounds().len() + 1;
pub(crate) const CLASSIC_SIZES: usize = Scale::Bytes.classic_bounds().len() + 1;

/// How the cells of an octave are divided.
#[derive(Clone, Copy, Debug)]
pub(super) struct Split {
    /// The bucket of its first cells.
    pub(super) low: u8,
    /// The first slot of the others, which are in the next bucket.
    pub(super) slot: u8,
}

static TIMES: [Split; OCTAVES] = splits(Scale::Seconds);
static SIZES: [Split; OCTAVES] = splits(Scale::Bytes);

const fn bucket_of(scale: Scale, cell: Cell) -> u8 {
    let (bounds, last) = (scale.classic_bounds(), cell.last(scale));
    let mut bucket = 0;
    while bucket < bounds.len() && bounds[bucket].0 < last {
        bucket += 1;
    }
    bucket as u8
}

const fn splits(scale: Scale) -> [Split; OCTAVES] {
    let mut splits = [Split { low: 0, slot: 0 }; OCTAVES];
    let mut octave = 0;
    while octave < OCTAVES {
        let low = bucket_of(scale, Cell::new(octave as u8, 0));
        let mut slot = 0;
        while slot < SLOTS && bucket_of(scale, Cell::new(octave as u8, slot as u8)) == low {
            slot += 1;
        }
        splits[octave] = Split { low, slot: slot as u8 };
        octave += 1;
    }
    splits
}

/// The last cell of each bucket, by its index; of the one above all bounds, the first.
#[cfg_attr(not(any(feature = "otlp", feature = "serve")), allow(dead_code))]
static TIME_CELLS: [u16; CLASSIC_TIMES] = last_cells(Scale::Seconds);
#[cfg_attr(not(any(feature = "otlp", feature = "serve")), allow(dead_code))]
static SIZE_CELLS: [u16; CLASSIC_SIZES] = last_cells(Scale::Bytes);

#[cfg_attr(not(any(feature = "otlp", feature = "serve")), allow(dead_code))]
const fn last_cells<const N: usize>(scale: Scale) -> [u16; N] {
    let bounds = scale.classic_bounds();
    let mut cells = [0; N];
    let mut bucket = 0;
    while bucket < bounds.len() {
        cells[bucket] = Cell::of(scale, bounds[bucket].0).index();
        bucket += 1;
    }
    // The next cell of an octave that is not split is no cell.
    cells[bucket] = Cell::of(scale, bounds[bucket - 1].0 + 1).index();
    cells
}

/// How the cells of this octave are divided.
#[inline]
pub(super) fn split(scale: Scale, octave: u8) -> Split {
    let splits = match scale {
        Scale::Seconds => &TIMES,
        Scale::Bytes => &SIZES,
    };
    // One that does not exist is beyond all bounds.
    splits.get(usize::from(octave)).copied().unwrap_or(splits[OCTAVES - 1])
}

impl Histogram {
    /// The number of its classic buckets, with the one above all bounds.
    fn classic_buckets(&self) -> usize {
        self.scale().classic_bounds().len() + 1
    }

    /// The counts in classic buckets, not cumulative, each with the bucket.
    pub(crate) fn each_classic(&self, mut each: impl FnMut(usize, u64)) {
        if self.zero_count() > 0 {
            each(0, self.zero_count());
        }
        for (cell, count) in self.iter() {
            let Split { low, slot } = split(self.scale(), cell.octave());
            each(usize::from(low) + usize::from(cell.slot() >= slot), count);
        }
    }

    /// The cumulative counts as [`classic`](Self::classic) has them; the last one is that of all
    /// values.
    pub(crate) fn classic_counts(&self, into: &mut Vec<u64>) {
        into.clear();
        into.resize(self.classic_buckets(), 0);
        self.each_classic(|bucket, count| into[bucket] = into[bucket].saturating_add(count));
        for bucket in 1..into.len() {
            into[bucket] = into[bucket].saturating_add(into[bucket - 1]);
        }
    }

    /// Becomes a histogram with these counts in its classic buckets, not cumulative: of values at
    /// their bounds. Keeps the capacity.
    #[cfg_attr(not(any(feature = "otlp", feature = "serve")), allow(dead_code))]
    pub(crate) fn set_classic(&mut self, scale: Scale, sum: u64, counts: impl Iterator<Item = u64>) {
        let cells: &[u16] = match scale {
            Scale::Seconds => &TIME_CELLS,
            Scale::Bytes => &SIZE_CELLS,
        };
        self.set(scale, sum, cells.iter().copied().zip(counts).filter(|(_, count)| *count > 0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCALES: [Scale; 2] = [Scale::Seconds, Scale::Bytes];

    #[test]
    fn each_cell_is_in_the_bucket_of_its_bound() {
        for scale in SCALES {
            for (octave, slot) in (0..OCTAVES as u8).flat_map(|octave| (0..SLOTS as u8).map(move |slot| (octave, slot)))
            {
                let Split { low, slot: first } = split(scale, octave);
                let expected = bucket_of(scale, Cell::new(octave, slot));
                assert_eq!(low + u8::from(slot >= first), expected, "{scale:?} {octave} {slot}");
            }
        }
    }

    /// Values on both sides of each bound, and elsewhere.
    fn filled(scale: Scale) -> Histogram {
        let mut histogram = Histogram::new(scale);
        let near = scale.classic_bounds().iter().flat_map(|(bound, _)| [bound - 1, *bound, bound + 1, bound * 13 / 10]);
        for (n, value) in near.chain([0, 1, u64::MAX]).enumerate() {
            histogram.record(value, 1 + n as u64 % 5);
        }
        histogram
    }

    #[test]
    fn counts_are_those_of_classic_buckets() {
        for scale in SCALES {
            for histogram in [filled(scale), Histogram::new(scale)] {
                let mut counts = Vec::new();
                histogram.classic_counts(&mut counts);
                let expected: Vec<u64> =
                    histogram.classic().map(|(_, count)| count).chain([histogram.count()]).collect();
                assert_eq!(counts, expected);
            }
        }
        assert_eq!((CLASSIC_TIMES, CLASSIC_SIZES), (21, 14));
    }

    #[test]
    fn a_histogram_of_classic_counts_has_these() {
        for scale in SCALES {
            let whole = filled(scale);
            let mut counts = vec![0; whole.classic_buckets()];
            whole.each_classic(|bucket, count| counts[bucket] += count);
            let mut coarse = filled(Scale::Bytes);
            coarse.set_classic(scale, whole.sum(), counts.into_iter());
            let all = |histogram: &Histogram| histogram.classic().map(|(_, count)| count).collect::<Vec<_>>();
            assert_eq!((all(&coarse), coarse.count(), coarse.sum()), (all(&whole), whole.count(), whole.sum()));
            assert_eq!((coarse.scale(), coarse.zero_count()), (scale, 0));
        }
    }
}
