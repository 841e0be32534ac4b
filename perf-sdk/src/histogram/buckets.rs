//! Mapping of values to cells, and of cells to bounds. Pure arithmetic, no floating point.
//!
//! A cell is a bucket of the native histogram, or one of the two parts into which a decimal bound
//! splits it. So native buckets, classic buckets and quantiles are all derived exactly from the
//! same counts.

use super::scale::Scale;

/// Cells in an octave: its 32 buckets, at most one of which is split.
pub(super) const SLOTS: usize = 33;

/// A cell: the number of its octave, and its position there. Ordered like the values.
// PERF: one integer, not two bytes, which would pass through memory and stall when they are read
// back as one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Cell(u16);

/// The cells of times below this many nanoseconds are looked up.
const SHORT: usize = 1024;

static SHORT_TIMES: [Cell; SHORT] = {
    let mut cells = [Cell(0); SHORT];
    let mut ns = 0;
    while ns < SHORT {
        cells[ns] = Cell::of(Scale::Seconds, ns as u64);
        ns += 1;
    }
    cells
};

impl Cell {
    pub(super) const fn new(octave: u8, slot: u8) -> Self {
        Self((octave as u16) << 8 | slot as u16)
    }

    #[inline]
    pub(super) const fn octave(self) -> u8 {
        (self.0 >> 8) as u8
    }

    #[inline]
    pub(super) const fn slot(self) -> u8 {
        self.0 as u8
    }

    /// The cell of `v ≥ 1`, and an arbitrary cell for 0. Takes between one and two nanoseconds.
    #[inline]
    pub(super) const fn of(scale: Scale, v: u64) -> Self {
        let grid = scale.grid();
        let number = grid.number(v);
        let octave = number / 32;
        let slot = number % 32 + (v > grid.cuts[octave as usize]) as u32;
        Self((octave << 8 | slot) as u16)
    }

    /// As [`of`](Self::of), of a time in nanoseconds.
    // PERF: of short calls the profiler's part is largest. It is read from two KiB, of which most
    // programs need few lines.
    #[inline(always)]
    pub(super) fn of_time(ns: u64) -> Self {
        match SHORT_TIMES.get(ns as usize) {
            Some(cell) if ns < SHORT as u64 => *cell,
            _ => Self::of(Scale::Seconds, ns),
        }
    }

    /// The cell's index, counted from 0 over the whole range of both scales.
    pub(super) const fn index(self) -> u16 {
        self.octave() as u16 * SLOTS as u16 + self.slot() as u16
    }

    pub(super) const fn from_index(index: u16) -> Self {
        Self::new((index / SLOTS as u16) as u8, (index % SLOTS as u16) as u8)
    }

    /// The bucket of the native histogram that this cell is part of, counted from octave 0, bucket
    /// 0.
    const fn bucket(self, scale: Scale) -> u32 {
        let after_cut = self.slot() > scale.grid().cut_slots[self.octave() as usize];
        32 * self.octave() as u32 + self.slot() as u32 - after_cut as u32
    }

    /// The index of that bucket in schema 5: its upper bound is 2^(index / 32) base units.
    pub(super) const fn schema_index(self, scale: Scale) -> i32 {
        self.bucket(scale) as i32 + 1 + 32 * scale.grid().first_octave
    }

    /// The largest value in the cell.
    pub(super) const fn last(self, scale: Scale) -> u64 {
        let grid = scale.grid();
        if self.slot() == grid.cut_slots[self.octave() as usize] && self.slot() < 32 {
            return grid.cuts[self.octave() as usize];
        }
        if self.slot() >= 32 && grid.cut_slots[self.octave() as usize] >= 32 {
            // An unsplit octave has no such cell. The octave's end keeps the order.
            return grid.bound(32 * self.octave() as u32 + 31);
        }
        grid.bound(self.bucket(scale))
    }

