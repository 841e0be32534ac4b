//! The form that readers use.

#[cfg(feature = "enabled")]
use serde::{Deserialize, Serialize};

use super::buckets::Cell;
use super::scale::Scale;
#[cfg(feature = "enabled")]
use crate::base::prefetch::prefetch;

/// Up to this many cells are inserted one by one.
const FEW: usize = 16;

/// A distribution of times or sizes: exact counts in cells at most 2.2 % wide.
///
/// **Units.** Nanoseconds or bytes, as [`scale`](Self::scale) says. The exported forms are in
/// seconds and bytes.
///
/// **Accuracy.** [`sum`](Self::sum), [`count`](Self::count), [`classic`](Self::classic) and
/// [`native`](Self::native) are exact. A quantile is within 1.1 % of the value at that rank.
///
/// **Cost.** 16 bytes for each non-empty cell. Merging and reading are linear in their number.
///
/// ```
/// use perf_sdk::{Histogram, Scale};
///
/// let mut times = Histogram::new(Scale::Seconds); // integer nanoseconds
/// (1..=1_000).for_each(|micros| times.record(micros * 1_000, 1));
/// assert_eq!((times.count(), times.sum()), (1_000, 500_500_000));
///
/// let p99 = times.quantile(0.99).unwrap();
/// assert!((p99 / 990_000.0 - 1.0).abs() < 0.011);
/// ```
///
/// In a file or in JSON it is
/// `{"unit", "sum", "zero", "cells": [[largest value in the cell, count], …]}`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "enabled", derive(Serialize, Deserialize))]
#[cfg_attr(feature = "enabled", serde(from = "Written", into = "Written"))]
pub struct Histogram {
    scale: Scale,
    zero: u64,
    sum: u64,
    /// Ascending by cell index, without duplicate indices or zero counts.
    cells: Vec<(u16, u64)>,
}

impl Histogram {
    /// An empty histogram.
    #[must_use]
    pub const fn new(scale: Scale) -> Self {
        Self { scale, zero: 0, sum: 0, cells: Vec::new() }
    }

    /// `cells` must be as described at the field.
    pub(super) fn from_parts(scale: Scale, zero: u64, sum: u64, cells: Vec<(u16, u64)>) -> Self {
        debug_assert!(cells.is_sorted_by(|a, b| a.0 < b.0) && cells.iter().all(|cell| cell.1 > 0));
        Self { scale, zero, sum, cells }
    }

    /// Replaces all values. `cells` must be as described at the field.
    #[cfg_attr(not(any(feature = "otlp", feature = "serve")), allow(dead_code))]
    pub(super) fn set(&mut self, scale: Scale, sum: u64, cells: impl Iterator<Item = (u16, u64)>) {
        (self.scale, self.zero, self.sum) = (scale, 0, sum);
        self.cells.clear();
        self.cells.extend(cells);
        debug_assert!(self.cells.is_sorted_by(|a, b| a.0 < b.0) && self.cells.iter().all(|cell| cell.1 > 0));
    }

    /// Records `value` `times` times.
    pub fn record(&mut self, value: u64, times: u64) {
        if times == 0 {
            return;
        }
        if value == 0 {
            self.zero = self.zero.saturating_add(times);
            return;
        }
        self.sum = self.sum.wrapping_add(value.wrapping_mul(times));
        self.count_cell(Cell::of(self.scale, value).index(), times);
    }

    /// Whether the values are times or sizes.
    #[must_use]
    pub const fn scale(&self) -> Scale {
        self.scale
    }

