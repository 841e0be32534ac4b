//! What differs between two snapshots, function by function: pure.
//!
//! Times and sizes of calls are compared, whose scatter is known. Numbers of calls are shown, and
//! never called different: nothing says how much they scatter from one run to another.

use std::collections::HashMap;

use perf_sdk::Histogram;
use perf_sdk::snapshot::{Function, Snapshot};
use serde::Serialize;

use crate::statistics::{Difference, Mean};

/// Calls below which nothing is said of a function.
const LEAST_CALLS: u64 = 10;
/// The least change that is called one: cells of histograms are up to 2.2 % wide.
const LEAST_RATIO: f64 = 0.05;
const NS: f64 = 1e-9;

#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Versions {
    /// Both are of one run of a process: one side is all until the earlier one, the other side is
    /// what happened from then until the later one.
    pub(crate) is_one_process: bool,
    pub(crate) a_seconds: f64,
    pub(crate) b_seconds: f64,
    /// Functions with enough calls on both sides.
    pub(crate) compared: usize,
    /// Those that have too few on one of them.
    pub(crate) too_few_calls: usize,
    pub(crate) least_calls: u64,
    /// Those that changed the CPU time of the process most come first.
    pub(crate) functions: Vec<Compared>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) only_in_a: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) only_in_b: Vec<String>,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Compared {
    pub(crate) name: String,
    pub(crate) module: String,
    pub(crate) calls_a: u64,
    pub(crate) calls_b: u64,
    /// CPU time of the function itself per second.
    pub(crate) self_cpu_cores_a: f64,
    pub(crate) self_cpu_cores_b: f64,
    pub(crate) figures: Vec<Figure>,
}

/// One figure of a call, and how much higher it is in B.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Figure {
    pub(crate) name: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) a: f64,
    pub(crate) b: f64,
    pub(crate) difference: f64,
    /// The 95 % interval of the difference.
    pub(crate) low: f64,
    pub(crate) high: f64,
    /// Whether it is no chance, with regard to how many figures were compared.
    pub(crate) is_sure: bool,
}

/// A figure before it is known how many there are.
struct Pair {
    name: &'static str,
    unit: &'static str,
    a: f64,
    b: f64,
    difference: Difference,
}

/// Seconds by which two clocks that say when recording began may differ, and the share of the time
/// between by which one may be faster.
const CLOCKS_APART: f64 = 1.0;
const CLOCK_RATE: f64 = 0.001;

/// Two snapshots since recording began of one run of a process overlap: of the later one, only what
/// was not in the earlier one is kept. `None` of two processes.
pub(crate) fn apart(a: &Snapshot, b: &Snapshot) -> Option<(Snapshot, Snapshot)> {
    match (a.window_ns < b.window_ns, b.window_ns < a.window_ns) {
        (true, _) if is_continued(a, b) => Some((a.clone(), b.subtract(a))),
        (_, true) if is_continued(b, a) => Some((a.subtract(b), b.clone())),
        _ => None,
    }
}

/// Whether the later one has all that the earlier one has.
fn is_continued(earlier: &Snapshot, later: &Snapshot) -> bool {
    let began = |side: &Snapshot| (side.taken_at_unix_ns as f64 - side.window_ns as f64) * NS;
    let between = later.window_ns.saturating_sub(earlier.window_ns) as f64 * NS;
    let is_same_begin = (began(later) - began(earlier)).abs() <= CLOCKS_APART + CLOCK_RATE * between;
    let start = |side: &Snapshot| {
        let reading = side.readings.iter().find(|reading| reading.name == "process_start_time_seconds");
        reading.map(|reading| reading.value)
    };
    // The system says it in hundredths of a second.
    let is_same_start = start(earlier).zip(start(later)).is_none_or(|(a, b)| (a - b).abs() < 0.1);
    let key = |function: &Function| (function.module.clone(), function.name.clone());
    let after: HashMap<(String, String), &Function> = later.functions.iter().map(|one| (key(one), one)).collect();
    let mut before = earlier.functions.iter().filter(|was| was.calls.total() > 0).peekable();
    let has_functions = before.peek().is_some();
    let is_more = |was: &Function| {
        let now = after.get(&key(was));
        now.is_some_and(|now| now.calls.total() >= was.calls.total() && now.wall.count() >= was.wall.count())
    };
    is_same_begin && is_same_start && has_functions && before.all(is_more)
}

