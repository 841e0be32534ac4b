//! The counters of one octave, written by one thread and read by others.
#![allow(unsafe_code)]

use std::ptr;
use std::sync::atomic::{
    AtomicPtr, AtomicU8, AtomicU16, AtomicU32, Ordering::Acquire, Ordering::Relaxed, Ordering::Release, fence,
};

use super::buckets::SLOTS;

/// Attempts to read a cell between carries, before the last reading is used as it is. A carry
/// happens once in 2³² calls and takes nanoseconds. Only in a child that was forked during a carry
/// does it never end.
const LOOKS: u32 = 100;

/// Cells of one octave. Lives forever once it is part of a shard.
///
/// Counters are 32 bits wide, which halves the memory of a profile. Overflow is carried into a
/// second page, which exists only where some cell passed 2³².
#[derive(Debug)]
pub(crate) struct Page {
    cells: [AtomicU32; SLOTS],
    /// Odd during a carry. It cannot wrap while a cell is being read: that would take 2¹⁵ carries.
    carries: AtomicU16,
    octave: AtomicU8,
    /// Counts in units of 2³².
    carried: AtomicPtr<Page>,
    /// The page that its shard got before this one.
    older: AtomicPtr<Page>,
}

const _: () = assert!(size_of::<Page>() == 152);

impl Page {
    /// An empty page.
    pub(crate) const fn new() -> Self {
        Self {
            cells: [const { AtomicU32::new(0) }; SLOTS],
            carries: AtomicU16::new(0),
            carried: AtomicPtr::new(ptr::null_mut()),
            older: AtomicPtr::new(ptr::null_mut()),
            octave: AtomicU8::new(0),
        }
    }

    /// Call it before the page is published.
    pub(super) fn link(&self, octave: u8, older: *mut Page) {
        self.octave.store(octave, Relaxed);
        self.older.store(older, Relaxed);
    }

    pub(super) fn octave(&self) -> u8 {
        self.octave.load(Relaxed)
    }

