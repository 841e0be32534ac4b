//! Histograms that several threads may write: of one site for threads that have no shard of their
//! own, and of an instrument's stripe.
#![allow(unsafe_code)]

use std::ptr;

use super::buckets::{Cell, SLOTS};
use super::classic::{self, Split};
use super::merged::Histogram;
use super::scale::Scale;
use super::shard::{Located, sum_of_differences};
use crate::base::atomic::{
    AtomicPtr, AtomicU8, AtomicU64, Ordering::AcqRel, Ordering::Acquire, Ordering::Relaxed, Ordering::Release,
};

/// The number of pages that the owner of a stripe finds without a search. Neighbouring octaves
/// never share a place.
const NEAR: usize = 11;
const NO_OCTAVE: u8 = u8::MAX;

/// Cells of one octave, written by any thread. All zeros is the empty state.
#[derive(Debug)]
pub(crate) struct SharedPage {
    cells: [AtomicU64; SLOTS],
    octave: AtomicU8,
    older: AtomicPtr<SharedPage>,
}

/// Written and read by any thread. Uses atomic additions, which are an order of magnitude more
/// expensive than a [`Shard`](super::Shard). All zeros is the empty state.
#[derive(Debug)]
pub(crate) struct SharedShard {
    zero: AtomicU64,
    sum: AtomicU64,
    newest: AtomicPtr<SharedPage>,
}

/// A histogram that one thread owns, which finds its pages without a search. Other threads may
/// write to it too.
///
/// PERF: pages are in no cache when a request comes, and a list of them is a cache miss for each.
#[derive(Debug)]
pub(crate) struct OwnedShard {
    shard: SharedShard,
    /// Written by the owner only. `near_octaves` says which octave each place holds.
    near: [AtomicPtr<SharedPage>; NEAR],
    near_octaves: [AtomicU8; NEAR],
}

impl SharedPage {
    /// An empty page.
    #[allow(dead_code, reason = "not in tests/loom")]
    pub(crate) fn new() -> Self {
        Self {
            cells: std::array::from_fn(|_| AtomicU64::new(0)),
            octave: AtomicU8::new(0),
            older: AtomicPtr::new(ptr::null_mut()),
        }
    }

    fn older(&self) -> Option<&'static Self> {
        // SAFETY: null, or stored by `page` from a `&'static SharedPage`. `Acquire` pairs with its
        // publication.
        unsafe { self.older.load(Acquire).as_ref() }
    }
}

impl SharedShard {
    /// An empty histogram.
    #[allow(dead_code, reason = "not in tests/loom")]
    pub(crate) fn new() -> Self {
        Self { zero: AtomicU64::new(0), sum: AtomicU64::new(0), newest: AtomicPtr::new(ptr::null_mut()) }
    }

    /// The sum of all values.
    #[allow(dead_code, reason = "not in tests/loom")]
    pub(crate) fn sum(&self) -> u64 {
        sum_of_differences(self.sum.load(Relaxed))
    }

    /// The number of values.
    #[allow(dead_code, reason = "not in tests/loom")]
    pub(crate) fn count(&self) -> u64 {
        let cells = self.pages().flat_map(|page| &page.cells).map(|cell| cell.load(Relaxed));
        cells.fold(self.zero.load(Relaxed), u64::saturating_add)
    }

    /// Removes all values. Called in a forked child, where no other thread records.
    #[allow(dead_code, reason = "not in tests/loom")]
    pub(crate) fn reset(&self) {
        self.zero.store(0, Relaxed);
        self.sum.store(0, Relaxed);
        self.pages().for_each(|page| page.cells.iter().for_each(|cell| cell.store(0, Relaxed)));
    }

