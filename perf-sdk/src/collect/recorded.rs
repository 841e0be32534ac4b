//! CPU samples of the last minutes, one by one.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::code::Names;
use super::cpu_profile::unix_ns;
use super::moment::moment;
use super::sampled::{keyed, stack};
use crate::clock;
use crate::memory;
use crate::snapshot::{CpuProfile, Timeline, TimelineSample};
use crate::stacks::{self, Key, RecentPicture, Timed};

/// What ran in the last minutes.
#[derive(Debug)]
pub(crate) struct Recorded {
    /// The latest part: as long as asked for, if so much is kept.
    pub(crate) last: CpuProfile,
    /// Everything that is kept of the time before that.
    pub(crate) before: Option<CpuProfile>,
    /// The samples of the latest part, in their order.
    pub(crate) timeline: Timeline,
    /// Whether that part is shorter than asked for, because memory had no room for older samples.
    pub(crate) is_incomplete: bool,
}

/// The time before the latest part must be of some length to be compared with it.
const LEAST_BEFORE: Duration = Duration::from_secs(5);

/// The last samples. `None` if they are not kept one by one.
pub(crate) fn recorded(last: Duration) -> Option<Recorded> {
    memory::uncounted(|| {
        let wall = clock::wall();
        let recent = stacks::recent(0)?;
        let (now, now_unix_ns) = moment(wall);
        let unix_of = |ticks: u64| now_unix_ns.saturating_sub(wall.ns(now.saturating_sub(ticks)));
        let (first, end) = (recent.first()?, recent.end()?);
        let wanted = recent.bound(end.saturating_sub(wall.ticks_of_ns(last.as_nanos() as u64)))?;
        let from = wanted.max(first);
        let before = Some(first).filter(|first| wall.ns(from - first) >= LEAST_BEFORE.as_nanos() as u64);
        let before = before.and_then(|first| Some(profile(&recent, (first, from), unix_of(from))?.0));
        let (last, numbers) = profile(&recent, (from, end), unix_of(end))?;
        let timeline = timeline(recent.samples(from, end), &numbers, unix_of);
        let is_incomplete = from > wanted;
        Some(Recorded { last, before, timeline, is_incomplete })
    })
}

fn timeline(samples: &[Timed], numbers: &HashMap<Arc<Key>, u32>, unix_of: impl Fn(u64) -> u64) -> Timeline {
    let sample = |sample: &Timed| {
        Some(TimelineSample {
            at_unix_ns: unix_of(sample.at),
            thread_id: sample.thread,
            stack: *numbers.get(&sample.key)?,
            time_ns: sample.ns.into(),
        })
    };
    Timeline { samples: samples.iter().filter_map(sample).collect() }
}

/// What ran in a part of the last minutes.
#[cfg(feature = "serve")]
#[derive(Debug)]
pub(crate) struct RecordedRange {
    pub(crate) profile: CpuProfile,
    /// Its samples in their order.
    pub(crate) timeline: Timeline,
    /// The first moment of which all samples are kept, and the last one, since the Unix epoch.
    pub(crate) kept_unix_ns: (u64, u64),
}

/// The samples between two times since the Unix epoch; without one of them, from the first that is
/// kept, or to the last. Sums are kept once a second: the range begins and ends with one. `None` if
/// samples are not kept one by one. If none is in the range, its profile is empty.
#[cfg(feature = "serve")]
pub(crate) fn recorded_between(from: Option<u64>, until: Option<u64>) -> Option<RecordedRange> {
    memory::uncounted(|| {
        let wall = clock::wall();
        let recent = stacks::recent(0)?;
        let (now, now_unix_ns) = moment(wall);
        let unix_of = |ticks: u64| now_unix_ns.saturating_sub(wall.ns(now.saturating_sub(ticks)));
        let ticks_of = |unix_ns: u64| now.saturating_sub(wall.ticks_of_ns(now_unix_ns.saturating_sub(unix_ns)));
        let (first, end) = (recent.first()?, recent.end()?);
        let begin = from.map_or(first, |from| recent.bound(ticks_of(from)).unwrap_or(first)).max(first);
        let until = until.map_or(end, |until| recent.bound_after(ticks_of(until)).unwrap_or(end)).max(begin);
        let (profile, numbers) = profile(&recent, (begin, until), unix_of(until))?;
        let timeline = timeline(recent.samples(begin, until), &numbers, unix_of);
        Some(RecordedRange { profile, timeline, kept_unix_ns: (unix_of(first), unix_of(end)) })
    })
}

/// Samples of a time, with the profile that has their stacks.
#[derive(Debug)]
pub(super) struct Within {
    pub(super) profile: CpuProfile,
    /// Oldest first.
    pub(super) samples: Vec<SampleAt>,
}

/// One sample.
#[derive(Clone, Copy, Debug)]
pub(super) struct SampleAt {
    /// In ticks.
    pub(super) at: u64,
    /// The number of the thread in the kernel.
    pub(super) thread: u32,
    /// The CPU time for which it stands, nanoseconds.
    pub(super) ns: u64,
    /// An index into the stacks of the profile.
    pub(super) stack: u32,
}

/// The samples between two times in ticks, as far as they are kept. `None` if they are not kept one
/// by one.
pub(super) fn within(first: u64, last: u64) -> Option<Within> {
    let recent = stacks::recent(0)?;
    let (from, end) = (recent.bound(first)?.max(recent.first()?), recent.end()?);
    let (profile, numbers) = profile(&recent, (from, end), unix_ns())?;
    let is_within = |sample: &&Timed| (first..=last).contains(&sample.at);
    let sample = |sample: &Timed| {
        let stack = *numbers.get(&sample.key)?;
        Some(SampleAt { at: sample.at, thread: sample.thread, ns: sample.ns.into(), stack })
    };
    let samples = recent.samples(from, end).iter().filter(is_within).filter_map(sample).collect();
    Some(Within { profile, samples })
}

/// The profile between two bounds, and the number of each of its stacks.
fn profile(
    recent: &RecentPicture,
    (from, until): (u64, u64),
    until_unix_ns: u64,
) -> Option<(CpuProfile, HashMap<Arc<Key>, u32>)> {
    let window = recent.window(from, until)?;
    let (code, places) = keyed(&window.stacks, &window.images, Names::LookedUp);
    let numbers = (0..).zip(&places).map(|(number, (_, _, key))| (Arc::clone(key), number)).collect();
    let stacks = places.into_iter().map(|(place, seen, _)| stack((place, seen))).collect();
    Some((CpuProfile::new(&window, until_unix_ns, code, stacks), numbers))
}
