//! Figures of histories and snapshots of which everything is known.

use std::time::Duration;

use super::*;
use crate::histogram::Histogram;
use crate::history::{FunctionId, FunctionReading, History, Pace};
use crate::reading::{Absence, Description, Labels, Reading, Unit};
use crate::snapshot::{self, Calls, Function, Live as LiveHeap, Snapshot, Totals};
use crate::target::{Judgement, KeptBudgets, Moment, Status, Targets};

const START: u64 = 1_795_000_007;

static RESIDENT: Description = Description::gauge("process_resident_memory_bytes", Unit::Bytes, "");
static HITS: Description = Description::counter("cache_hits_total", Unit::Count, "");
static MISSES: Description = Description::counter("cache_misses_total", Unit::Count, "");
static SLOW: Description = Description::counter("slow_queries_total", Unit::Count, "");
static USED: Description = Description::gauge("connection_pool_in_use", Unit::Count, "");
static SIZE: Description = Description::gauge("connection_pool_size", Unit::Count, "");

/// A program with one function and some readings, second by second.
struct Program {
    history: History,
    second: u64,
    times: Histogram,
    errors: u64,
    counters: [f64; 3],
    readings: (Vec<Reading>, Vec<Absence>),
    first: Vec<Reading>,
}

impl Program {
    fn new() -> Self {
        let absent = vec![Absence { what: "container_memory_usage_bytes", why: "there is no control group" }];
        let readings = (Vec::new(), absent);
        let history = History::in_test(2 << 20);
        Self {
            history,
            second: 0,
            times: Histogram::default(),
            errors: 0,
            counters: [0.0; 3],
            readings,
            first: Vec::new(),
        }
    }

    /// Each second has 20 calls of 1 to 20 ms, one of which fails, and 9 hits of 10.
    fn run(mut self, seconds: u64) -> Self {
        for _ in 0..seconds {
            (1..=20).for_each(|ms| self.times.record(ms * 1_000_000, 1));
            self.errors += 1;
            let cache = Labels::of(&[("cache", "results")]);
            self.counters = [self.counters[0] + 90.0, self.counters[1] + 10.0, self.counters[2] + 1.0];
            let [hits, misses, slow] = self.counters;
            let pool = Labels::of(&[("pool", "db")]);
            let of = |description, labels: &Labels, value| Reading { description, labels: labels.clone(), value };
            self.readings.0 = vec![
                of(&RESIDENT, &Labels::NONE, 5e6 + 1e6 * (self.second % 10) as f64),
                of(&HITS, &cache, hits),
                of(&MISSES, &cache, misses),
                of(&SLOW, &Labels::of(&[("db", "main"), ("kind", "read")]), slow),
                of(&SLOW, &Labels::of(&[("db", "main"), ("kind", "write")]), slow),
                of(&USED, &pool, 4.0 + (self.second % 2) as f64),
                of(&SIZE, &pool, 10.0),
            ];
            if self.first.is_empty() {
                self.first = self.readings.0.clone();
            }
            let mut round = self.history.round(START + self.second).expect("a new second");
            self.readings.0.iter().for_each(|reading| round.reading(reading));
            let reading = FunctionReading {
                function: FunctionId { name: "search", module: "shop" },
                calls: self.times.count(),
                errors: self.errors,
                self_ns: 100_000_000 * (self.second + 1),
                cpu_ns: Some(50_000_000 * (self.second + 1)),
                allocated_bytes: Some(1_000 * (self.second + 1)),
                live_bytes: None,
                times: &self.times,
                is_new: self.second == 0,
            };
            round.function(&reading, Pace::Second);
            drop(round);
            self.second += 1;
        }
        self
    }

    fn whole(&self) -> Whole {
        let calls = Calls { ok: self.times.count() - self.errors, error: self.errors, ..Calls::default() };
        let wall = self.times.clone();
        let function = Function { name: "search".into(), calls, samples: wall.count(), wall, ..Function::default() };
        let rare = Function { name: "rare".into(), calls: Calls { ok: 1, ..Calls::default() }, ..Function::default() };
        Whole(Snapshot {
            functions: vec![function, rare],
            window_ns: self.second * 1_000_000_000,
            ..Snapshot::default()
        })
    }

