use std::collections::BTreeSet;
use std::time::Duration;

use crate::expression::{Aggregate, CallFigure};
use crate::finding::{Finding, of, of_process};
use crate::snapshot::{
    Allocator, Frame, Function, FutureTotals, LargeBlocks, LeakFinding, Leaks, LockContention, Reading, Snapshot,
    StatementFigures, Totals, Verdict,
};

use crate::target::{Figure, Figures, Missing, Window};

const SECOND: u64 = 1_000_000_000;

fn function(name: &str, calls: u64, cpu_seconds: f64) -> Function {
    let ns = (cpu_seconds * 1e9) as i64;
    let totals = Totals { wall_ns: ns, cpu_ns: ns, ..Totals::default() };
    let mut function = Function { name: name.into(), inclusive: totals, exclusive: totals, ..Function::default() };
    function.calls.ok = calls;
    function.cpu = Some(crate::histogram::Histogram::default());
    function
}

fn reading(name: &'static str, labels: &[(&str, &str)], value: f64) -> Reading {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    Reading { name: name.into(), labels: labels.iter().map(owned).collect(), value, ..Reading::default() }
}

/// A service that takes a core, as it should be.
fn healthy() -> Snapshot {
    let mut handler = function("handler", 1_000, 4.0);
    handler.exclusive.allocations = 20_000;
    handler.future =
        Some(FutureTotals { polls: 3_000, busy_ns: 4 * SECOND, longest_poll_ns: 4_000_000, ..Default::default() });
    handler.calls.cancelled = 10;
    handler.calls.error = 30;
    let mut statement = StatementFigures {
        database: "db".into(),
        statement: "SELECT a FROM t WHERE b = ?".into(),
        calls: 1_000,
        ..StatementFigures::default()
    };
    statement.durations.record(1_000_000, 1_000);
    let readings = vec![
        reading("cache_hits_total", &[("cache", "results"), ("tier", "1")], 9_000.0),
        reading("cache_misses_total", &[("cache", "results"), ("tier", "1")], 1_000.0),
        reading("cache_insertions_total", &[("cache", "results"), ("tier", "1")], 1_000.0),
        reading("connection_pool_checkouts_total", &[("pool", "db")], 1_000.0),
        reading("connection_pool_wait_seconds_total", &[("pool", "db")], 0.01),
        reading("container_cpu_cfs_periods_total", &[], 100.0),
        reading("container_cpu_cfs_throttled_periods_total", &[], 2.0),
        reading("process_max_fds", &[], 1_024.0),
        reading("process_open_fds", &[], 40.0),
        reading("process_resident_memory_bytes", &[], 2e8),
        reading("process_startup_seconds", &[], 0.4),
        reading("tokio_worker_busy_seconds_total", &[("runtime", "main"), ("worker", "0")], 4.0),
        reading("tokio_worker_busy_seconds_total", &[("runtime", "main"), ("worker", "1")], 5.0),
    ];
    Snapshot {
        window_ns: 10 * SECOND,
        cpu_ns: 10 * SECOND,
        has_allocations: true,
        functions: vec![handler, function("rank", 1_000, 3.0), function("render", 1_000, 2.0)],
        allocator: Some(Allocator { allocated_bytes: 90 << 20, active_bytes: 100 << 20, ..Allocator::default() }),
        statements: vec![statement],
        readings,
        ..Snapshot::default()
    }
}

/// Of 100 KiB, of which so many were allocated and freed.
fn blocks(number: u64) -> LargeBlocks {
    LargeBlocks {
        class_bytes: 64 << 10,
        largest_bytes: 100 << 10,
        samples: number / 5,
        allocations: number + 2,
        frees: number,
        most_living: 3,
    }
}

fn set(snapshot: &mut Snapshot, name: &str, value: f64) {
    let reading = snapshot.readings.iter_mut().find(|reading| reading.name == name).unwrap();
    reading.value = value;
}

