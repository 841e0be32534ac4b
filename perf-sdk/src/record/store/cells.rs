//! Adds finished calls to the cells of their histograms.

use super::arena::Arena;
use super::ring::Finished;
use super::shard::{Missed, Parts, SiteShard};
use crate::clock::{TickLength, Wall};
use crate::histogram::{Histogram, Located, Page, Scale, Shard};
use crate::snapshot::FunctionPart;

impl SiteShard {
    /// Owner only: adds one [plain call](Finished::plain) to the cells. False: nothing was added,
    /// and [`record`](Self::record) must be used.
    // PERF: most calls come here. What is known of them takes a third of the instructions away.
    #[inline(always)]
    pub(crate) fn record_plain(&self, wall: i64, tick: TickLength) -> bool {
        if !self.has_cpu {
            return false;
        }
        if wall < 0 {
            self.both.count_below_zero(tick.signed_ns(wall));
        } else if !self.both.record_near(Located::of_time(tick.ns(wall as u64)), 1) {
            return false;
        }
        if self.has_bytes {
            self.bytes.count_zero(1);
        }
        true
    }

    /// Owner only: adds one finished call to the cells. Returns what is missing because there was
    /// no memory for pages.
    // PERF: the call is passed by value, so that it stays in registers.
    #[inline(always)]
    pub(crate) fn record(&self, finished: Finished, tick: TickLength, arena: &Arena) -> Option<Missed> {
        let at = Located::of_difference(Scale::Seconds, tick.signed_ns(finished.wall));
        let near = if self.on_cpu(&finished) {
            self.both.record_near(at, finished.weight)
        } else {
            (finished.cpu_weight == 0 || !self.has_cpu) && self.wall.record_near(at, finished.weight)
        };
        if !near {
            return self.record_any(finished, tick, arena);
        }
        if self.has_bytes {
            if finished.bytes > 0 {
                return self.record_bytes(finished.bytes, finished.weight, arena);
            }
            self.bytes.count_zero(finished.weight);
        }
        None
    }

    /// For a thread that did not leave the CPU: one cell represents both times.
    #[inline(always)]
    fn on_cpu(&self, finished: &Finished) -> bool {
        self.has_cpu && finished.cpu == finished.wall && finished.cpu_weight == finished.weight
    }

    #[cold]
    #[inline(never)]
    fn record_any(&self, finished: Finished, tick: TickLength, arena: &Arena) -> Option<Missed> {
        let pages = || arena.place(Page::new());
        let at = Located::of_difference(Scale::Seconds, tick.signed_ns(finished.wall));
        let mut missed = Missed::default();
        if self.on_cpu(&finished) {
            missed.wall = !self.both.record_at(at, u64::from(finished.weight), &pages);
            missed.cpu = missed.wall;
        } else {
            missed.wall = !self.wall.record_at(at, u64::from(finished.weight), &pages);
            if self.has_cpu && finished.cpu_weight > 0 {
                let at = Located::of_difference(Scale::Seconds, tick.signed_ns(finished.cpu));
                missed.cpu = !self.cpu.record_at(at, u64::from(finished.cpu_weight), &pages);
            }
        }
        if self.has_bytes {
            missed.bytes = self.record_bytes(finished.bytes, finished.weight, arena).is_some();
        }
        (missed != Missed::default()).then_some(missed)
    }

    #[inline(never)]
    fn record_bytes(&self, bytes: u64, weight: u32, arena: &Arena) -> Option<Missed> {
        let at = Located::new(Scale::Bytes, bytes);
        let stored = self.bytes.record_near(at, weight)
            || self.bytes.record_at(at, u64::from(weight), &|| arena.place(Page::new()));
        (!stored).then_some(Missed { bytes: true, ..Missed::default() })
    }

    /// Adds a call that is not in the cells yet. `full`: there is no memory for further cells. Then
    /// a call without a cell is not added here, because it will be added to a shared record, where
    /// readers see it.
    pub(crate) fn add_pending(&self, finished: &Finished, clock: &Wall, full: bool, parts: &mut Parts) {
        let at = |ticks: i64| Located::of_difference(Scale::Seconds, clock.signed_ns(ticks));
        let add = |to: &mut Histogram, shard: &Shard, at: Located, weight: u32| {
            if !full || shard.has_cell(at) {
                to.record(at.clamped(), u64::from(weight));
            }
        };
        if self.on_cpu(finished) {
            add(&mut parts.both, &self.both, at(finished.wall), finished.weight);
        } else {
            add(&mut parts.wall, &self.wall, at(finished.wall), finished.weight);
            if self.has_cpu {
                add(&mut parts.cpu, &self.cpu, at(finished.cpu), finished.cpu_weight);
            }
        }
        if self.has_bytes {
            add(&mut parts.bytes, &self.bytes, Located::new(Scale::Bytes, finished.bytes), finished.weight);
        }
    }

    /// As [`add_pending`](Self::add_pending), of one part only.
    pub(crate) fn add_pending_part(
        &self,
        part: FunctionPart,
        finished: &Finished,
        clock: &Wall,
        full: bool,
        to: &mut Histogram,
    ) {
        let time = |ticks: i64| Located::of_difference(Scale::Seconds, clock.signed_ns(ticks));
        let on_cpu = self.on_cpu(finished);
        let (shard, at, weight) = match part {
            FunctionPart::Wall if on_cpu => (&self.both, time(finished.wall), finished.weight),
            FunctionPart::Wall => (&self.wall, time(finished.wall), finished.weight),
            FunctionPart::Cpu if on_cpu => (&self.both, time(finished.wall), finished.weight),
            FunctionPart::Cpu if self.has_cpu => (&self.cpu, time(finished.cpu), finished.cpu_weight),
            FunctionPart::Bytes if self.has_bytes => {
                (&self.bytes, Located::new(Scale::Bytes, finished.bytes), finished.weight)
            }
            _ => return,
        };
        if !full || shard.has_cell(at) {
            to.record(at.clamped(), u64::from(weight));
        }
    }
}
