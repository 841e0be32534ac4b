//! Times the begins and the ends of some calls, on their own thread.

use std::hint::black_box;

use crate::record::store::in_place_timing::{Part, Took, Totals};
use crate::record::store::thread::ThreadRecord;
use crate::scope::Slot;

impl ThreadRecord {
    /// Owner only: times `work`, which gets its start in ticks. The next one is due some calls
    /// later.
    #[cold]
    #[inline(never)]
    pub(in crate::record) fn time<T>(&'static self, work: impl FnOnce(u64) -> T) -> (Option<T>, Took) {
        self.in_place.set_due(self.serial(), self.random());
        let (asked, flushing) = (self.asked(), self.in_place.flushing());
        let (mut work, mut done, mut took) = (Some(work), None, 0);
        // It runs twice, first without the work: this code runs rarely and is not in the caches,
        // and its cache misses would be charged to the call.
        for is_work in black_box([false, true]) {
            let start = self.wall.ticks();
            if is_work {
                done = work.take().map(|work| work(start));
            }
            took = self.wall.ticks().wrapping_sub(start);
        }
        let has_asked = self.asked() != asked;
        let flushed = self.in_place.flushing() - flushing;
        (done, Took((!has_asked).then(|| took.saturating_sub(flushed))))
    }

    /// Owner only, with this record in the slot.
    fn asked(&'static self) -> u64 {
        Slot::BUSY.set();
        let asked = self.cpu_asked();
        self.leave_busy();
        asked
    }

    /// Owner only.
    pub(in crate::record) fn timed(&'static self, took: Took, part: Part) {
        if let Took(Some(ticks)) = took {
            self.in_place.add(self.wall, part, ticks, 1);
        }
    }

    /// Ticks between two consecutive readings of the clock.
    pub(in crate::record) fn pair(&self) -> u64 {
        self.in_place.pair()
    }

    /// All readings up to now, from any thread: nanoseconds and counts.
    pub(in crate::record) fn in_place(&self) -> Totals {
        self.in_place.totals(self.wall)
    }
}
