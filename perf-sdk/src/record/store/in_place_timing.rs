//! Times the begin and the end of some calls where they happen, in whatever state the program
//! leaves the caches.
//!
//! Empty calls in a loop cost half as much as calls in a program whose own code and data fill the
//! caches.

use std::array;
use std::cell::Cell;

use super::cost::Cost;
use super::counter::Counter;
use crate::clock::Wall;

/// The minimum number of measured calls between two timed ones. Up to twice as many are added,
/// drawn anew each time.
const GAP: u32 = 256;
/// A longer begin or end was interrupted, for example by a sampling signal, which is accounted for
/// separately.
const MOST_NS: u64 = 5_000;
/// The same limit for a batch.
const MOST_FLUSH_NS: u64 = 50_000;
/// One in this many batches on their way to the histograms is timed.
const EVERY_FLUSH: u32 = 8;
/// A mean of fewer readings is not used.
const FEW: f64 = 12.0;
/// The weight that earlier readings keep from one evaluation to the next.
const DECAY: f64 = 0.9;

/// What is timed. Each one is an index into [`InPlace::parts`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::record) enum Part {
    /// The begin of a call with weight 1.
    Begin,
    End,
    /// The begin of a call with a higher weight.
    BeginSampled,
    EndSampled,
    /// The begin of a poll of a measured future.
    BeginPoll,
    EndPoll,
    /// The begin of a poll of a count-only future.
    BeginPollPassed,
    EndPollPassed,
    /// Adding a call to the histograms.
    Flush,
}

const PARTS: usize = Part::Flush as usize + 1;

/// The readings of one thread.
#[derive(Debug)]
pub(in crate::record) struct InPlace {
    /// The first call with this serial number or a higher one is timed. Owner only.
    due: Cell<u32>,
    /// Ticks between two consecutive readings of the clock.
    pair: u64,
    flushes: Cell<u32>,
    /// The total ticks of timed flushes. Owner only.
    flushing: Cell<u64>,
    parts: [Sum; PARTS],
}

#[derive(Debug)]
struct Sum {
    ticks: Counter,
    times: Counter,
}

/// The duration of a begin or an end, in ticks. `None` if it asked the kernel, which is accounted
/// for separately.
#[derive(Clone, Copy, Debug)]
#[must_use = "it is to be added"]
pub(in crate::record) struct Took(pub(in crate::record) Option<u64>);

impl InPlace {
    /// `pair`: ticks between two consecutive readings of the clock.
    pub(in crate::record) fn new(pair: u64) -> Self {
        Self {
            due: Cell::new(GAP),
            pair,
            flushes: Cell::new(0),
            flushing: Cell::new(0),
            parts: array::from_fn(|_| Sum { ticks: Counter::new(), times: Counter::new() }),
        }
    }

    /// Owner only: whether the call after the one with this serial number must be timed.
    #[inline(always)]
    pub(in crate::record) fn is_due(&self, serial: u32) -> bool {
        (serial.wrapping_sub(self.due.get()) as i32) >= 0
    }

    /// Owner only: sets when the next call is timed, a random number of calls from now.
    pub(in crate::record) fn set_due(&self, serial: u32, random: u64) {
        let gap = GAP + (((random >> 32) * u64::from(2 * GAP)) >> 32) as u32;
        self.due.set(serial.wrapping_add(gap));
    }

    /// Ticks between two consecutive readings of the clock.
    pub(in crate::record) fn pair(&self) -> u64 {
        self.pair
    }

    /// Owner only: the total ticks of timed flushes.
    pub(in crate::record) fn flushing(&self) -> u64 {
        self.flushing.get()
    }

    /// Owner only: runs `flush`, which adds this many calls to their histograms.
    pub(in crate::record) fn timing_flush(&self, wall: &Wall, calls: usize, flush: impl FnOnce()) {
        if !self.times_flush() {
            return flush();
        }
        let start = wall.ticks();
        flush();
        let ticks = wall.ticks().wrapping_sub(start);
        self.flushing.set(self.flushing.get().wrapping_add(ticks));
        self.add(wall, Part::Flush, ticks, calls as u64);
    }

    /// Owner only.
    pub(in crate::record) fn add(&self, wall: &Wall, part: Part, ticks: u64, times: u64) {
        let most_ns = if part == Part::Flush { MOST_FLUSH_NS } else { MOST_NS };
        if wall.ns(ticks) <= most_ns {
            let sum = &self.parts[part as usize];
            sum.ticks.add(ticks.saturating_sub(self.pair));
            sum.times.add(times);
        }
    }