    /// Records `weight` calls of a located value. `pages` returns a new page, all zeros. If it
    /// cannot, nothing is recorded and the result is false.
    pub(crate) fn record(&self, at: Located, weight: u64, pages: impl Fn() -> Option<&'static SharedPage>) -> bool {
        if at.is_zero() {
            self.zero.fetch_add(weight, Relaxed);
        } else {
            let Some(page) = self.page(at.cell().octave(), pages) else { return false };
            let Some(cell) = page.cells.get(usize::from(at.cell().slot())) else { return false };
            cell.fetch_add(weight, Relaxed);
        }
        self.sum.fetch_add(at.value().wrapping_mul(weight), Relaxed);
        true
    }

    fn page(&self, octave: u8, pages: impl Fn() -> Option<&'static SharedPage>) -> Option<&'static SharedPage> {
        let existing = || self.pages().find(|page| page.octave.load(Relaxed) == octave);
        if let Some(page) = existing() {
            return Some(page);
        }
        let page = pages()?;
        page.octave.store(octave, Relaxed);
        loop {
            // If another thread was faster, its page is used and this one is wasted.
            let newest = self.newest.load(Acquire);
            if let Some(page) = existing() {
                return Some(page);
            }
            page.older.store(newest, Relaxed);
            let new = ptr::from_ref(page).cast_mut();
            if self.newest.compare_exchange(newest, new, AcqRel, Relaxed).is_ok() {
                return Some(page);
            }
        }
    }

    fn pages(&self) -> impl Iterator<Item = &'static SharedPage> {
        // SAFETY: null, or stored by `page` from a `&'static SharedPage`. `Acquire` pairs with its
        // publication.
        let newest: Option<&'static SharedPage> = unsafe { self.newest.load(Acquire).as_ref() };
        std::iter::successors(newest, |page| page.older())
    }

    /// Passes the counts of classic buckets to `each`, not cumulative, and returns the sum of the
    /// values.
    #[allow(dead_code, reason = "only for scrapes")]
    pub(crate) fn read_classic(&self, scale: Scale, mut each: impl FnMut(usize, u64)) -> u64 {
        each(0, self.zero.load(Relaxed));
        for page in self.pages() {
            let Split { low, slot } = classic::split(scale, page.octave.load(Relaxed));
            let (before, after) = page.cells.split_at(usize::from(slot).min(SLOTS));
            for (bucket, cells) in (usize::from(low)..).zip([before, after]) {
                let count = cells.iter().map(|cell| cell.load(Relaxed)).fold(0, u64::saturating_add);
                if count > 0 {
                    each(bucket, count);
                }
            }
        }
        sum_of_differences(self.sum.load(Relaxed))
    }

    /// What was recorded so far.
    pub(crate) fn read(&self, scale: Scale) -> Histogram {
        let mut cells: Vec<(u16, u64)> = self
            .pages()
            .flat_map(|page| {
                let octave = page.octave.load(Relaxed);
                let counts = page.cells.iter().zip(0..).map(|(cell, slot)| (slot, cell.load(Relaxed)));
                counts
                    .filter(|(_, count)| *count > 0)
                    .map(move |(slot, count)| (Cell::new(octave, slot).index(), count))
            })
            .collect();
        cells.sort_unstable();
        let sum = sum_of_differences(self.sum.load(Relaxed));
        Histogram::from_parts(scale, self.zero.load(Relaxed), sum, cells)
    }
}

#[allow(dead_code, reason = "not in tests/loom")]
impl OwnedShard {
    /// An empty histogram.
    pub(crate) fn new() -> Self {
        Self {
            shard: SharedShard::new(),
            near: std::array::from_fn(|_| AtomicPtr::new(ptr::null_mut())),
            near_octaves: std::array::from_fn(|_| AtomicU8::new(NO_OCTAVE)),
        }
    }

    /// As a histogram that all threads write.
    pub(crate) fn shared(&self) -> &SharedShard {
        &self.shard
    }

