//! The samples of the last minutes, one by one: what ran before something happened.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::engine::Engine;
use super::image::Image;
use super::picture::Picture;
use super::stack_counts::{Key, Seen, Stacks};
use super::totals::Totals;
use crate::base::footprint::{self, Part};

/// The number of samples for which memory is taken at a time.
const SOME: usize = 1 << 10;
/// The number of totals that are kept at most, of which the oldest go: some 600 bytes each.
const MOST_TOTALS: usize = 1 << 12;
/// Of the profiler's memory, what samples may take.
const PART_OF_MEMORY: u64 = 16;

/// One sample of CPU time.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Timed {
    /// In wall ticks.
    pub(crate) at: u64,
    /// The thread's number.
    pub(crate) thread: u32,
    /// The CPU time for which it stands, nanoseconds.
    pub(crate) ns: u32,
    pub(crate) key: Arc<Key>,
}

/// Samples in the order in which they were read, for a time and in bounded memory.
#[derive(Debug)]
pub(super) struct Recent {
    /// In ticks. 0: nothing is kept.
    length: u64,
    /// The time between two totals, in ticks.
    step: u64,
    samples: VecDeque<Timed>,
    /// Sums at moments in ticks, oldest first.
    totals: VecDeque<(u64, Totals)>,
    /// The time up to which samples are missing, since there was no memory for all of them.
    missing_until: u64,
}

/// A copy of what is kept since a time.
#[derive(Clone, Debug)]
pub(crate) struct RecentPicture {
    pub(super) serial: u64,
    pub(super) engine: Engine,
    pub(super) hz: u32,
    pub(super) images: Vec<Image>,
    /// Without stacks: scopes, threads and labels, and the samples within spans.
    pub(super) tables: Stacks,
    /// Sorted by time.
    pub(super) samples: Vec<Timed>,
    /// The bounds of windows.
    pub(super) totals: Vec<(u64, Totals)>,
    /// The time up to which samples are missing.
    pub(super) missing_until: u64,
}

impl Recent {
    pub(super) fn new(length: u64, step: u64) -> Self {
        Self { length, step, samples: VecDeque::new(), totals: VecDeque::new(), missing_until: 0 }
    }

    pub(super) fn add(&mut self, sample: Timed) {
        if self.length == 0 {
            return;
        }
        if self.samples.len() == self.samples.capacity() && !self.grow() {
            // If there is no memory for a single one, none can be removed.
            let Some(oldest) = self.samples.pop_front() else { return };
            self.missing_until = self.missing_until.max(oldest.at);
        }
        self.samples.push_back(sample);
    }

    /// Whether there is memory for more.
    fn grow(&mut self) -> bool {
        // Half of what the flight recorder may have: bundles in memory need the other.
        let most = footprint::limit_bytes() / PART_OF_MEMORY;
        let more = (SOME * size_of::<Timed>()) as u64;
        let held = self.held();
        if held + more > most || !footprint::take(Part::Flight, more) {
            return false;
        }
        self.samples.reserve_exact(SOME);
        true
    }

    /// The bytes that it has taken.
    fn held(&self) -> u64 {
        let totals = self.totals.capacity() * size_of::<(u64, Totals)>();
        (self.samples.capacity() * size_of::<Timed>() + totals) as u64
    }

    fn grow_totals(&mut self) -> bool {
        const SOME: usize = 64;
        let has_room = footprint::take(Part::Flight, (SOME * size_of::<(u64, Totals)>()) as u64);
        if has_room {
            self.totals.reserve_exact(SOME);
        }
        has_room
    }

    /// Notes the sums, and forgets what is too old. The first time, nothing is older than this.
    pub(super) fn note(&mut self, now: u64, totals: impl FnOnce() -> Totals) {
        if self.length > 0 && self.totals.back().is_none_or(|(at, _)| now.saturating_sub(*at) >= self.step) {
            self.bound(now, totals);
        }
    }

    /// As [`note`](Self::note), at once: a window can end now.
    pub(super) fn bound(&mut self, now: u64, totals: impl FnOnce() -> Totals) {
        if self.length == 0 || self.totals.back().is_some_and(|(at, _)| *at >= now) {
            return;
        }
        let start = now.saturating_sub(self.length);
        // One that is older bounds the window.
        while self.totals.len() == MOST_TOTALS || self.totals.get(1).is_some_and(|(at, _)| *at < start) {
            self.totals.pop_front();
        }
        if self.totals.len() == self.totals.capacity() && !self.grow_totals() {
            // If there is no memory for a single one, none can be removed.
            let Some((oldest, _)) = self.totals.pop_front() else { return };
            self.missing_until = self.missing_until.max(oldest);
        }
        self.totals.push_back((now, totals()));
        let start = self.totals.front().map_or(start, |(at, _)| *at);
        while self.samples.front().is_some_and(|sample| sample.at < start) {
            self.samples.pop_front();
        }
    }