fn leak(verdict: Verdict) -> Leaks {
    let finding = LeakFinding {
        scopes: vec!["main".into(), "store".into()],
        verdict,
        bytes: 90 << 20,
        retained_bytes: 80 << 20,
        evidence: "it grows".into(),
        ..LeakFinding::default()
    };
    Leaks { findings: vec![finding], ..Leaks::default() }
}

/// The rule that should find it, its subject, and what makes a healthy program ill.
type Illness = (&'static str, &'static str, fn(&mut Snapshot));

fn illnesses() -> Vec<Illness> {
    vec![
        ("measurement", "dropped", |snapshot| {
            snapshot.profiler.dropped.insert("memory".into(), 1_000);
        }),
        ("hot_function", "rank", |snapshot| snapshot.functions[1] = function("rank", 1_000, 8.0)),
        ("allocations", "render", |snapshot| snapshot.functions[2].exclusive.allocations = 20_000_000),
        ("reallocations", "render", |snapshot| snapshot.functions[2].exclusive.reallocations = 10_000_000),
        ("large_blocks", "render: 64.0 KiB", |snapshot| snapshot.functions[2].large_blocks = vec![blocks(400)]),
        ("blocking_poll", "handler", |snapshot| {
            let handler = &mut snapshot.functions[0];
            handler.exclusive.wall_ns += 6 * SECOND as i64;
            handler.future.as_mut().unwrap().longest_poll_ns = 20_000_000;
        }),
        ("long_poll", "handler", |snapshot| {
            let future = snapshot.functions[0].future.as_mut().unwrap();
            (future.polls, future.longest_poll_ns) = (50, 120_000_000);
        }),
        ("lock_contention", "Mutex at src/store.rs:12 held by code outside of profiled functions", |snapshot| {
            snapshot.locks.holders.push(LockContention {
                lock: "Mutex".into(),
                file: "src/store.rs".into(),
                line: 12,
                contentions: 4_000,
                delay_ns: 6 * SECOND,
                ..LockContention::default()
            });
        }),
        ("lock_across_await", "RwLock at src/store.rs:12 held by handler", |snapshot| {
            let lock = LockContention {
                scope: vec![Frame { name: "handler".into(), ..Frame::default() }],
                lock: "RwLock".into(),
                file: "src/store.rs".into(),
                line: 12,
                contentions: 1,
                ..LockContention::default()
            };
            snapshot.locks.holders.push(LockContention { delay_ns: SECOND / 2, ..lock.clone() });
            snapshot.locks.suspended.push(lock);
        }),
        ("n_plus_one", "db: SELECT a FROM t WHERE b = ?", |snapshot| {
            snapshot.statements[0].n_plus_one = 90;
            snapshot.statements[0].callers.push("handler".into());
        }),
        ("slow_statement", "db: SELECT a FROM t WHERE b = ?", |snapshot| {
            snapshot.statements[0].slow = 30;
            snapshot.statements[0].slowest = Duration::from_millis(900);
            snapshot.statements[0].plan = Some("SEARCH t USING INDEX\nmore".into());
        }),
        ("full_scan", "db: SELECT a FROM t WHERE b = ?", |snapshot| {
            let statement = &mut snapshot.statements[0];
            (statement.full_scans, statement.slow) = (1_000, 5);
            statement.scanned_tables.push("t".into());
        }),
        ("cache_misses", "results", |snapshot| {
            set(snapshot, "cache_hits_total", 400.0);
            snapshot.readings.push(reading("cache_evictions_total", &[("cache", "results")], 990.0));
        }),
        ("pool_waits", "db", |snapshot| set(snapshot, "connection_pool_wait_seconds_total", 5.0)),
        ("leak", "main > store", |snapshot| snapshot.leaks = Some(leak(Verdict::Confirmed))),
        ("retention", "main > store", |snapshot| snapshot.leaks = Some(leak(Verdict::Retention))),
        ("fragmentation", "", |snapshot| snapshot.allocator.as_mut().unwrap().active_bytes = 300 << 20),
        ("throttling", "", |snapshot| set(snapshot, "container_cpu_cfs_throttled_periods_total", 40.0)),
        ("descriptors", "", |snapshot| set(snapshot, "process_open_fds", 900.0)),
        ("uneven_workers", "main", |snapshot| {
            let busy = snapshot.readings.iter_mut().filter(|reading| reading.name == "tokio_worker_busy_seconds_total");
            busy.zip([9.5, 0.5]).for_each(|(reading, seconds)| reading.value = seconds);
        }),
        ("cancellations", "handler", |snapshot| snapshot.functions[0].calls.cancelled = 400),
        ("panics", "handler", |snapshot| snapshot.functions[0].calls.panic = 100),
        ("startup", "", |snapshot| set(snapshot, "process_startup_seconds", 9.0)),
    ]
}

