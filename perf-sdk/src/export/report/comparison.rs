//! What changed between two snapshots, function by function.

use std::collections::HashMap;

use serde::Serialize;

use super::interval::{self, Change, LEAST_CALLS, Verdict};
use crate::export::safe;
use crate::snapshot::{Function, Snapshot};

/// The share of a change that does not matter.
pub(super) const TOLERANCE: f64 = 0.05;
/// A shorter change of a time is none: reading the clock twice takes as long.
const RESOLUTION_NS: f64 = 50.0;
/// Functions that are listed, at most.
const MOST: usize = 200;
/// Names of functions of one side only, at most.
const MOST_ALONE: usize = 50;
/// The quantile that is compared.
const QUANTILE: f64 = 0.99;

/// Two snapshots, compared.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Comparison {
    /// Changes within this share are none.
    pub(super) tolerance: f64,
    /// The confidence of the intervals.
    level: f64,
    /// The number of tests, for which the verdicts are corrected.
    pub(super) tests: usize,
    /// The calls that an interval of the p99 needs.
    least_calls: u64,
    /// Functions of both, those first that changed and matter most.
    pub(super) functions: Vec<Pair>,
    /// Functions of both.
    pub(super) both: usize,
    /// Functions of both with too few calls for any test.
    pub(super) untested: usize,
    /// Functions with ten calls of one side, and none of the other.
    pub(super) only_now: Alone,
    pub(super) only_before: Alone,
    /// Of the process: name, unit, before and now.
    pub(super) process: Vec<ProcessFigure>,
}

/// One function on both sides.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(super) struct Pair {
    pub(super) name: String,
    pub(super) module: String,
    pub(super) calls_before: u64,
    pub(super) calls: u64,
    /// Calls that were measured; the intervals rest on them.
    pub(super) samples_before: u64,
    pub(super) samples: u64,
    /// Calls per second of the recorded time.
    pub(super) rate_before: f64,
    pub(super) rate: f64,
    /// Of the duration, in nanoseconds. Absent with less than ten calls on one side.
    pub(super) mean: Option<Change>,
    /// Absent with too few calls on one side.
    pub(super) p99: Option<Change>,
    /// Bytes allocated in a call.
    pub(super) bytes: Option<Change>,
    /// Live bytes that were allocated in the function itself.
    pub(super) live: Option<Change>,
    /// What it takes more in the time now, by its mean: nanoseconds. For the order.
    #[serde(skip)]
    weight: f64,
}

/// Functions of one side.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(super) struct Alone {
    pub(super) all: usize,
    /// Those with most calls: name and calls.
    pub(super) first: Vec<(String, u64)>,
}

/// A figure of the process on both sides. A change of it has no interval.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct ProcessFigure {
    pub(super) name: &'static str,
    pub(super) unit: &'static str,
    pub(super) before: Option<f64>,
    pub(super) now: Option<f64>,
}

impl Pair {
    fn changes(&mut self) -> impl Iterator<Item = &mut Change> {
        [&mut self.mean, &mut self.p99, &mut self.bytes, &mut self.live].into_iter().flatten()
    }

    fn verdicts(&self) -> [Option<Verdict>; 4] {
        [&self.mean, &self.p99, &self.bytes, &self.live].map(|change| change.map(|change| change.verdict))
    }

    /// Whether something of it changed beyond chance and the tolerance.
    fn is_changed(&self) -> bool {
        self.verdicts().iter().any(|verdict| matches!(verdict, Some(Verdict::More | Verdict::Less)))
    }

    /// Whether its calls take longer, by the mean or the p99, and by neither less.
    pub(super) fn is(&self, verdict: Verdict) -> bool {
        let [mean, p99, ..] = self.verdicts();
        let other = if verdict == Verdict::More { Verdict::Less } else { Verdict::More };
        [mean, p99].contains(&Some(verdict)) && ![mean, p99].contains(&Some(other))
    }
}

impl Comparison {
    pub(super) fn of(before: &Snapshot, now: &Snapshot, tolerance: f64) -> Self {
        let key = |function: &Function| (function.module.clone(), function.name.clone());
        let known: HashMap<_, &Function> = before.functions.iter().map(|function| (key(function), function)).collect();
        let seconds = [before, now].map(|snapshot| (snapshot.window_ns as f64 * 1e-9).max(1e-9));
        let each = [before, now].map(|snapshot| snapshot.heap.map_or(f64::NAN, |heap| heap.sample_bytes.max(1) as f64));
        let mut functions: Vec<Pair> = now
            .functions
            .iter()
            .filter_map(|function| Some(pair(known.get(&key(function))?, function, seconds, each, tolerance)))
            .collect();
        let both = functions.len();
        let mut changes: Vec<&mut Change> = functions.iter_mut().flat_map(Pair::changes).collect();
        let tests = changes.len();
        interval::correct(&mut changes);
        let untested = functions.iter().filter(|pair| pair.verdicts() == [None; 4]).count();
        functions.sort_by(|a, b| b.is_changed().cmp(&a.is_changed()).then(b.weight.total_cmp(&a.weight)));
        functions.truncate(MOST);
        let ours: HashMap<_, ()> = now.functions.iter().map(|function| (key(function), ())).collect();
        Self {
            tolerance,
            level: interval::LEVEL,
            tests,
            least_calls: interval::least_calls(QUANTILE),
            functions,
            both,
            untested,
            only_now: Alone::of(now.functions.iter().filter(|function| !known.contains_key(&key(function)))),
            only_before: Alone::of(before.functions.iter().filter(|function| !ours.contains_key(&key(function)))),
            process: of_process(before, now),
        }
    }
}