    /// The number of values.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.cells.iter().fold(self.zero, |sum, cell| sum.saturating_add(cell.1))
    }

    /// The number of values that are 0.
    #[must_use]
    pub const fn zero_count(&self) -> u64 {
        self.zero
    }

    /// The sum of the values. It wraps at 2⁶⁴, which is 584 years of summed time.
    #[must_use]
    pub const fn sum(&self) -> u64 {
        self.sum
    }

    /// The sum in the unit of the exported forms: seconds or bytes.
    #[must_use]
    pub fn sum_in_base_unit(&self) -> f64 {
        self.sum as f64 / self.scale.per_unit() as f64
    }

    /// Whether there are no values.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.zero == 0 && self.cells.is_empty()
    }

    /// The exact mean. `None` if empty.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        let count = self.count();
        (count > 0).then(|| self.sum as f64 / count as f64)
    }

    /// The value at rank ⌈q · count⌉ of the sorted values, at least the first, within 1.1 %.
    ///
    /// The result is the harmonic midpoint of its cell's bounds, which halves the maximum relative
    /// error. It is exact where a cell contains only one integer, which is so up to 40. `q` is
    /// clamped to 0..=1. `None` if the histogram is empty or `q` is not a number.
    #[must_use]
    pub fn quantile(&self, q: f64) -> Option<f64> {
        self.at_quantile(q).map(|cell| cell.map_or(0.0, |cell| middle(self.scale, cell)))
    }

    /// The bounds of the value at that rank: those of its cell.
    pub(crate) fn quantile_bounds(&self, q: f64) -> Option<[f64; 2]> {
        let bounds = |cell: Cell| [cell.first(self.scale), cell.last(self.scale)].map(|bound| bound as f64);
        self.at_quantile(q).map(|cell| cell.map_or([0.0; 2], bounds))
    }

    /// The cell of the value at that rank; `Some(None)` is the value 0.
    fn at_quantile(&self, q: f64) -> Option<Option<Cell>> {
        let count = self.count();
        if count == 0 || q.is_nan() {
            return None;
        }
        // 0.07 · 100 is 7.000000000000001 in floating point, but its rank is 7.
        let rank = (q.clamp(0.0, 1.0) * count as f64 * (1.0 - 4.0 * f64::EPSILON)).ceil() as u64;
        let rank = rank.clamp(1, count);
        let mut passed = self.zero;
        if rank <= passed {
            return Some(None);
        }
        for (cell, count) in self.iter() {
            passed = passed.saturating_add(count);
            if rank <= passed {
                return Some(Some(cell));
            }
        }
        self.iter().last().map(|(cell, _)| Some(cell))
    }

    /// A lower bound of all values: the start of the first non-empty cell. `None` if the histogram
    /// is empty.
    #[must_use]
    pub fn lower_bound(&self) -> Option<u64> {
        if self.zero > 0 {
            return Some(0);
        }
        self.iter().next().map(|(cell, _)| cell.first(self.scale))
    }

    /// An upper bound of all values: the end of the last non-empty cell. `None` if the histogram is
    /// empty.
    #[must_use]
    pub fn upper_bound(&self) -> Option<u64> {
        match self.iter().last() {
            Some((cell, _)) => Some(cell.last(self.scale)),
            None => (self.zero > 0).then_some(0),
        }
    }

    /// The non-empty cells as (smallest value, largest value, count), ascending.
    pub fn cells(&self) -> impl Iterator<Item = (u64, u64, u64)> {
        let zero = (self.zero > 0).then_some((0, 0, self.zero));
        let scale = self.scale;
        zero.into_iter().chain(self.iter().map(move |(cell, count)| (cell.first(scale), cell.last(scale), count)))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Cell, u64)> {
        self.cells.iter().map(|(index, count)| (Cell::from_index(*index), *count))
    }

    /// Adds all values of `other`. If the scales differ, nothing happens, except that an empty
    /// histogram becomes a copy of `other`.
    pub fn merge(&mut self, other: &Self) {
        if self.is_empty() {
            self.clone_from(other);
        } else if self.scale == other.scale {
            self.add(other);
        }
    }

    /// Adds counts, given as the parts of a histogram.
    pub(super) fn add_parts(&mut self, zero: u64, sum: u64, cells: impl Iterator<Item = (u16, u64)>) {
        self.zero = self.zero.saturating_add(zero);
        self.sum = self.sum.wrapping_add(sum);
        for (index, count) in cells {
            self.count_cell(index, count);
        }
    }

    fn count_cell(&mut self, index: u16, count: u64) {
        match self.cells.binary_search_by_key(&index, |cell| cell.0) {
            Ok(at) => self.cells[at].1 = self.cells[at].1.saturating_add(count),
            Err(at) => self.cells.insert(at, (index, count)),
        }
    }

    /// The non-empty cells as (index, count), ascending. Indices are below [`CELLS`](super::CELLS).
    #[cfg(feature = "enabled")]
    pub(crate) fn indexed_cells(&self) -> impl Iterator<Item = (u16, u64)> {
        self.cells.iter().copied()
    }

    /// Adds values by their cell. The sum grows by the middle of the cell for each.
    #[cfg(feature = "enabled")]
    pub(crate) fn count_index(&mut self, index: u16, count: u64) {
        if usize::from(index) < super::CELLS && count > 0 {
            let middle = middle(self.scale, Cell::from_index(index)) as u64;
            self.sum = self.sum.wrapping_add(middle.wrapping_mul(count));
            self.count_cell(index, count);
        }
    }

    /// Removes all values and keeps the capacity.
    pub(crate) fn clear(&mut self) {
        (self.zero, self.sum) = (0, 0);
        self.cells.clear();
    }

    /// Prefetches the cells, before a merge.
    #[cfg(feature = "enabled")]
    pub(crate) fn prefetch_cells(&self) {
        if let [first, .., last] = self.cells.as_slice() {
            prefetch(first);
            prefetch(last);
        }
    }

    /// As `merge`, for two histograms that are known to have the same scale.
    fn add(&mut self, other: &Self) {
        self.add_using(other, &mut Vec::new());
    }

    /// As `merge`, for the same scale. Does not allocate if `spare`, which is changed, is large
    /// enough.
    #[cfg_attr(not(feature = "enabled"), allow(dead_code))]
    pub(crate) fn add_using(&mut self, other: &Self, spare: &mut Vec<(u16, u64)>) {
        debug_assert_eq!(self.scale, other.scale);
        if other.cells.len() <= FEW {
            return self.add_parts(other.zero, other.sum, other.cells.iter().copied());
        }
        self.zero = self.zero.saturating_add(other.zero);
        self.sum = self.sum.wrapping_add(other.sum);
        if self.cells.is_empty() {
            self.cells.clone_from(&other.cells);
            return;
        }
        let merged = spare;
        merged.clear();
        merged.reserve(self.cells.len().max(other.cells.len()) + 8);
        let (mut a, mut b) = (self.cells.iter().copied().peekable(), other.cells.iter().copied().peekable());
        while let (Some(x), Some(y)) = (a.peek().copied(), b.peek().copied()) {
            merged.push(match x.0.cmp(&y.0) {
                std::cmp::Ordering::Less => x,
                std::cmp::Ordering::Equal => (x.0, x.1.saturating_add(y.1)),
                std::cmp::Ordering::Greater => y,
            });
            a.next_if(|x| x.0 <= y.0);
            b.next_if(|y| y.0 <= x.0);
        }
        merged.extend(a.chain(b));
        std::mem::swap(&mut self.cells, merged);
    }

    /// What was recorded since `earlier`, an older reading of the same histogram. Saturates cell by
    /// cell, so an unrelated `earlier` gives a smaller histogram, never one that wrapped.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        if self.scale != earlier.scale {
            return self.clone();
        }
        let mut old = earlier.cells.iter().copied().peekable();
        let cells = self
            .cells
            .iter()
            .filter_map(|(index, count)| {
                while old.next_if(|cell| cell.0 < *index).is_some() {}
                let before = old.next_if(|cell| cell.0 == *index).map_or(0, |cell| cell.1);
                let new = count.saturating_sub(before);
                (new > 0).then_some((*index, new))
            })
            .collect();
        Self {
            scale: self.scale,
            zero: self.zero.saturating_sub(earlier.zero),
            sum: self.sum.saturating_sub(earlier.sum),
            cells,
        }
    }
}

