//! Adds samples one by one to a document, and which of them fell in slow calls.

use super::document::FlameDocument;
#[cfg(feature = "serve")]
use super::times::SlowSet;
use super::times::Times;
#[cfg(feature = "serve")]
use crate::export::safe;
use crate::snapshot::Timeline;
#[cfg(feature = "serve")]
use crate::snapshot::{SlowCall, SlowCalls, Snapshot, TimelineSample};

impl FlameDocument {
    /// With its samples one by one, which refer to stacks of the profile by number.
    pub(crate) fn with_times(mut self, timeline: &Timeline) -> Self {
        let start_us = self.taken_at_us.saturating_sub(self.window_ns / 1_000);
        let mut times = Times { start_us, ..Times::default() };
        let mut last_us = start_us;
        for sample in &timeline.samples {
            let at_us = (sample.at_unix_ns / 1_000).max(last_us);
            times.after_us.push(at_us - last_us);
            times.row.push(sample.stack);
            times.ns.push(sample.time_ns);
            last_us = at_us;
        }
        self.times = Some(times);
        self
    }
}

#[cfg(feature = "serve")]
impl FlameDocument {
    /// With what fell in calls of roots that were slower than their p99, of the calls that are
    /// kept. The samples are those of [`with_times`](Self::with_times).
    pub(crate) fn with_slow(mut self, calls: &SlowCalls, snapshot: &Snapshot, timeline: &Timeline) -> Self {
        for of in &calls.functions {
            let named =
                |function: &&crate::snapshot::Function| function.name == of.name && function.module == of.module;
            let Some(p99) = snapshot.functions.iter().find(named).and_then(|function| function.wall.quantile(0.99))
            else {
                continue;
            };
            let kept: Vec<&SlowCall> = of.calls().collect();
            let slower: Vec<&SlowCall> = kept.iter().copied().filter(|call| call.duration_ns as f64 >= p99).collect();
            self.slow.push(SlowSet {
                function: safe::line(&of.full_name()).into_owned(),
                p99_ns: p99 as u64,
                kept: kept.len() as u32,
                slower: slower.len() as u32,
                samples: inside(&slower, &timeline.samples),
            });
        }
        self
    }
}

/// Which samples, oldest first, fell in one of the calls, on its thread.
#[cfg(feature = "serve")]
fn inside(calls: &[&SlowCall], samples: &[TimelineSample]) -> Vec<u32> {
    let mut found: Vec<u32> = calls
        .iter()
        .flat_map(|call| {
            let end = call.began_unix_ns + call.duration_ns;
            let first = samples.partition_point(|sample| sample.at_unix_ns < call.began_unix_ns);
            let in_time =
                samples.iter().zip(0_u32..).skip(first).take_while(move |(sample, _)| sample.at_unix_ns <= end);
            in_time.filter(|(sample, _)| ran(call, sample)).map(|(_, at)| at)
        })
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// Whether a call ran on the thread of a sample that was taken meanwhile. A future runs while it is
/// polled.
#[cfg(feature = "serve")]
fn ran(call: &SlowCall, sample: &TimelineSample) -> bool {
    if call.polls.is_empty() {
        return call.thread_id == sample.thread_id;
    }
    let after_ns = sample.at_unix_ns.saturating_sub(call.began_unix_ns);
    call.polls.iter().any(|poll| {
        poll.thread_id == sample.thread_id && (poll.after_ns..=poll.after_ns + poll.duration_ns).contains(&after_ns)
    })
}

#[cfg(all(test, feature = "serve"))]
mod tests {
    use super::*;
    use crate::snapshot::{Function, SlowFunction, SlowPoll};

    fn sample(at_unix_ns: u64, thread_id: u32) -> TimelineSample {
        TimelineSample { at_unix_ns, thread_id, stack: 0, time_ns: 10 }
    }

    fn call(began_unix_ns: u64, duration_ns: u64, thread_id: u32) -> SlowCall {
        SlowCall { began_unix_ns, duration_ns, thread_id, ..SlowCall::default() }
    }

    #[test]
    fn samples_fall_in_calls_of_their_thread() {
        let samples: Vec<_> = (0..100).map(|at| sample(at * 10, (at % 2) as u32)).collect();
        let one = call(100, 50, 1);
        assert_eq!(inside(&[&one], &samples), [11, 13, 15]);
        // Both lists may have the same call.
        assert_eq!(inside(&[&one, &one], &samples), [11, 13, 15]);
        // A future runs while it is polled.
        let poll = |after_ns, thread_id| SlowPoll { after_ns, duration_ns: 20, thread_id };
        let polled = SlowCall { polls: vec![poll(0, 0), poll(60, 1)], ..call(500, 100, 1) };
        assert_eq!(inside(&[&polled], &samples), [50, 52, 57]);
    }

    #[test]
    fn only_calls_above_the_p99_count() {
        let mut snapshot = Snapshot::default();
        let mut function = Function { name: "search".into(), module: "shop".into(), ..Function::default() };
        (0..1_000).for_each(|_| function.wall.record(1_000, 1));
        (0..20).for_each(|_| function.wall.record(1_000_000, 1));
        snapshot.functions.push(function);
        let timeline = Timeline { samples: vec![sample(5_000, 1), sample(2_000_000, 1)] };
        let slowest = vec![call(1_500_000, 1_100_000, 1), call(4_000, 2_000, 1)];
        let of = SlowFunction { name: "search".into(), module: "shop".into(), slowest, ..SlowFunction::default() };
        let calls = SlowCalls { functions: vec![of], ..SlowCalls::default() };
        let document = FlameDocument::default().with_times(&timeline).with_slow(&calls, &snapshot, &timeline);
        let [slow] = &document.slow[..] else { panic!("{:?}", document.slow) };
        assert_eq!((slow.kept, slow.slower, &slow.samples[..]), (2, 1, &[1][..]));
        assert!((900_000..1_100_000).contains(&slow.p99_ns), "{slow:?}");
    }

    #[test]
    fn times_are_differences() {
        let timeline = Timeline { samples: vec![sample(3_000, 1), sample(3_500, 1), sample(9_000, 2)] };
        let document = FlameDocument { taken_at_us: 10, window_ns: 9_000, ..FlameDocument::default() };
        let times = document.with_times(&timeline).times.expect("times");
        assert_eq!((times.start_us, &times.after_us[..]), (1, &[2, 0, 6][..]));
    }
}