impl Alone {
    fn of<'a>(functions: impl Iterator<Item = &'a Function>) -> Self {
        let counted = functions.map(|function| (shown(&function.full_name()), function.calls.total()));
        let mut first: Vec<(String, u64)> = counted.filter(|(_, calls)| *calls >= LEAST_CALLS).collect();
        first.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        let all = first.len();
        first.truncate(MOST_ALONE);
        Self { all, first }
    }
}

fn shown(name: &str) -> String {
    safe::line(name).into_owned()
}

fn pair(before: &Function, now: &Function, seconds: [f64; 2], each: [f64; 2], tolerance: f64) -> Pair {
    let sizes = [before, now].map(Function::informative_samples);
    let bytes = |function: &Function| function.bytes.clone().filter(|bytes| !bytes.is_empty());
    let live = before.live.zip(now.live).map(|(before, now)| [before.bytes as f64, now.bytes as f64]);
    let mean = interval::of_means((&before.wall, sizes[0]), (&now.wall, sizes[1]), tolerance).map(of_times);
    let calls = now.calls.total();
    Pair {
        name: shown(&now.name),
        module: shown(&now.module),
        calls_before: before.calls.total(),
        calls,
        samples_before: before.samples,
        samples: now.samples,
        rate_before: before.calls.total() as f64 / seconds[0],
        rate: calls as f64 / seconds[1],
        p99: interval::of_quantiles((&before.wall, sizes[0]), (&now.wall, sizes[1]), QUANTILE, tolerance).map(of_times),
        bytes: bytes(before)
            .zip(bytes(now))
            .and_then(|(before, now)| interval::of_means((&before, sizes[0]), (&now, sizes[1]), tolerance)),
        live: live.and_then(|live| interval::of_samples(live, each, tolerance)),
        weight: mean.map_or(0.0, |mean| (mean.now - mean.before).abs() * calls as f64),
        mean,
    }
}

/// What cannot be told from the clock's resolution is unclear.
fn of_times(change: Change) -> Change {
    let is_short = (change.now - change.before).abs() < RESOLUTION_NS;
    let is_judged = matches!(change.verdict, Verdict::More | Verdict::Less);
    if is_short && is_judged { Change { verdict: Verdict::Unclear, ..change } } else { change }
}