    /// Code was unloaded: stacks within it lose their frames.
    pub(super) fn forget(&mut self, is_gone: impl Fn(&Key) -> bool) {
        let mut known: HashMap<*const Key, Option<Arc<Key>>> = HashMap::new();
        for sample in &mut self.samples {
            let replaced = known
                .entry(Arc::as_ptr(&sample.key))
                .or_insert_with(|| is_gone(&sample.key).then(|| Arc::new(sample.key.without_frames())));
            if let Some(key) = replaced {
                sample.key = Arc::clone(key);
            }
        }
    }

    /// The samples and the bounds since a time, sorted.
    pub(super) fn since(&self, start: u64) -> (Vec<Timed>, Vec<(u64, Totals)>, u64) {
        let first = self.totals.iter().rposition(|(at, _)| *at <= start).unwrap_or(0);
        let totals: Vec<(u64, Totals)> = self.totals.iter().skip(first).copied().collect();
        let start = totals.first().map_or(u64::MAX, |(at, _)| *at);
        // Samples of different threads were read one thread after the other.
        let mut samples: Vec<Timed> = self.samples.iter().filter(|sample| sample.at >= start).cloned().collect();
        samples.sort_by_key(|sample| sample.at);
        (samples, totals, self.missing_until)
    }
}

impl Drop for Recent {
    fn drop(&mut self) {
        footprint::give(Part::Flight, self.held());
    }
}

impl RecentPicture {
    /// The bound at which a window that begins at `start` begins: no later than that, if so much is
    /// kept.
    pub(crate) fn bound(&self, start: u64) -> Option<u64> {
        let known = self.totals.iter().rev().find(|(at, _)| *at <= start).or(self.totals.first());
        known.map(|(at, _)| *at)
    }

    /// The bound at which a window that ends at `end` ends: no earlier than that, if so much is
    /// kept.
    #[cfg(feature = "serve")]
    pub(crate) fn bound_after(&self, end: u64) -> Option<u64> {
        let known = self.totals.iter().find(|(at, _)| *at >= end).or(self.totals.last());
        known.map(|(at, _)| *at)
    }

    /// The end of the last window.
    pub(crate) fn end(&self) -> Option<u64> {
        self.totals.last().map(|(at, _)| *at)
    }

    pub(crate) fn images(&self) -> &[Image] {
        &self.images
    }

    /// The first bound since which no sample is missing.
    pub(crate) fn first(&self) -> Option<u64> {
        self.totals.iter().map(|(at, _)| *at).find(|at| *at > self.missing_until || self.missing_until == 0)
    }

    /// The samples from one bound to another.
    pub(crate) fn samples(&self, from: u64, until: u64) -> &[Timed] {
        let at = |bound: u64| self.samples.partition_point(|sample| sample.at < bound);
        &self.samples[at(from)..at(until).max(at(from))]
    }