    fn judge(&self, text: &str, whole: Option<&Whole>, is_young: bool) -> Judgement {
        let live = Live::new(
            Some(&self.history),
            Now {
                readings: &self.readings,
                first: Some((&self.first, Duration::from_secs(self.second.saturating_sub(1)))),
                whole,
                functions,
                is_young,
                baseline: None,
            },
        );
        let targets = Targets::parse(text, "test").unwrap_or_else(|error| panic!("{error}"));
        let at_unix_ns = (START + self.second - 1) * 1_000_000_000;
        targets.judge(&live, Moment { at_unix_ns, traffic: Duration::from_secs(600) }, &mut KeptBudgets::default())
    }
}

fn functions() -> Vec<&'static str> {
    vec!["search", "rare"]
}

/// The value of each target, and the seconds that it is of.
fn values(judgement: &Judgement) -> Vec<(f64, f64)> {
    judgement
        .targets
        .iter()
        .map(|state| (state.current.unwrap_or_else(|| panic!("{state:?}")), state.covered_seconds))
        .collect()
}

#[test]
fn values_are_those_of_a_window_of_the_history() {
    let program = Program::new().run(700);
    let expected = [
        ("p50(search) < 1s", 0.010, 300.0),
        ("p95(search) < 1s", 0.019, 300.0),
        ("error_ratio(search) < 50%", 0.05, 300.0),
        ("rate(search) > 1/s", 20.0, 300.0),
        ("self_time(search) < 100%", 0.1, 300.0),
        ("self_cpu(search) < 100%", 0.05, 300.0),
        ("allocated(search) < 1MB/s", 1_000.0, 300.0),
        ("hit_ratio(results) > 10% over 1m", 0.9, 60.0),
        ("rate(slow_queries) < 10/s", 2.0, 300.0),
        ("rate(slow_queries_total{kind=read}) < 10/s", 1.0, 300.0),
        ("growth(slow_queries) < 2000 over 10m", 1_200.0, 600.0),
        ("resident < 1GB", 14e6, 300.0),
        ("peak(resident) < 1GB", 14e6, 300.0),
        ("lowest(resident) < 1GB", 5e6, 300.0),
        ("mean(resident) < 1GB", 9.5e6, 300.0),
        ("pool_utilization(db) < 70%", 0.45, 300.0),
    ];
    let text: Vec<&str> = expected.iter().map(|(text, ..)| *text).collect();
    let judgement = program.judge(&text.join("\n"), None, false);
    for ((text, value, covered), (found, found_covered)) in expected.into_iter().zip(values(&judgement)) {
        assert!((found / value - 1.0).abs() < 0.012, "{text}: {found}");
        assert!((found_covered - covered).abs() <= 10.0, "{text}: of {found_covered} s");
    }
}

#[test]
fn a_budget_says_what_the_history_covers() {
    let program = Program::new().run(400);
    let judgement = program.judge("error_ratio(search) < 1%", None, false);
    let state = &judgement.targets[0];
    assert_eq!(state.status, Status::Missed);
    let budget = state.budget.as_ref().unwrap();
    assert!(budget.remaining.is_none() && budget.reason.contains("at most 7d of 30d"), "{budget:?}");
    assert!(
        budget.burn_rates[0].reason.contains("history covers 6.") && budget.burn_rates[0].reason.contains("of 1h"),
        "{budget:?}"
    );
}

/// The history has no first second.
#[test]
fn a_young_program_is_judged_by_all_since_its_start() {
    let program = Program::new().run(1);
    let text = "p95(search) < 1s; rate(search) > 1/s; growth(slow_queries) < 10; resident < 1GB; mean(resident) < 1GB";
    let whole = program.whole();
    let judgement = program.judge(text, Some(&whole), true);
    let found = values(&judgement);
    let expected = [(0.019, 1.0), (20.0, 1.0), (0.0, 0.0), (5e6, 1.0), (5e6, 1.0)];
    for (at, (value, covered)) in expected.into_iter().enumerate() {
        assert!((found[at].0 - value).abs() <= value * 0.012, "{at}: {found:?}");
        assert!((found[at].1 - covered).abs() <= 1.0, "{at}: {found:?}");
    }
    // Counters grow from the first reading.
    let program = Program::new().run(31);
    let judgement = program.judge("growth(slow_queries) < 100; rate(search) > 1/s", Some(&program.whole()), true);
    assert_eq!(values(&judgement), [(60.0, 30.0), (20.0, 31.0)]);
    // A window that is younger is the history's.
    let judgement = program.judge("rate(search) > 1/s over 10s", Some(&program.whole()), true);
    assert_eq!(values(&judgement), [(20.0, 10.0)]);
}