#[test]
fn a_healthy_program_has_no_findings() {
    let found = of(&healthy()).findings;
    assert!(found.is_empty(), "{found:?}");
    assert!(of(&Snapshot::default()).findings.is_empty());
    let mut short = healthy();
    short.window_ns = SECOND;
    short.profiler.dropped.insert("memory".into(), 1_000);
    assert!(of(&short).findings.is_empty(), "too short to say anything");
}

#[test]
fn threads_that_are_preempted_do_not_block() {
    fn handler(snapshot: &mut Snapshot) -> &mut Function {
        &mut snapshot.functions[0]
    }

    let mut snapshot = healthy();
    handler(&mut snapshot).exclusive.wall_ns += 6 * SECOND as i64;
    let future = handler(&mut snapshot).future.as_mut().unwrap();
    (future.polls, future.longest_poll_ns) = (50_000, 9_000_000);
    assert!(of(&snapshot).findings.is_empty());
    // 40 polls that compute for 100 ms each, on a processor that two others want.
    handler(&mut snapshot).exclusive.wall_ns = 12 * SECOND as i64;
    let future = handler(&mut snapshot).future.as_mut().unwrap();
    (future.polls, future.longest_poll_ns) = (40, 900_000_000);
    let rules = |snapshot: &Snapshot| -> Vec<String> {
        of(snapshot).findings.into_iter().map(|finding| finding.rule).collect()
    };
    assert_eq!(rules(&snapshot), ["long_poll"]);
    // Two polls, of which one had no processor for seconds.
    handler(&mut snapshot).exclusive.wall_ns = 90 * SECOND as i64;
    handler(&mut snapshot).future.as_mut().unwrap().polls = 2;
    assert_eq!(rules(&snapshot), ["long_poll"]);
}

#[test]
fn each_illness_is_found_by_its_rule_and_by_no_other() {
    let all = illnesses();
    for (rule, _) in super::ALL.iter().filter(|(rule, _)| !["pool_full", "pool_oversized", "slower"].contains(rule)) {
        assert!(all.iter().any(|(named, _, _)| named == rule), "{rule} has no planted program");
    }
    for (rule, subject, plant) in all {
        let mut snapshot = healthy();
        plant(&mut snapshot);
        let findings = of(&snapshot).findings;
        let found: Vec<(&str, &str)> =
            findings.iter().map(|finding| (finding.rule.as_str(), finding.subject.as_str())).collect();
        assert_eq!(found, [(rule, subject)], "{findings:?}");
        let Finding { claim, evidence, next_step, refuted_by, fingerprint, .. } = &findings[0];
        for text in [claim, evidence, next_step, refuted_by] {
            assert!(!text.is_empty() && !text.contains("  "), "{rule}: {text:?}");
        }
        assert!(!claim.ends_with('.') && next_step.ends_with('.') && refuted_by.ends_with('.'), "{rule}");
        assert_eq!(fingerprint.len(), 16);
        assert_eq!(of(&snapshot).findings[0].fingerprint, *fingerprint, "the same each time");
    }
}