    /// Owner only. As [`SharedShard::record`], while no other thread records: without atomic
    /// additions.
    #[inline]
    pub(crate) fn record_alone(&self, at: Located, pages: impl Fn() -> Option<&'static SharedPage>) -> bool {
        let add = |to: &AtomicU64, n: u64| to.store(to.load(Relaxed).wrapping_add(n), Relaxed);
        if at.is_zero() {
            add(&self.shard.zero, 1);
        } else {
            let Some(page) = self.page(at.cell().octave(), pages) else { return false };
            let Some(cell) = page.cells.get(usize::from(at.cell().slot())) else { return false };
            add(cell, 1);
        }
        add(&self.shard.sum, at.value());
        true
    }

    #[inline]
    fn page(&self, octave: u8, pages: impl Fn() -> Option<&'static SharedPage>) -> Option<&'static SharedPage> {
        let place = usize::from(octave) % NEAR;
        if self.near_octaves[place].load(Relaxed) == octave {
            // SAFETY: null, or stored by `far` from a `&'static SharedPage`. `Acquire` pairs with
            // that store, whichever thread made it.
            return unsafe { self.near[place].load(Acquire).as_ref() };
        }
        self.far(octave, &pages)
    }

    #[cold]
    #[inline(never)]
    fn far(&self, octave: u8, pages: &dyn Fn() -> Option<&'static SharedPage>) -> Option<&'static SharedPage> {
        let page = self.shard.page(octave, pages)?;
        let place = usize::from(octave) % NEAR;
        self.near[place].store(ptr::from_ref(page).cast_mut(), Release);
        self.near_octaves[place].store(octave, Relaxed);
        Some(page)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page() -> Option<&'static SharedPage> {
        let (octave, older) = (AtomicU8::new(0), AtomicPtr::new(ptr::null_mut()));
        Some(Box::leak(Box::new(SharedPage { cells: [const { AtomicU64::new(0) }; SLOTS], octave, older })))
    }

    fn shard() -> SharedShard {
        SharedShard { zero: AtomicU64::new(0), sum: AtomicU64::new(0), newest: AtomicPtr::new(ptr::null_mut()) }
    }

    #[test]
    fn no_value_is_lost_when_threads_record_at_the_same_time() {
        let (shard, mut expected) = (shard(), Histogram::new(Scale::Seconds));
        let values = if cfg!(miri) { 20 } else { 20_000 };
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for value in 0..values {
                        let at = Located::of_difference(Scale::Seconds, value * 37);
                        assert!(shard.record(at, 3, page));
                    }
                });
            }
        });
        for value in 0..values as u64 {
            expected.record(value * 37, 12);
        }
        assert_eq!(shard.read(Scale::Seconds), expected);
        let (mut counts, mut of_cells) = ([0; 21], [0; 21]);
        let sum = shard.read_classic(Scale::Seconds, |bucket, count| counts[bucket] += count);
        expected.each_classic(|bucket, count| of_cells[bucket] += count);
        assert_eq!((counts, sum), (of_cells, expected.sum()));
    }

    #[test]
    fn an_owner_records_as_others_do() {
        let (owned, mut expected) = (OwnedShard::new(), Histogram::new(Scale::Seconds));
        // Octaves that share a place, in turn with their neighbours.
        let values = if cfg!(miri) { 100 } else { 2_000 };
        for value in (0..values).map(|n: i64| n * n * n % (1 << (n % 40))) {
            let at = Located::of_difference(Scale::Seconds, value);
            assert!(if value % 3 == 0 { owned.shared().record(at, 1, page) } else { owned.record_alone(at, page) });
            expected.record(value as u64, 1);
        }
        assert_eq!(owned.shared().read(Scale::Seconds), expected);
        assert!(!OwnedShard::new().record_alone(Located::new(Scale::Bytes, 7), || None));
    }

    #[test]
    fn records_nothing_without_a_page() {
        let shard = shard();
        assert!(!shard.record(Located::new(Scale::Bytes, 7), 1, || None));
        assert!(shard.record(Located::new(Scale::Bytes, 0), 1, || None));
        assert_eq!((shard.read(Scale::Bytes).count(), shard.read(Scale::Bytes).sum()), (1, 0));
    }
}
