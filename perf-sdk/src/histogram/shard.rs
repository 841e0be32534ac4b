//! The histogram of one site on one thread.
#![allow(unsafe_code)]

use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU8, AtomicU64, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};

use super::buckets::Cell;
use super::classic::{self, Split};
use super::merged::Histogram;
use super::page::Page;
use super::scale::Scale;
use crate::base::prefetch::prefetch;

/// The number of pages that the owner finds without a search. Neighbouring octaves never share a
/// place.
const NEAR: usize = 4;
const NO_OCTAVE: u8 = u8::MAX;
/// A sum that is negative by at most this, 18 minutes, consists of differences that were counted as
/// 0. Other sums do not come near 2⁶⁴.
const MOST_BELOW_ZERO: u64 = 1 << 40;

/// Written by its owner with plain stores, read by any thread at any time.
///
/// Pages come from the owner's allocator when an octave is first hit, and are never freed. A value
/// is in one cell only, so a reader between two stores misses at most the call that is being
/// recorded, and only in `sum`.
#[derive(Debug)]
#[repr(align(64))]
pub(crate) struct Shard {
    zero: AtomicU64,
    sum: AtomicU64,
    newest: AtomicPtr<Page>,
    /// The owner's shortcut. `near_octaves` says which octave each place holds.
    near: [AtomicPtr<Page>; NEAR],
    near_octaves: [AtomicU8; NEAR],
}

const _: () = assert!(size_of::<Shard>() == 64);

/// A value and its cell, so that one value can be recorded in two histograms of the same scale.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Located {
    /// The increase of the sum, wrapping: slightly negative for some differences.
    value: u64,
    cell: Cell,
    /// Whether it is counted as 0.
    is_zero: bool,
}

impl Located {
    #[inline]
    pub(crate) fn new(scale: Scale, value: u64) -> Self {
        Self { value, cell: Cell::of(scale, value), is_zero: value == 0 }
    }

    /// As [`new`](Self::new), of a time in nanoseconds.
    #[inline(always)]
    pub(crate) fn of_time(ns: u64) -> Self {
        Self { value: ns, cell: Cell::of_time(ns), is_zero: ns == 0 }
    }

    /// The value as it is counted.
    pub(crate) fn clamped(self) -> u64 {
        if self.is_zero { 0 } else { self.value }
    }

    pub(super) fn value(self) -> u64 {
        self.value
    }

    pub(super) fn cell(self) -> Cell {
        self.cell
    }

    pub(super) fn is_zero(self) -> bool {
        self.is_zero
    }

    /// The location of a difference that may be slightly negative. It is then counted as 0 and
    /// summed as it is.
    #[inline]
    pub(crate) fn of_difference(scale: Scale, value: i64) -> Self {
        Self { value: value as u64, cell: Cell::of(scale, value.max(0) as u64), is_zero: value <= 0 }
    }
}

/// A sum of differences. One that is slightly negative counts as 0.
pub(super) fn sum_of_differences(sum: u64) -> u64 {
    if sum.wrapping_neg() <= MOST_BELOW_ZERO { 0 } else { sum }
}

#[inline]
fn add(counter: &AtomicU64, n: u64) {
    counter.store(counter.load(Relaxed).wrapping_add(n), Relaxed);
}

impl Shard {
    /// An empty histogram.
    pub(crate) const fn new() -> Self {
        Self {
            zero: AtomicU64::new(0),
            sum: AtomicU64::new(0),
            newest: AtomicPtr::new(ptr::null_mut()),
            near: [const { AtomicPtr::new(ptr::null_mut()) }; NEAR],
            near_octaves: [const { AtomicU8::new(NO_OCTAVE) }; NEAR],
        }
    }

    /// Owner only. Records `weight` calls of a located value, on the same scale as all others.
    /// `pages` returns a new page. If it cannot, nothing is recorded and the result is false.
    #[inline]
    pub(crate) fn record_at(&self, at: Located, weight: u64, pages: &impl Fn() -> Option<&'static Page>) -> bool {
        if at.is_zero {
            self.record_zero(at, weight);
            return true;
        }
        let Some(page) = self.page(at.cell.octave(), pages) else { return false };
        let counted = page.add(at.cell.slot(), weight, pages);
        if counted {
            add(&self.sum, at.value.wrapping_mul(weight));
        }
        counted
    }

    /// Owner only. As [`record_at`](Self::record_at), if the page is one of the near ones. False:
    /// nothing was recorded, and `record_at` must be used.
    #[inline(always)]
    pub(crate) fn record_near(&self, at: Located, weight: u32) -> bool {
        if at.is_zero {
            self.record_zero(at, u64::from(weight));
            return true;
        }
        let octave = at.cell.octave();
        let place = usize::from(octave) % NEAR;
        if self.near_octaves[place].load(Relaxed) != octave {
            return false;
        }
        // SAFETY: as in `page`.
        let page = unsafe { self.near[place].load(Relaxed).as_ref() };
        let counted = page.is_some_and(|page| page.add_near(at.cell.slot(), weight));
        if counted {
            add(&self.sum, at.value.wrapping_mul(u64::from(weight)));
        }
        counted
    }