#[test]
fn only_blocks_that_come_and_go_are_worth_a_pool() {
    let found = |seconds: u64, blocks: LargeBlocks| {
        let mut snapshot = healthy();
        snapshot.window_ns = seconds * SECOND;
        snapshot.functions[2].large_blocks = vec![blocks];
        of(&snapshot).findings.pop()
    };
    let one = found(60, blocks(400)).unwrap();
    assert!(one.next_step.contains(".sizes([102400]).max_idle(3)"), "{}", one.next_step);
    assert!(one.evidence.starts_with("some 400 blocks of 64.0 KiB to 100.0 KiB, 400 a minute"), "{}", one.evidence);
    // Ten minutes: 40 a minute. 400 in a minute that are kept. 110, give or take 23.
    assert_eq!(found(600, blocks(400)), None);
    assert_eq!(found(60, LargeBlocks { frees: 20, ..blocks(400) }), None);
    assert_eq!(found(60, blocks(110)), None);
    // Of few samples nobody knows how many there were, and of a short time not how many come.
    assert_eq!(found(60, LargeBlocks { samples: 9, ..blocks(400) }), None);
    assert_eq!(found(2, blocks(100)), None);
}

/// The history of a program, in whose last five minutes something changed.
struct Past {
    in_use: f64,
    /// The highest, of how many open ones.
    peak_and_open: [f64; 2],
    /// Seconds that a call takes: before, and in the last five minutes.
    takes: [f64; 2],
    calls: u64,
}

impl Figures for Past {
    fn calls(&self, _: &str, figure: CallFigure, window: Window) -> Result<Figure, Missing> {
        let CallFigure::Quantile(share) = figure else { return Err(Missing::Unknown) };
        let seconds = if window.at_unix_ns < NOW { self.takes[0] } else { self.takes[1] };
        Ok(Figure { value: seconds * (0.5 + share), events: self.calls, covered: window.length })
    }

    fn reading(
        &self,
        name: &str,
        labels: &[(String, String)],
        aggregate: Aggregate,
        window: Window,
    ) -> Result<Figure, Missing> {
        assert_eq!(labels, [("pool".to_owned(), "db".to_owned())]);
        let value = match (name, aggregate) {
            ("connection_pool_size", _) => 8.0,
            ("connection_pool_idle", _) => self.peak_and_open[1] - self.in_use,
            (_, Aggregate::Peak) => self.peak_and_open[0],
            _ => self.in_use,
        };
        Ok(Figure { value, events: 300, covered: window.length })
    }

    fn functions(&self) -> Vec<String> {
        vec!["handler".to_owned()]
    }
}

const NOW: u64 = 1_700_000_000 * SECOND;

#[test]
fn accepted_findings_leave_room_for_others() {
    let mut snapshot = healthy();
    snapshot.functions = (0..7)
        .map(|at| {
            let mut function = function(&format!("f{at}"), 1_000, 0.5);
            function.calls.cancelled = 200 + at;
            function
        })
        .collect();
    let shown = of(&snapshot).findings;
    let accepted: BTreeSet<String> = shown.iter().map(|finding| finding.fingerprint.clone()).collect();
    let left = of_process(&snapshot, None, &accepted);
    let subjects: Vec<&str> = left.findings.iter().map(|finding| finding.subject.as_str()).collect();
    assert_eq!((left.accepted, subjects), (5, vec!["f1", "f0"]));
}

#[test]
fn what_changed_is_found_in_the_history() {
    let found = |past: &Past| -> Vec<(String, String)> {
        let mut snapshot = healthy();
        snapshot.window_ns = 60 * SECOND;
        snapshot.functions[0].samples = snapshot.functions[0].calls.total();
        snapshot.readings.push(reading("connection_pool_in_use", &[("pool", "db")], 2.0));
        let found = of_process(&snapshot, Some((past, NOW)), &BTreeSet::new()).findings;
        found.into_iter().map(|finding| (finding.rule, finding.subject)).collect()
    };
    let one = |rule: &str, subject: &str| vec![(rule.to_owned(), subject.to_owned())];
    let calm = || Past { in_use: 5.0, peak_and_open: [7.0, 8.0], takes: [0.010, 0.012], calls: 1_000 };
    assert_eq!(found(&calm()), []);
    assert_eq!(found(&Past { in_use: 7.0, ..calm() }), one("pool_full", "db"));
    assert_eq!(found(&Past { peak_and_open: [8.0, 40.0], ..calm() }), one("pool_oversized", "db"));
    assert_eq!(found(&Past { peak_and_open: [12.0, 40.0], ..calm() }), [], "a peak");
    assert_eq!(found(&Past { in_use: 1.0, peak_and_open: [1.0, 9.0], ..calm() }), [], "a small pool");
    assert_eq!(found(&Past { takes: [0.010, 0.020], ..calm() }), one("slower", "handler"));
    assert_eq!(found(&Past { takes: [0.020, 0.010], ..calm() }), []);
    assert_eq!(found(&Past { takes: [0.000_1, 0.000_2], ..calm() }), [], "who would see it");
    assert_eq!(found(&Past { takes: [0.010, 0.020], calls: 100, ..calm() }), [], "too few calls");
}