    /// The smallest value in the cell. Larger than `last` in a cell that is too narrow to contain
    /// an integer.
    pub(super) const fn first(self, scale: Scale) -> u64 {
        match self.index().checked_sub(1) {
            Some(before) => Self::from_index(before).last(scale).saturating_add(1),
            None => 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::scale::OCTAVES;
    use super::*;

    const CELLS: u16 = (OCTAVES * SLOTS) as u16;
    const SCALES: [Scale; 2] = [Scale::Seconds, Scale::Bytes];

    /// Tries the ends of all cells, which the tests of `scale` check against exact powers.
    fn naive(scale: Scale, v: u64) -> Cell {
        (0..CELLS).map(Cell::from_index).find(|cell| v <= cell.last(scale)).unwrap()
    }

    fn interesting() -> Vec<u64> {
        let mut values: Vec<u64> = (1..5_000).collect();
        for scale in SCALES {
            for cell in (0..CELLS).map(Cell::from_index) {
                let end = cell.last(scale);
                values.extend([end.saturating_sub(1), end, end.saturating_add(1)]);
            }
        }
        for bit in 0..64 {
            let power = 1_u64 << bit;
            values.extend([power - 1, power, power.saturating_add(1), u64::MAX >> bit]);
        }
        let mut random = 0x9e37_79b9_7f4a_7c15_u64;
        for _ in 0..20_000 {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            values.push(random >> (random % 64));
        }
        values.retain(|v| *v > 0);
        values.sort_unstable();
        values.dedup();
        values
    }

    #[test]
    fn a_looked_up_cell_is_that_of_the_time() {
        for ns in interesting().into_iter().chain([0]) {
            assert_eq!(Cell::of_time(ns), Cell::of(Scale::Seconds, ns), "{ns}");
        }
    }

    #[test]
    fn every_value_lies_in_its_cell_and_no_earlier_one() {
        let values = interesting();
        for scale in SCALES {
            let mut previous = None;
            for v in &values {
                let cell = Cell::of(scale, *v);
                assert!((cell.first(scale)..=cell.last(scale)).contains(v), "{scale:?} {v} {cell:?}");
                assert!(previous <= Some(cell), "{scale:?} {v}: out of order");
                previous = Some(cell);
            }
        }
    }

    #[test]
    fn agrees_with_trial_of_all_cells() {
        for scale in SCALES {
            for v in interesting().into_iter().step_by(7) {
                assert_eq!(Cell::of(scale, v), naive(scale, v), "{scale:?} {v}");
            }
        }
    }

    #[test]
    fn schema_index_is_the_prometheus_one() {
        // The definition, in floating point, except near the bounds.
        for scale in SCALES {
            for v in interesting() {
                let exact = (v as f64 / scale.per_unit() as f64).log2() * 32.0;
                if (exact - exact.round()).abs() > 1e-9 {
                    assert_eq!(Cell::of(scale, v).schema_index(scale), exact.ceil() as i32, "{scale:?} {v}");
                }
            }
        }
        // At the bounds: upper bounds are inclusive.
        assert_eq!(Cell::of(Scale::Seconds, 1_000_000_000).schema_index(Scale::Seconds), 0);
        assert_eq!(Cell::of(Scale::Seconds, 1_000_000_001).schema_index(Scale::Seconds), 1);
        assert_eq!(Cell::of(Scale::Seconds, 2_000_000_000).schema_index(Scale::Seconds), 32);
        assert_eq!(Cell::of(Scale::Bytes, 1).schema_index(Scale::Bytes), 0);
        assert_eq!(Cell::of(Scale::Bytes, 4096).schema_index(Scale::Bytes), 12 * 32);
        assert_eq!(Cell::of(Scale::Bytes, 4097).schema_index(Scale::Bytes), 12 * 32 + 1);
    }

    #[test]
    fn classic_bounds_end_a_cell() {
        for scale in SCALES {
            for (bound, label) in scale.classic_bounds() {
                assert_eq!(Cell::of(scale, *bound).last(scale), *bound, "{label}");
                assert!(Cell::of(scale, bound + 1) > Cell::of(scale, *bound), "{label}");
            }
        }
    }

    #[test]
    fn cells_cover_the_integers_without_gaps_or_overlaps() {
        for scale in SCALES {
            let mut next = 1_u64;
            for cell in (0..CELLS).map(Cell::from_index) {
                let (first, last) = (cell.first(scale), cell.last(scale));
                assert_eq!(first, next, "{scale:?} {cell:?}");
                assert!(last >= first - 1);
                if last > first {
                    assert!(last as f64 / first as f64 <= 1.0219, "{scale:?} {cell:?}: {first}..={last}");
                }
                next = last.saturating_add(1);
            }
            assert_eq!(next, u64::MAX);
        }
    }
}