fn of_process(before: &Snapshot, now: &Snapshot) -> Vec<ProcessFigure> {
    let both = |name, unit, of: &dyn Fn(&Snapshot) -> Option<f64>| {
        let figure = ProcessFigure { name, unit, before: of(before), now: of(now) };
        (figure.before.is_some() || figure.now.is_some()).then_some(figure)
    };
    let cores = |snapshot: &Snapshot| {
        let is_known = snapshot.cpu_ns > 0 && snapshot.window_ns > 0;
        is_known.then(|| snapshot.cpu_ns as f64 / snapshot.window_ns as f64)
    };
    [
        both("recorded time", "seconds", &|snapshot| Some(snapshot.window_ns as f64 * 1e-9)),
        both("CPU time per second", "cores", &cores),
        both("resident memory", "bytes", &resident),
        both("bytes given out by jemalloc", "bytes", &|snapshot| {
            Some(snapshot.allocator.as_ref()?.allocated_bytes as f64)
        }),
        both("threads that record", "count", &|snapshot| Some(snapshot.profiler.threads as f64)),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Physical memory of the process, of the latest reading.
pub(super) fn resident(snapshot: &Snapshot) -> Option<f64> {
    let reading = snapshot.readings.iter().find(|reading| reading.name == "process_resident_memory_bytes");
    reading.map(|reading| reading.value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::histogram::Histogram;
    use crate::snapshot::{Calls, Heap, Live};

    /// Calls of 1 to 2 times so many microseconds.
    fn function(name: &str, calls: u64, us: u64) -> Function {
        let mut wall = Histogram::default();
        (0..calls).for_each(|n| wall.record(us * 1_000 + us * 1_000 * n / calls, 1));
        let counted = Calls { ok: calls, ..Calls::default() };
        Function {
            name: name.into(),
            module: "shop".into(),
            calls: counted,
            samples: calls,
            wall,
            ..Function::default()
        }
    }

    fn snapshot(functions: Vec<Function>) -> Snapshot {
        Snapshot { functions, window_ns: 10_000_000_000, ..Snapshot::default() }
    }

    #[test]
    fn what_changed_comes_first_and_what_did_not_is_said_to_be_the_same() {
        let before = snapshot(vec![
            function("faster", 1_000, 500),
            function("few", 9, 100),
            function("gone", 10, 5),
            function("rare", 9, 5),
            function("same", 1_000, 300),
            function("slower", 1_000, 100),
        ]);
        let now = snapshot(vec![
            function("faster", 2_000, 400),
            function("few", 9, 900),
            function("new", 11, 5),
            function("same", 1_000, 301),
            function("seldom", 9, 5),
            function("slower", 1_000, 200),
        ]);
        let found = Comparison::of(&before, &now, TOLERANCE);
        let names: Vec<&str> = found.functions.iter().map(|pair| pair.name.as_str()).collect();
        assert_eq!(names, ["faster", "slower", "same", "few"]);
        let [faster, slower, same, few] = found.functions.as_slice() else { panic!() };
        assert!(slower.is(Verdict::More) && !slower.is(Verdict::Less) && faster.is(Verdict::Less));
        let ratio = slower.mean.unwrap();
        assert!(
            (ratio.ratio - 2.0).abs() < 0.01 && ratio.low < 2.0 && ratio.high > 2.0 && ratio.low > 1.9,
            "{ratio:?}"
        );
        assert!((slower.p99.unwrap().ratio - 2.0).abs() < 0.05, "{:?}", slower.p99);
        assert_eq!(same.verdicts(), [Some(Verdict::Same), Some(Verdict::Same), None, None]);
        assert_eq!((few.verdicts(), found.untested, found.both), ([None; 4], 1, 4));
        assert_eq!((faster.rate_before, faster.rate), (100.0, 200.0));
        // Ten calls are enough, and nine are not.
        assert_eq!(found.only_now.first, [("shop::new".to_owned(), 11)]);
        assert_eq!(found.only_before.first, [("shop::gone".to_owned(), 10)]);
        assert_eq!(found.tests, 6);
        // The other way round, everything is reversed.
        let back = Comparison::of(&now, &before, TOLERANCE);
        assert!(back.functions.iter().find(|pair| pair.name == "slower").unwrap().is(Verdict::Less));
    }

    #[test]
    fn what_the_clock_does_not_tell_apart_is_unclear() {
        let of = |ns: u64| {
            let mut function = function("rank", 1_000, 1);
            function.wall = Histogram::default();
            function.wall.record(ns, 1_000);
            snapshot(vec![function])
        };
        let verdicts = |before: u64, now: u64| Comparison::of(&of(before), &of(now), TOLERANCE).functions[0].verdicts();
        assert_eq!(verdicts(5, 15)[..2], [Some(Verdict::Unclear); 2]);
        assert_eq!(verdicts(5, 5)[..2], [Some(Verdict::Same); 2]);
        assert_eq!(verdicts(50, 150)[..2], [Some(Verdict::More); 2]);
    }

    #[test]
    fn memory_and_allocations_are_compared_where_both_have_them() {
        let of = |live: u64, allocated: u64| {
            let mut function = function("keep", 100, 10);
            let mut bytes = Histogram::new(crate::histogram::Scale::Bytes);
            bytes.record(allocated, 100);
            function.bytes = Some(bytes);
            function.live = Some(Live { bytes: live, ..Live::default() });
            let heap = Some(Heap { sample_bytes: 1 << 20, ..Heap::default() });
            Snapshot { heap, ..snapshot(vec![function]) }
        };
        let found = Comparison::of(&of(8 << 20, 1_000), &of(80 << 20, 3_000), TOLERANCE);
        let pair = &found.functions[0];
        assert_eq!(pair.verdicts()[2..], [Some(Verdict::More), Some(Verdict::More)]);
        assert!(!pair.is(Verdict::More), "its calls take no longer");
        let bytes = pair.bytes.unwrap();
        assert_eq!((bytes.before, bytes.now, bytes.low), (1_000.0, 3_000.0, bytes.high));
        let mut without = of(8 << 20, 1_000);
        without.heap = None;
        assert_eq!(Comparison::of(&without, &of(80 << 20, 1_000), TOLERANCE).functions[0].live, None);
    }

    #[test]
    fn names_are_shown_as_everywhere() {
        let odd = || snapshot(vec![function("a\u{202e}b\nc", 10, 5)]);
        assert_eq!(Comparison::of(&odd(), &odd(), TOLERANCE).functions[0].name, "a\\u{202e}b c");
    }
}