/// The m with (m − a)/a = (b − m)/b.
pub(super) fn middle(scale: Scale, cell: Cell) -> f64 {
    let (first, last) = (cell.first(scale) as f64, cell.last(scale) as f64);
    2.0 * first * last / (first + last)
}

/// The form in files: by values, independent of the internal numbering of cells.
#[cfg_attr(feature = "enabled", derive(Serialize, Deserialize))]
struct Written {
    unit: Scale,
    sum: u64,
    zero: u64,
    cells: Vec<(u64, u64)>,
}

impl From<Histogram> for Written {
    fn from(histogram: Histogram) -> Self {
        let scale = histogram.scale;
        let cells = histogram.iter().map(|(cell, count)| (cell.last(scale), count)).collect();
        Self { unit: scale, sum: histogram.sum, zero: histogram.zero, cells }
    }
}

impl From<Written> for Histogram {
    fn from(written: Written) -> Self {
        let mut histogram = Self::new(written.unit);
        histogram.zero = written.zero;
        for (value, count) in written.cells {
            histogram.record(value, count);
        }
        histogram.sum = written.sum;
        histogram
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn random(seed: u64) -> impl Iterator<Item = u64> {
        std::iter::successors(Some(seed), |x| {
            let mut x = *x;
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            Some(x)
        })
    }

    fn of(scale: Scale, values: &[u64]) -> Histogram {
        let mut histogram = Histogram::new(scale);
        values.iter().for_each(|v| histogram.record(*v, 1));
        histogram
    }

    fn samples() -> Vec<Vec<u64>> {
        let spread: Vec<u64> = random(7).take(5_000).map(|x| x >> (x % 60)).collect();
        let narrow: Vec<u64> = random(8).take(999).map(|x| 1_000_000 + x % 50_000).collect();
        let bimodal: Vec<u64> = random(9).take(1_000).map(|x| if x % 10 == 0 { 40_000_000 } else { 900 }).collect();
        let small: Vec<u64> = random(10).take(300).map(|x| x % 40).collect();
        vec![spread, narrow, bimodal, small, vec![1], vec![0], vec![u64::MAX, 1], vec![50, 51, 52]]
    }

    #[test]
    fn quantiles_are_near_those_of_the_sorted_list() {
        for values in samples() {
            let mut sorted = values.clone();
            sorted.sort_unstable();
            for scale in [Scale::Seconds, Scale::Bytes] {
                let histogram = of(scale, &values);
                for q in [0.0, 0.001, 0.07, 0.25, 0.5, 0.9, 0.95, 0.99, 0.999, 1.0] {
                    let rank = ((q * 1000.0_f64).round() as usize * sorted.len()).div_ceil(1000).max(1);
                    let exact = sorted[rank - 1] as f64;
                    let got = histogram.quantile(q).unwrap();
                    assert!((got - exact).abs() <= exact * 0.011, "{scale:?} q {q}: {got} instead of {exact}");
                }
            }
        }
    }

    #[test]
    fn small_integers_are_exact() {
        for (scale, v) in (0..=40).flat_map(|v| [(Scale::Seconds, v), (Scale::Bytes, v)]) {
            assert_eq!(of(scale, &[v]).quantile(0.5), Some(v as f64));
        }
    }

    #[test]
    fn count_sum_mean_and_bounds() {
        for values in samples() {
            let histogram = of(Scale::Seconds, &values);
            let sum = values.iter().fold(0_u64, |sum, v| sum.wrapping_add(*v));
            assert_eq!((histogram.count(), histogram.sum()), (values.len() as u64, sum));
            assert_eq!(histogram.mean(), Some(sum as f64 / values.len() as f64));
            let (min, max) = (*values.iter().min().unwrap(), *values.iter().max().unwrap());
            let (lower, upper) = (histogram.lower_bound().unwrap(), histogram.upper_bound().unwrap());
            assert!(lower <= min && max <= upper && lower as f64 >= min as f64 * 0.978, "{lower} {min} {max} {upper}");
            assert!(upper as f64 <= max as f64 * 1.0221);
        }
        let empty = Histogram::new(Scale::Bytes);
        assert!(empty.is_empty());
        assert_eq!(
            (empty.quantile(0.5), empty.mean(), empty.lower_bound(), empty.upper_bound()),
            (None, None, None, None)
        );
        assert_eq!(of(Scale::Bytes, &[3]).quantile(f64::NAN), None);
        assert_eq!(of(Scale::Bytes, &[3]).quantile(7.0), Some(3.0));
    }

    #[test]
    fn merging_is_recording_into_one() {
        let all = samples();
        for scale in [Scale::Seconds, Scale::Bytes] {
            let mut merged = Histogram::default();
            all.iter().for_each(|values| merged.merge(&of(scale, values)));
            assert_eq!(merged, of(scale, &all.concat()));
        }
    }

    #[test]
    fn merging_another_scale_changes_nothing() {
        let mut bytes = of(Scale::Bytes, &[7]);
        bytes.merge(&of(Scale::Seconds, &[9]));
        assert_eq!(bytes, of(Scale::Bytes, &[7]));
    }

    #[test]
    fn a_window_is_what_was_recorded_in_it() {
        let all = samples();
        for split in 0..all.len() {
            let earlier = of(Scale::Seconds, &all[..split].concat());
            let mut later = of(Scale::Seconds, &all.concat());
            // If a sample makes the sum wrap, the sum is not meaningful.
            let window = of(Scale::Seconds, &all[split..].concat());
            later.sum = earlier.sum.saturating_add(1);
            let got = later.since(&earlier);
            assert_eq!((&got.cells, got.zero, got.sum), (&window.cells, window.zero, 1));
            assert!(earlier.since(&later).is_empty());
        }
    }

    #[test]
    fn weights_count_as_many_calls() {
        let mut weighted = Histogram::new(Scale::Seconds);
        weighted.record(1_500, 64);
        weighted.record(1_500, 0);
        assert_eq!((weighted.count(), weighted.sum()), (64, 96_000));
    }

    #[test]
    fn the_written_form_is_the_same_histogram() {
        for values in samples() {
            for scale in [Scale::Seconds, Scale::Bytes] {
                let histogram = of(scale, &values);
                assert_eq!(Histogram::from(Written::from(histogram.clone())), histogram);
            }
        }
    }
}