    pub(super) fn older(&self) -> Option<&'static Page> {
        // SAFETY: null, or a page that the shard passed to `link`; pages are never freed.
        unsafe { self.older.load(Relaxed).as_ref() }
    }

    fn carried(&self) -> Option<&'static Page> {
        // SAFETY: null, or stored by `carry` from a `&'static Page`. `Acquire` pairs with that
        // store.
        unsafe { self.carried.load(Acquire).as_ref() }
    }

    /// Owner only. False if the cell would overflow: nothing is counted then, and
    /// [`add`](Self::add) must be used, which carries.
    #[inline(always)]
    pub(super) fn add_near(&self, slot: u8, n: u32) -> bool {
        let Some(cell) = self.cells.get(usize::from(slot)) else { return false };
        let Some(sum) = cell.load(Relaxed).checked_add(n) else { return false };
        cell.store(sum, Relaxed);
        true
    }

    /// Owner only. False if there is no page to carry into: nothing is counted then.
    #[inline]
    pub(super) fn add(&self, slot: u8, n: u64, more: &impl Fn() -> Option<&'static Page>) -> bool {
        let Some(cell) = self.cells.get(usize::from(slot)) else { return false };
        match u32::try_from(u64::from(cell.load(Relaxed)) + n) {
            Ok(sum) => {
                cell.store(sum, Relaxed);
                true
            }
            Err(_) => self.carry(cell, slot, n, more),
        }
    }

    #[cold]
    #[inline(never)]
    fn carry(&self, cell: &AtomicU32, slot: u8, n: u64, more: &dyn Fn() -> Option<&'static Page>) -> bool {
        let carried = match self.carried() {
            Some(page) => page,
            None => {
                let Some(page) = more() else { return false };
                self.carried.store(ptr::from_ref(page).cast_mut(), Release);
                page
            }
        };
        let high = &carried.cells[usize::from(slot)];
        let sum = u64::from(cell.load(Relaxed)).saturating_add(n);
        let carries = self.carries.load(Relaxed);
        self.carries.store(carries.wrapping_add(1), Relaxed);
        // The two stores must not become visible before the odd number.
        fence(Release);
        cell.store(sum as u32, Relaxed);
        high.store(high.load(Relaxed).saturating_add((sum >> 32) as u32), Relaxed);
        self.carries.store(carries.wrapping_add(2), Release);
        true
    }

    /// The counts of the cells below this slot, and of the others. From any thread.
    #[cfg_attr(not(any(feature = "otlp", feature = "serve")), allow(dead_code))]
    pub(super) fn sums(&self, slot: u8) -> [u64; 2] {
        let (low, high) = self.cells.split_at(usize::from(slot).min(SLOTS));
        let sums = [low, high].map(|cells| cells.iter().map(|cell| u64::from(cell.load(Relaxed))).sum());
        // After a carry there is a second page, as in `count`.
        fence(Acquire);
        if self.carried().is_none() {
            return sums;
        }
        let sum = |slots: std::ops::Range<usize>| slots.map(|slot| self.count(slot)).fold(0, u64::saturating_add);
        [sum(0..low.len()), sum(low.len()..SLOTS)]
    }

    /// The non-empty cells. From any thread.
    pub(super) fn counts(&self) -> impl Iterator<Item = (u8, u64)> {
        (0..SLOTS).map(|slot| (slot as u8, self.count(slot))).filter(|(_, count)| *count > 0)
    }

    fn count(&self, slot: usize) -> u64 {
        // PERF: most cells are empty. A cell is 0 after a carry too, but then there is a second
        // page, which the writer stores first.
        if self.cells[slot].load(Relaxed) == 0 {
            fence(Acquire);
            if self.carried().is_none() {
                return 0;
            }
        }
        let mut looks = 1;
        loop {
            match self.look(slot) {
                (count, true) => return count,
                (count, false) if looks == LOOKS => return count,
                _ => looks += 1,
            }
            std::hint::spin_loop();
        }
    }

    /// The cell's count, and whether it was read without a carry in between.
    fn look(&self, slot: usize) -> (u64, bool) {
        let before = self.carries.load(Acquire);
        let low = self.cells[slot].load(Relaxed);
        let high = self.carried().map_or(0, |page| page.cells[slot].load(Relaxed));
        fence(Acquire);
        let settled = before.is_multiple_of(2) && self.carries.load(Relaxed) == before;
        (u64::from(low) | u64::from(high) << 32, settled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page() -> &'static Page {
        Box::leak(Box::new(Page::new()))
    }

    #[test]
    fn carries_past_32_bits() {
        let low = page();
        let more = || Some(page());
        for n in [u64::from(u32::MAX), 1, 5, 1 << 33, u64::from(u32::MAX)] {
            assert!(low.add(32, n, &more));
        }
        assert!(low.add(0, 7, &more));
        let expected = 2 * u64::from(u32::MAX) + 6 + (1 << 33);
        assert_eq!(low.counts().collect::<Vec<_>>(), [(0, 7), (32, expected)]);
    }

    #[test]
    fn counts_nothing_when_it_cannot_carry() {
        let low = page();
        assert!(low.add(3, u64::from(u32::MAX), &|| None));
        assert!(!low.add(3, 1, &|| None));
        assert_eq!(low.counts().collect::<Vec<_>>(), [(3, u64::from(u32::MAX))]);
    }

    #[test]
    fn a_reader_knows_half_a_carry() {
        let low = page();
        let step = 1 << 31;
        // The writer continues until the reader has seen this many different counts. If the two
        // share one core, the reader sees one for each time slice, and fewer must suffice.
        let sights = if cfg!(miri) { 20 } else { 5_000 };
        let end = std::time::Instant::now() + std::time::Duration::from_secs(1);
        let done = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| {
                let (mut last, mut seen) = (0, 0);
                while seen < sights && (seen < 10 || std::time::Instant::now() < end) {
                    let (now, settled) = low.look(1);
                    if !settled {
                        continue;
                    }
                    assert!(now >= last && now.is_multiple_of(step), "{last} then {now}");
                    seen += u32::from(now > last);
                    last = now;
                }
            });
            scope.spawn(|| {
                let second = page();
                while !done.load(Relaxed) {
                    assert!(low.add(1, step, &|| Some(second)));
                }
            });
            let outcome = reader.join();
            done.store(true, Relaxed);
            outcome.unwrap();
        });
    }
}