#[test]
fn what_the_history_does_not_have_is_looked_for() {
    let program = Program::new().run(400);
    let said = |text: &str| {
        let state = program.judge(text, None, false).targets.into_iter().next().unwrap();
        (state.status, state.reason)
    };
    let (status, reason) = said("p95(saerch) < 1s");
    assert_eq!(status, Status::NotEvaluable);
    assert_eq!(reason, "no function \"saerch\" in 10m of traffic; did you mean \"search\"?");
    assert_eq!(said("hit_ratio(resluts) > 1%").1, "no cache \"resluts\" in 10m of traffic; did you mean \"results\"?");
    assert!(said("rate(rare) < 1/s").1.contains("not among the functions"));
    assert_eq!(said("container_memory_usage_bytes < 1GB").1, "there is no control group");
    assert_eq!(said("slow_queries_total < 5").1, "several readings have this name; add one of the labels kind");
    assert_eq!(said("live(search) < 1GB").1, "the live heap is not sampled");
    assert!(said("mean(resident) < 1GB over 8d").1.contains("history covers at most 7d"));
}

#[test]
fn without_a_history_only_the_start_is_known() {
    let program = Program::new().run(20);
    let judge = |age: u64, text: &str| {
        let whole = Whole(Snapshot { window_ns: age * 1_000_000_000, ..program.whole().0 });
        let live = Live::new(
            None,
            Now {
                readings: &program.readings,
                first: Some((&program.first, Duration::from_secs(age))),
                whole: Some(&whole),
                functions,
                is_young: age < 300,
                baseline: None,
            },
        );
        let moment = Moment { at_unix_ns: START * 1_000_000_000, traffic: Duration::from_secs(600) };
        let state =
            Targets::parse(text, "test").unwrap().judge(&live, moment, &mut KeptBudgets::default()).targets.remove(0);
        (state.status, state.reason)
    };
    assert_eq!(judge(20, "p95(search) < 1s").0, Status::Met);
    for text in ["p95(search) < 1s", "rate(slow_queries) < 9/s", "peak(resident) < 1GB"] {
        let (status, reason) = judge(3_000, text);
        assert!(status == Status::NotEvaluable && reason.contains("PERF_HISTORY"), "{text}: {reason}");
    }
    assert_eq!(judge(3_000, "resident < 1GB").0, Status::Met, "the latest value needs no history");
}

#[test]
fn a_snapshot_as_a_whole_has_figures() {
    let mut snapshot = Program::new().run(10).whole().0;
    let search = &mut snapshot.functions[0];
    search.exclusive = Totals { wall_ns: 5_000_000_000, cpu_ns: 2_000_000_000, ..Totals::default() };
    search.inclusive = Totals { allocated_bytes: 10_000, ..Totals::default() };
    (search.cpu, search.bytes) = (Some(Histogram::default()), Some(Histogram::default()));
    search.live = Some(LiveHeap { bytes: 77, ..LiveHeap::default() });
    // Functions of one name are one.
    let twin = search.clone();
    snapshot.functions.push(twin);
    let labels = [("cache".to_owned(), "results".to_owned())];
    for (name, value) in [("cache_hits_total", 80.0), ("cache_misses_total", 20.0)] {
        let kind = snapshot::ReadingKind::Counter;
        let labels = labels.clone().into();
        snapshot.readings.push(snapshot::Reading { name: name.into(), labels, kind, value, ..Default::default() });
    }
    let text = "p95(search) < 1s; rate(search) > 1/s; error_ratio(search) < 50%; self_time(search) < 900%; \
                self_cpu(search) < 100%; allocated(search) < 1MB/s; live(search) < 1MB; hit_ratio(results) > 1%";
    let targets = Targets::parse(text, "test").unwrap();
    let moment = Moment { at_unix_ns: START * 1_000_000_000, traffic: Duration::from_secs(600) };
    let judgement = targets.judge(&Whole(snapshot), moment, &mut KeptBudgets::default());
    let expected = [0.019, 40.0, 0.05, 1.0, 0.4, 2_000.0, 154.0, 0.8];
    for ((found, _), value) in values(&judgement).into_iter().zip(expected) {
        assert!((found / value - 1.0).abs() < 0.012, "{found} is not {value}");
    }
}