    /// All readings up to now, from any thread: nanoseconds and counts.
    pub(in crate::record) fn totals(&self, wall: &Wall) -> Totals {
        Totals(array::from_fn(|at| {
            let sum = &self.parts[at];
            (wall.ns(sum.ticks.get()) as f64, sum.times.get() as f64)
        }))
    }

    /// Whether the next flush must be timed: some are, and those within a timed end.
    fn times_flush(&self) -> bool {
        let flushes = self.flushes.get().wrapping_add(1);
        self.flushes.set(flushes);
        flushes.is_multiple_of(EVERY_FLUSH)
    }
}

/// Nanoseconds and counts of each part.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::record) struct Totals([(f64, f64); PARTS]);

impl Totals {
    pub(in crate::record) fn add(&mut self, other: &Self) {
        for (sum, more) in self.0.iter_mut().zip(other.0) {
            *sum = (sum.0 + more.0, sum.1 + more.1);
        }
    }

    fn mean(&self, part: Part) -> Option<f64> {
        let (ns, times) = self.0[part as usize];
        (times >= FEW).then(|| ns / times)
    }

    /// `cost` with the values that were timed in place, where there are enough readings.
    pub(in crate::record) fn over(&self, cost: Cost) -> Cost {
        let flush = self.mean(Part::Flush).unwrap_or(0.0);
        let both = |begin: Part, end: Part| Some(self.mean(begin)? + self.mean(end)?);
        let measured = both(Part::Begin, Part::End).map_or(cost.measured, |ns| ns + flush + cost.passed);
        Cost {
            measured,
            sampled: both(Part::BeginSampled, Part::EndSampled)
                .map_or_else(|| cost.sampled.max(measured), |ns| ns + flush + cost.passed),
            passed: cost.passed,
            rested: cost.rested,
            polled: both(Part::BeginPoll, Part::EndPoll).unwrap_or(cost.polled),
            poll_passed: both(Part::BeginPollPassed, Part::EndPollPassed).unwrap_or(cost.poll_passed),
        }
    }
}

/// The recent readings of all threads.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::record) struct Recent {
    before: Totals,
    recent: Totals,
}

impl Recent {
    /// Adds all readings up to now.
    pub(in crate::record) fn note(&mut self, now: Totals) {
        for (at, recent) in self.recent.0.iter_mut().enumerate() {
            let (now, before) = (now.0[at], self.before.0[at]);
            *recent = (recent.0 * DECAY + (now.0 - before.0).max(0.0), recent.1 * DECAY + (now.1 - before.1).max(0.0));
        }
        self.before = now;
    }

    /// As [`Totals::over`].
    pub(in crate::record) fn over(&self, cost: Cost) -> Cost {
        self.recent.over(cost)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn totals(entries: &[(Part, f64, f64)]) -> Totals {
        let mut totals = Totals::default();
        entries.iter().for_each(|(part, ns, times)| totals.0[*part as usize] = (*ns, *times));
        totals
    }

    #[test]
    fn what_was_seen_in_place_stands_instead_of_what_was_calibrated() {
        let calibrated =
            Cost { measured: 30.0, sampled: 90.0, passed: 5.0, rested: 1.0, polled: 60.0, poll_passed: 20.0 };
        let seen = totals(&[(Part::Begin, 2_000.0, 20.0), (Part::End, 4_000.0, 20.0), (Part::Flush, 700.0, 70.0)]);
        let cost = seen.over(calibrated);
        assert_eq!((cost.measured, cost.polled), (100.0 + 200.0 + 10.0 + 5.0, 60.0));
        assert_eq!(cost.sampled, cost.measured, "it is not less than that of a call without a rehearsal");
        let few = totals(&[(Part::Begin, 200.0, 2.0), (Part::End, 400.0, 2.0)]);
        assert_eq!(few.over(calibrated).measured, 30.0);
    }

    #[test]
    fn old_readings_fade() {
        let mut recent = Recent::default();
        let mut all = Totals::default();
        for (ns, looks) in [(100.0, 50), (10.0, 100)] {
            for _ in 0..looks {
                all.add(&totals(&[(Part::BeginPoll, ns * 100.0, 100.0), (Part::EndPoll, 0.0, 100.0)]));
                recent.note(all);
            }
            let seen = recent.over(Cost::default()).polled;
            assert!((seen - ns).abs() < 0.1, "{seen} for {ns}");
        }
    }
}