pub(crate) fn compare(a: &Snapshot, b: &Snapshot) -> Versions {
    let key = |function: &Function| (function.module.clone(), function.name.clone());
    let before: HashMap<(String, String), &Function> = a.functions.iter().map(|one| (key(one), one)).collect();
    let mut after: HashMap<(String, String), &Function> = HashMap::with_capacity(b.functions.len());
    let [a_seconds, b_seconds] = [a, b].map(|side| side.window_ns as f64 * NS);
    let has_bytes = a.has_allocations && b.has_allocations;
    let (mut found, mut too_few_calls, mut only_in_b) = (Vec::new(), 0, Vec::new());
    let is_enough = |function: &Function| function.calls.total() >= LEAST_CALLS;
    for now in &b.functions {
        after.insert(key(now), now);
        let was = before.get(&key(now)).filter(|was| was.calls.total() > 0);
        match was {
            Some(was) if is_enough(was) && is_enough(now) => found.push((*was, now, pairs(was, now, has_bytes))),
            Some(_) => too_few_calls += 1,
            None if is_enough(now) => only_in_b.push(now.name.clone()),
            None => {}
        }
    }
    let is_gone = |was: &&Function| is_enough(was) && after.get(&key(was)).is_none_or(|now| now.calls.total() == 0);
    let only_in_a = a.functions.iter().filter(is_gone).map(|was| was.name.clone()).collect();
    let comparisons: usize = found.iter().map(|(.., pairs)| pairs.len()).sum();
    let cores = |function: &Function, seconds: f64| {
        if seconds > 0.0 { function.exclusive.cpu_ns.max(0) as f64 * NS / seconds } else { 0.0 }
    };
    let mut functions: Vec<Compared> = found
        .into_iter()
        .map(|(was, now, pairs)| Compared {
            name: now.name.clone(),
            module: now.module.clone(),
            calls_a: was.calls.total(),
            calls_b: now.calls.total(),
            self_cpu_cores_a: cores(was, a_seconds),
            self_cpu_cores_b: cores(now, b_seconds),
            figures: pairs.into_iter().map(|pair| figure(pair, comparisons)).collect(),
        })
        .collect();
    let impact = |one: &Compared| (one.self_cpu_cores_b - one.self_cpu_cores_a).abs();
    let is_sure = |one: &Compared| one.figures.iter().any(|figure| figure.is_sure);
    functions.sort_by(|x, y| is_sure(y).cmp(&is_sure(x)).then(impact(y).total_cmp(&impact(x))));
    Versions {
        is_one_process: false,
        a_seconds,
        b_seconds,
        compared: functions.len(),
        too_few_calls,
        least_calls: LEAST_CALLS,
        functions,
        only_in_a,
        only_in_b,
    }
}

/// What functions are called in a table: the name, or `module::name` if several of them have it.
pub(crate) fn titles(all: &[Compared]) -> Vec<String> {
    let mut of_name: HashMap<&str, u32> = HashMap::new();
    all.iter().for_each(|one| *of_name.entry(&one.name).or_default() += 1);
    let title = |one: &Compared| match of_name.get(one.name.as_str()) {
        Some(2..) if !one.module.is_empty() => format!("{}::{}", one.module, one.name),
        _ => one.name.clone(),
    };
    all.iter().map(title).collect()
}

fn figure(pair: Pair, comparisons: usize) -> Figure {
    let Pair { name, unit, a, b, difference } = pair;
    let is_more = difference.difference.abs() > LEAST_RATIO * a.abs().max(b.abs());
    let is_sure = is_more && difference.is_sure(comparisons);
    Figure { name, unit, a, b, difference: difference.difference, low: difference.low, high: difference.high, is_sure }
}