    /// Owner only. Records the value 0 `weight` times.
    #[inline(always)]
    pub(crate) fn count_zero(&self, weight: u32) {
        add(&self.zero, u64::from(weight));
    }

    /// Owner only. Records a difference below 0 once.
    #[inline(always)]
    pub(crate) fn count_below_zero(&self, value: i64) {
        add(&self.zero, 1);
        add(&self.sum, value as u64);
    }

    #[inline(always)]
    fn record_zero(&self, at: Located, weight: u64) {
        add(&self.zero, weight);
        add(&self.sum, at.value.wrapping_mul(weight));
    }

    #[inline]
    fn page(&self, octave: u8, pages: &impl Fn() -> Option<&'static Page>) -> Option<&'static Page> {
        let place = usize::from(octave) % NEAR;
        if self.near_octaves[place].load(Relaxed) == octave {
            // SAFETY: `far` stores both together, from a `&'static Page`, on this thread or on the
            // previous owner of this record.
            return unsafe { self.near[place].load(Relaxed).as_ref() };
        }
        self.far(octave, pages)
    }

    #[cold]
    #[inline(never)]
    fn far(&self, octave: u8, pages: &dyn Fn() -> Option<&'static Page>) -> Option<&'static Page> {
        let page = match self.pages().find(|page| page.octave() == octave) {
            Some(page) => page,
            None => {
                let page = pages()?;
                page.link(octave, self.newest.load(Relaxed));
                self.newest.store(ptr::from_ref(page).cast_mut(), Release);
                page
            }
        };
        let place = usize::from(octave) % NEAR;
        self.near[place].store(ptr::from_ref(page).cast_mut(), Relaxed);
        self.near_octaves[place].store(octave, Relaxed);
        Some(page)
    }

    /// From any thread: whether the value can be recorded without a new page.
    pub(crate) fn has_cell(&self, at: Located) -> bool {
        at.is_zero || self.pages().any(|page| page.octave() == at.cell.octave())
    }

    fn pages(&self) -> impl Iterator<Item = &'static Page> {
        // SAFETY: null, or stored by `far` from a `&'static Page`. `Acquire` pairs with that store.
        let newest: Option<&'static Page> = unsafe { self.newest.load(Acquire).as_ref() };
        std::iter::successors(newest, |page| page.older())
    }

    /// From any thread, before folding: prefetches the cells that were written last.
    pub(crate) fn prefetch_cells(&self) {
        for place in &self.near {
            // SAFETY: null, or a `&'static Page`, whose memory is prefetched and not read.
            if let Some(page) = unsafe { place.load(Acquire).as_ref() } {
                prefetch(page);
            }
        }
    }

    /// Adds what was recorded so far to `into`. From any thread. Takes some microseconds.
    pub(crate) fn fold_into(&self, into: &mut Histogram) {
        let cells = self.pages().flat_map(|page| {
            let octave = page.octave();
            page.counts().map(move |(slot, count)| (Cell::new(octave, slot).index(), count))
        });
        into.add_parts(self.zero.load(Relaxed), sum_of_differences(self.sum.load(Relaxed)), cells);
    }

    /// Passes the counts of classic buckets to `each`, not cumulative, and returns the sum of the
    /// values. From any thread.
    #[cfg_attr(not(any(feature = "otlp", feature = "serve")), allow(dead_code))]
    pub(crate) fn read_classic(&self, scale: Scale, mut each: impl FnMut(usize, u64)) -> u64 {
        let zero = self.zero.load(Relaxed);
        if zero > 0 {
            each(0, zero);
        }
        for page in self.pages() {
            let Split { low, slot } = classic::split(scale, page.octave());
            for (bucket, count) in (usize::from(low)..).zip(page.sums(slot)) {
                if count > 0 {
                    each(bucket, count);
                }
            }
        }
        sum_of_differences(self.sum.load(Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page() -> Option<&'static Page> {
        Some(Box::leak(Box::new(Page::new())))
    }

    fn record(
        shard: &Shard,
        scale: Scale,
        value: u64,
        weight: u64,
        pages: &impl Fn() -> Option<&'static Page>,
    ) -> bool {
        let at = Located::new(scale, value);
        shard.record_near(at, weight as u32) || shard.record_at(at, weight, pages)
    }

    fn folded(shard: &Shard, scale: Scale) -> Histogram {
        let mut histogram = Histogram::new(scale);
        shard.fold_into(&mut histogram);
        histogram
    }

    #[test]
    fn holds_what_was_recorded() {
        for scale in [Scale::Seconds, Scale::Bytes] {
            let shard = Shard::new();
            let mut expected = Histogram::new(scale);
            let mut random = 0x2545_f491_4f6c_dd1d_u64;
            for i in 0..if cfg!(miri) { 50 } else { 50_000_u64 } {
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                let (value, weight) = (random >> (random % 65).min(63), 1 + i % 3);
                assert!(record(&shard, scale, value, weight, &page));
                expected.record(value, weight);
            }
            assert!(record(&shard, scale, 0, 2, &page));
            expected.record(0, 2);
            assert_eq!(folded(&shard, scale), expected);
        }
    }

    #[test]
    fn classic_counts_are_those_of_the_histogram() {
        for scale in [Scale::Seconds, Scale::Bytes] {
            let shard = Shard::new();
            let mut random = 0x2545_f491_4f6c_dd1d_u64;
            for i in 0..if cfg!(miri) { 50 } else { 5_000_u64 } {
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                // Some cells overflow.
                let weight = if i % 7 == 0 { u64::from(u32::MAX) } else { i % 3 };
                assert!(record(&shard, scale, random >> (random % 64), weight, &page));
            }
            let (mut counts, mut expected) = ([0; 21], [0; 21]);
            let sum = shard.read_classic(scale, |bucket, count| counts[bucket] += count);
            let whole = folded(&shard, scale);
            whole.each_classic(|bucket, count| expected[bucket] += count);
            assert_eq!((counts, sum), (expected, whole.sum()));
        }
    }

    #[test]
    fn asks_for_a_page_an_octave_and_no_more() {
        let asked = std::cell::Cell::new(0);
        let pages = || {
            asked.set(asked.get() + 1);
            page()
        };
        let shard = Shard::new();
        assert!(record(&shard, Scale::Seconds, 0, 1, &pages));
        assert_eq!(asked.get(), 0);
        for _ in 0..3 {
            // Octaves that are 16 times apart have the same place among the near pages.
            for value in [1_000, 16_000, 256_000] {
                assert!(record(&shard, Scale::Seconds, value, 1, &pages));
            }
        }
        assert_eq!(asked.get(), 3);
        assert_eq!(folded(&shard, Scale::Seconds).count(), 10);
    }

    #[test]
    fn records_nothing_without_a_page() {
        let shard = Shard::new();
        assert!(!record(&shard, Scale::Bytes, 7, 1, &|| None));
        assert_eq!(folded(&shard, Scale::Bytes), Histogram::new(Scale::Bytes));
        assert!(record(&shard, Scale::Bytes, 7, 1, &page));
        assert_eq!((folded(&shard, Scale::Bytes).count(), folded(&shard, Scale::Bytes).sum()), (1, 7));
    }

    #[test]
    fn one_location_serves_two_shards() {
        let (wall, cpu) = (Shard::new(), Shard::new());
        let at = Located::new(Scale::Seconds, 1_234);
        assert!(wall.record_at(at, 1, &page) && cpu.record_at(at, 64, &page));
        assert_eq!(folded(&wall, Scale::Seconds).sum(), 1_234);
        assert_eq!((folded(&cpu, Scale::Seconds).sum(), folded(&cpu, Scale::Seconds).count()), (64 * 1_234, 64));
    }

    #[test]
    fn counts_only_grow_for_a_reader() {
        let shard = Shard::new();
        let calls = if cfg!(miri) { 100 } else { 300_000 };
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| {
                let mut last = 0;
                while last < calls {
                    let now = folded(&shard, Scale::Seconds).count();
                    assert!(now >= last);
                    last = now;
                }
            });
            for i in 0..calls {
                assert!(record(&shard, Scale::Seconds, i * 37, 1, &page));
            }
            reader.join().unwrap();
        });
    }