#[test]
fn doubts_come_first_and_then_what_wins_most() {
    let mut snapshot = healthy();
    for (rule, _, plant) in illnesses() {
        if ["measurement", "n_plus_one", "allocations", "lock_contention"].contains(&rule) {
            plant(&mut snapshot);
        }
    }
    let found = of(&snapshot).findings;
    let rules: Vec<&str> = found.iter().map(|finding| finding.rule.as_str()).collect();
    // 1 s of CPU time, 6 s of waiting and 1 s of waiting in 10 s.
    assert_eq!(rules, ["measurement", "lock_contention", "allocations", "n_plus_one"]);
}

#[test]
fn of_one_rule_the_worst_are_shown() {
    let mut snapshot = healthy();
    snapshot.functions = (0..20)
        .map(|at| {
            let mut function = function(&format!("f{at}"), 1_000, 0.5);
            function.calls.cancelled = 200 + at;
            function
        })
        .collect();
    let found = of(&snapshot).findings;
    assert_eq!(found.len(), 5);
    assert_eq!(found[0].subject, "f19");
}

#[test]
fn a_fragmented_heap_and_a_profiler_beyond_its_budget_have_remedies() {
    use crate::finding::Remedy;
    use crate::snapshot::Budget;
    let mut snapshot = healthy();
    snapshot.allocator =
        Some(Allocator { allocated_bytes: 100 << 20, active_bytes: 300 << 20, ..Allocator::default() });
    assert_eq!(of(&snapshot).findings[0].remedy, Some(Remedy::Purge));
    snapshot = healthy();
    snapshot.window_ns = 1_000 * SECOND;
    snapshot.profiler.budget =
        Some(Budget { allowed: 0.01, achieved: 0.2, floor: 0.001, window_ns: 90 * SECOND, ..Budget::default() });
    let remedy = |snapshot: &Snapshot| {
        let findings = of(snapshot).findings;
        findings.into_iter().find(|finding| finding.rule == "measurement").unwrap().remedy
    };
    assert!(of(&snapshot).findings.is_empty(), "at this moment only");
    snapshot.profiler.overhead_parts = [("counting".to_owned(), 11 * SECOND)].into();
    assert_eq!(remedy(&snapshot), None, "measuring is not what takes most");
    snapshot.window_ns = 20 * SECOND;
    assert!(of(&snapshot).findings.is_empty(), "it has just begun");
    snapshot.window_ns = 1_000 * SECOND;
    snapshot.profiler.overhead_parts = [("measuring".to_owned(), 9 * SECOND), ("server".to_owned(), 2 * SECOND)].into();
    for (function, (samples, one_in)) in snapshot.functions.iter_mut().zip([(10, 1), (90, 1_024), (95, 4_096)]) {
        (function.samples, function.one_in) = (samples, one_in);
    }
    snapshot.functions[1].module = "shop".into();
    let expected = Remedy::Sampling { pattern: "shop::rank".into(), one_in: 4_096 };
    assert_eq!(remedy(&snapshot), Some(expected));
    snapshot.profiler.overhead_parts.insert("server".to_owned(), 99 * SECOND);
    assert_eq!(remedy(&snapshot), None, "sampling is not what takes most");
}