fn pairs(a: &Function, b: &Function, has_bytes: bool) -> Vec<Pair> {
    let pair = |name, unit, means: Option<(Mean, Mean)>| {
        let (a, b) = means?;
        Some(Pair { name, unit, a: a.mean, b: b.mean, difference: Difference::between(&a, &b) })
    };
    let both = |of: &dyn Fn(&Function) -> Option<Mean>| of(a).zip(of(b));
    let bytes = |function: &Function| mean_of(function.bytes.as_ref()?, function.samples, 1.0);
    let all = [
        pair("self_cpu_per_call", "seconds", both(&self_cpu)),
        pair("mean", "seconds", both(&|function: &Function| mean_of(&function.wall, function.samples, NS))),
        pair("p50", "seconds", both(&|function| quantile(function, 0.5))),
        pair("p95", "seconds", both(&|function| quantile(function, 0.95))),
        pair("p99", "seconds", both(&|function| quantile(function, 0.99))),
        pair("bytes_per_call", "bytes", if has_bytes { both(&bytes) } else { None }),
    ];
    all.into_iter().flatten().collect()
}

/// The scatter of the values of a histogram, by the middle of their cells.
fn variance(histogram: &Histogram, mean: f64) -> f64 {
    let squares =
        |(low, high, count): (u64, u64, u64)| ((low as f64 + high as f64) / 2.0 - mean).powi(2) * count as f64;
    let zeros = histogram.zero_count() as f64 * mean.powi(2);
    let others = histogram.count() as f64 - 1.0;
    (histogram.cells().filter(|cell| cell.1 > 0).map(squares).sum::<f64>() + zeros) / others.max(1.0)
}

/// The mean of calls, of which so many were measured.
fn mean_of(histogram: &Histogram, samples: u64, scale: f64) -> Option<Mean> {
    let mean = histogram.mean()?;
    let n = samples.min(histogram.count());
    if n < LEAST_CALLS {
        return None;
    }
    let of_mean = variance(histogram, mean) / n as f64;
    Some(Mean { n: n as usize, mean: mean * scale, variance: of_mean * scale * scale, freedom: n as f64 - 1.0 })
}

/// CPU time of the function itself: with the error of the estimate, and with the scatter of whole
/// calls, which is no less than that of their own part.
fn self_cpu(function: &Function) -> Option<Mean> {
    let whole = mean_of(function.cpu.as_ref()?, function.samples, NS)?;
    let calls = function.calls.total() as f64;
    let error = function.exclusive_error_ns as f64 * NS / calls;
    let mean = function.exclusive.cpu_ns.max(0) as f64 * NS / calls;
    Some(Mean { mean, variance: whole.variance + error * error, ..whole })
}