    /// The sums of a window between two bounds. `None` if these are none.
    pub(crate) fn window(&self, from: u64, until: u64) -> Option<Picture> {
        let of = |bound: u64| self.totals.iter().find(|(at, _)| *at == bound).map(|(_, totals)| *totals);
        let (before, after) = (of(from)?, of(until)?);
        let mut stacks = self.tables.clone();
        stacks.in_spans.retain(|sample| (from..until).contains(&sample.at));
        for sample in self.samples(from, until) {
            stacks.stacks.entry(Arc::clone(&sample.key)).or_default().add(Seen::once(sample.ns.into()));
        }
        let totals = after.since(&before);
        let sum = |of: fn(&Seen) -> u64| stacks.stacks.values().map(of).sum();
        Some(Picture {
            serial: self.serial,
            engine: self.engine,
            hz: self.hz,
            totals: Totals { samples: sum(|seen| seen.samples), sampled_ns: sum(|seen| seen.ns), ..totals },
            stacks,
            images: self.images.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(frame: u64) -> Arc<Key> {
        Arc::new(Key { frames: Box::new([frame]), ..Key::nowhere() })
    }

    fn timed(at: u64) -> Timed {
        Timed { at, thread: 1, ns: 10, key: key(at % 2) }
    }

    fn sums(samples: u64) -> Totals {
        Totals { at: samples, process_ns: samples * 100, samples, ..Totals::default() }
    }

    fn picture(recent: &Recent, start: u64) -> RecentPicture {
        let (samples, totals, missing_until) = recent.since(start);
        RecentPicture {
            serial: 1,
            engine: Engine::Timer,
            hz: 99,
            images: Vec::new(),
            tables: Stacks::default(),
            samples,
            totals,
            missing_until,
        }
    }

    #[test]
    fn a_window_is_at_least_as_long_as_asked_for_and_has_its_own_samples_only() {
        let mut recent = Recent::new(100, 10);
        recent.note(0, || sums(0));
        for at in 1..=300 {
            recent.add(timed(at));
            recent.note(at, || sums(at));
        }
        let all = picture(&recent, 0);
        // One more than the length, which bounds it.
        assert_eq!((all.totals.len(), all.totals[0].0, all.end()), (12, 190, Some(300)));
        let from = all.bound(295).unwrap();
        assert_eq!(from, 290);
        let window = all.window(from, 300).unwrap();
        assert_eq!((window.totals.samples, window.totals.process_ns), (10, 1_000));
        assert_eq!(window.stacks.stacks.values().map(|seen| seen.ns).sum::<u64>(), 100);
        assert_eq!(window.stacks.stacks.len(), 2);
        #[cfg(feature = "serve")]
        assert_eq!(
            (all.bound_after(291), all.bound_after(290), all.bound_after(999)),
            (Some(300), Some(290), Some(300))
        );
        // What is asked for is not kept any more: what is kept.
        assert_eq!((all.bound(3), all.first()), (Some(190), Some(190)));
        assert!(all.window(291, 300).is_none());
        assert_eq!(all.samples(190, 200).len(), 10);
    }

    #[test]
    fn a_window_can_end_now() {
        let mut recent = Recent::new(100, 10);
        recent.note(0, || sums(0));
        (1..=5).for_each(|at| recent.add(timed(at)));
        recent.note(5, || sums(5));
        assert_eq!(picture(&recent, 0).end(), Some(0));
        recent.bound(6, || sums(5));
        let all = picture(&recent, 0);
        assert_eq!((all.end(), all.samples(0, 6).len()), (Some(6), 5));
    }

    #[test]
    fn a_window_has_the_spans_of_its_own_samples() {
        use super::super::stack_counts::InSpan;

        let mut recent = Recent::new(100, 10);
        recent.note(0, || sums(0));
        let mut all = Stacks::default();
        for at in 1..=40 {
            recent.add(timed(at));
            recent.note(at, || sums(at));
            let (key, span) = (key(at % 2), [1, 2, at]);
            all.in_spans.push(InSpan { serial: at, at, key, span, seen: Seen::once(10) });
        }
        let picture = RecentPicture { tables: all, ..picture(&recent, 0) };
        let window = picture.window(10, 30).unwrap();
        let spans: Vec<u64> = window.stacks.in_spans.iter().map(|sample| sample.span[2]).collect();
        assert_eq!(spans, (10..30).collect::<Vec<_>>());
        assert!(window.stacks.in_spans.iter().all(|sample| window.stacks.stacks.contains_key(&sample.key)));
    }

    #[test]
    fn samples_of_several_threads_are_in_the_order_of_time() {
        let mut recent = Recent::new(100, 10);
        recent.note(0, || sums(0));
        [5, 9, 2, 7].into_iter().for_each(|at| recent.add(timed(at)));
        recent.note(10, || sums(4));
        let at: Vec<u64> = picture(&recent, 0).samples.iter().map(|sample| sample.at).collect();
        assert_eq!(at, [2, 5, 7, 9]);
    }

    #[test]
    fn nothing_is_kept_where_that_is_off() {
        let mut recent = Recent::new(0, 10);
        recent.note(0, || sums(0));
        recent.add(timed(1));
        let none = picture(&recent, 0);
        assert!(none.samples.is_empty() && none.bound(0).is_none() && recent.samples.capacity() == 0);
    }

    #[test]
    fn stacks_in_unloaded_code_lose_their_frames() {
        let mut recent = Recent::new(100, 10);
        recent.note(0, || sums(0));
        (1..=4).for_each(|at| recent.add(timed(at)));
        recent.forget(|key| key.frames[..] == [1]);
        let frames: Vec<usize> = picture(&recent, 0).samples.iter().map(|sample| sample.key.frames.len()).collect();
        assert_eq!(frames, [0, 1, 0, 1]);
    }

    #[test]
    fn without_memory_the_oldest_go_and_that_is_said() {
        let _alone = footprint::flight_tests();
        let mut recent = Recent::new(u64::MAX, 10);
        recent.note(0, || sums(0));
        let mut at = 0;
        while recent.missing_until == 0 {
            at += 1;
            recent.add(timed(at));
            assert!(at < 1_000_000, "the limit was never reached");
        }
        let held = recent.samples.len();
        recent.add(timed(at + 1));
        assert_eq!((recent.samples.len(), recent.missing_until), (held, 2));
        assert_eq!(picture(&recent, 0).first(), None, "none is later than what is missing");
        recent.bound(2, || sums(2));
        recent.bound(3, || sums(3));
        assert_eq!(picture(&recent, 0).first(), Some(3));
    }
}