    /// `cargo test --release -p perf-sdk --lib shard::tests::cost -- --ignored --nocapture`
    #[test]
    #[ignore = "a measurement"]
    fn cost() {
        const VALUES: u64 = 4096;
        let values: Vec<u64> = (0..VALUES).map(|i| 800 + i * i % 1_201).collect();
        let best = |pass: &mut dyn FnMut(&[u64]) -> bool| {
            (0..400)
                .map(|_| {
                    let start = std::time::Instant::now();
                    assert!(pass(std::hint::black_box(&values)));
                    start.elapsed().as_nanos() as f64 / VALUES as f64
                })
                .fold(f64::MAX, f64::min)
        };
        let (wall, cpu) = (Shard::new(), Shard::new());
        let locate = best(&mut |values| {
            values.iter().fold(0, |sum, v| sum + u64::from(Located::new(Scale::Seconds, *v).cell.slot())) > 0
        });
        let record = best(&mut |values| values.iter().all(|v| record(&wall, Scale::Seconds, *v, 1, &page)));
        let both = best(&mut |values| {
            values.iter().all(|v| {
                let at = Located::new(Scale::Seconds, *v);
                wall.record_at(at, 1, &page) & cpu.record_at(at, 1, &page)
            })
        });
        let mut hdr = hdrhistogram::Histogram::<u64>::new(3).unwrap();
        let hdr = best(&mut |values| values.iter().all(|v| hdr.record(*v).is_ok()));
        println!("locate {locate:.2} ns, record {record:.2} ns, in two {both:.2} ns, hdrhistogram {hdr:.2} ns");
        println!("record / hdrhistogram = {:.2}", record / hdr);
    }
}