/// A quantile, with a normal error from the order statistics on both sides of it.
fn quantile(function: &Function, q: f64) -> Option<Mean> {
    let n = function.samples.min(function.wall.count()) as f64;
    let apart = 1.96 * (q * (1.0 - q) / n.max(1.0)).sqrt();
    // Beyond the last call nothing is known.
    if q + apart >= 1.0 - 1.0 / n.max(1.0) || n < LEAST_CALLS as f64 {
        return None;
    }
    let at = |q: f64| function.wall.quantile(q.max(0.0)).map(|ns| ns * NS);
    let (low, mean, high) = (at(q - apart)?, at(q)?, at(q + apart)?);
    // The cell of a histogram is known, not the place in it.
    let error = ((high - low) / 2.0 / 1.96).max(mean * 0.011);
    Some(Mean { n: n as usize, mean, variance: error * error, freedom: n - 1.0 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use perf_sdk::snapshot::Calls;

    /// Calls that take this many nanoseconds and some more.
    fn function(name: &str, calls: u64, ns: u64) -> Function {
        let mut function = Function::default();
        function.name = name.to_owned();
        let mut times = Histogram::default();
        (0..calls).for_each(|call| times.record(ns + (call * 7_919) % (ns / 10), 1));
        (function.samples, function.wall, function.cpu) = (calls, times.clone(), Some(times));
        let mut outcomes = Calls::default();
        outcomes.ok = calls;
        function.calls = outcomes;
        function.exclusive.cpu_ns = (calls * ns) as i64;
        function
    }

    fn snapshot(functions: Vec<Function>) -> Snapshot {
        let mut snapshot = Snapshot::default();
        (snapshot.functions, snapshot.window_ns) = (functions, 10_000_000_000);
        snapshot
    }

    #[test]
    fn what_became_slower_is_sure_and_first_and_counts_are_no_difference() {
        let a = snapshot(vec![
            function("same", 5_000, 10_000),
            function("slower", 1_000, 10_000),
            function("gone", 10, 1_000),
        ]);
        let b = snapshot(vec![
            function("same", 50, 10_000),
            function("slower", 1_000, 15_000),
            function("new", 10, 1_000),
            function("rare", 9, 1_000),
        ]);
        let found = compare(&a, &b);
        assert_eq!((found.compared, found.too_few_calls), (2, 0));
        assert_eq!((&found.only_in_a[..], &found.only_in_b[..]), (&["gone".to_owned()][..], &["new".to_owned()][..]));
        let [slower, same] = &found.functions[..] else { panic!("{found:?}") };
        assert_eq!((slower.name.as_str(), same.name.as_str()), ("slower", "same"));
        let mean = slower.figures.iter().find(|figure| figure.name == "mean").unwrap();
        assert!(mean.is_sure && mean.low < 5.25e-6 && 5.25e-6 < mean.high, "{mean:?}");
        assert!(same.figures.iter().all(|figure| !figure.is_sure), "{same:?}");
        assert!(slower.figures.iter().all(|figure| figure.name != "bytes_per_call"), "no allocator counts");
    }

    #[test]
    fn of_one_process_what_happened_between_is_compared() {
        let at = |seconds: u64, functions: Vec<Function>| {
            let mut snapshot = snapshot(functions);
            (snapshot.taken_at_unix_ns, snapshot.window_ns) =
                ((1_796_040_000 + seconds) * 1_000_000_000, seconds * 1_000_000_000);
            snapshot
        };
        let slower = |before: u64, since: u64| {
            let (mut whole, after) = (function("work", before, 10_000), function("work", since, 20_000));
            whole.wall.merge(&after.wall);
            whole.cpu = Some(whole.wall.clone());
            whole.samples += since;
            whole.calls.ok += since;
            whole.exclusive.cpu_ns += after.exclusive.cpu_ns;
            whole
        };
        let earlier = at(100, vec![function("work", 10_000, 10_000)]);
        let later = at(130, vec![slower(10_000, 500)]);
        let mean = |a: &Snapshot, b: &Snapshot| {
            let found = compare(a, b);
            let mean = found.functions[0].figures.iter().find(|figure| figure.name == "mean").unwrap().clone();
            (mean.a, mean.b, mean.is_sure)
        };
        // Of all since the start it is a twentieth of the calls, and nothing is seen.
        assert!(!mean(&earlier, &later).2);
        let (a, b) = apart(&earlier, &later).unwrap();
        assert_eq!(
            (a.functions[0].calls.total(), b.functions[0].calls.total(), b.window_ns),
            (10_000, 500, 30_000_000_000)
        );
        let (before, since, is_sure) = mean(&a, &b);
        assert!(is_sure && since / before > 1.9, "{before} {since}");
        let (a, b) = apart(&later, &earlier).unwrap();
        assert_eq!((a.functions[0].calls.total(), b.functions[0].calls.total()), (500, 10_000));
        // Another process, which has fewer calls, began later, or is known to have another start.
        assert!(apart(&earlier, &at(130, vec![function("work", 9_000, 10_000)])).is_none());
        assert!(apart(&earlier, &at(130, vec![function("other", 20_000, 10_000)])).is_none());
        let mut moved = later.clone();
        moved.taken_at_unix_ns += 5_000_000_000;
        assert!(apart(&earlier, &moved).is_none() && apart(&earlier, &earlier).is_none());
        let started = |of: &Snapshot, value: f64| {
            let mut reading = perf_sdk::snapshot::Reading::default();
            (reading.name, reading.value) = ("process_start_time_seconds".into(), value);
            let mut other = of.clone();
            other.readings = vec![reading];
            other
        };
        assert!(apart(&started(&earlier, 100.0), &started(&later, 100.5)).is_none());
        assert!(apart(&started(&earlier, 100.0), &started(&later, 100.0)).is_some());
    }

    #[test]
    fn a_quantile_without_calls_beyond_it_is_not_compared() {
        let few = function("few", 50, 10_000);
        assert!(quantile(&few, 0.5).is_some() && quantile(&few, 0.99).is_none());
    }

    #[test]
    fn ranking_many_functions_is_linear() {
        let many = |ns| snapshot((0..20_000).map(|at| function(&format!("f{at}"), 10, ns)).collect());
        // Quadratic, it would take minutes.
        assert_eq!(compare(&many(1_000), &many(1_000)).compared, 20_000);
    }
}
