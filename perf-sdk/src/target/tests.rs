//! Targets over simulated programs.

use std::collections::BTreeSet;
use std::time::Duration;

use super::simulated::{Program, moment};
use super::*;

const GUIDES: [(&str, &str); 5] = [
    ("document.toml", include_str!("guides/document.toml")),
    ("api.toml", include_str!("guides/api.toml")),
    ("query.toml", include_str!("guides/query.toml")),
    ("cache.toml", include_str!("guides/cache.toml")),
    ("startup.toml", include_str!("guides/startup.toml")),
];

/// A program that has what all guides ask for: each figure is `good`, or else `bad`.
fn program(is_good: bool) -> Program {
    let pick = |good: f64, bad: f64| if is_good { good } else { bad };
    let mut program = Program::running_for(900.0);
    for function in ["document open", "GET /search", "query users"] {
        // 95 % of the calls take up to 47.5 ms, or 133 ms.
        let (a_second, one_in) = if is_good { (150, 500) } else { (50, 20) };
        program = program.calls(function, 600.0, 600 * a_second, pick(0.05, 0.14), one_in);
    }
    program = program.calls("import", 600.0, 100, pick(0.1, 0.3), 0);
    for (cache, hits) in
        [("documents", pick(95.0, 80.0)), ("queries", pick(85.0, 70.0)), ("sessions", pick(90.0, 80.0))]
    {
        let labels = [("cache", cache)];
        program = program
            .counter("cache_hits_total", &labels, hits)
            .counter("cache_misses_total", &labels, 100.0 - hits)
            .counter("cache_evictions_total", &labels, pick(1.0, 9.0))
            .counter("cache_access_seconds_total", &labels, pick(0.2, 2.0))
            .counter("cache_timed_lookups_total", &labels, 100.0);
    }
    program
        .reading("process_resident_memory_bytes", &[], |second| {
            if second < 400.0 { pick(120e6, 180e6) } else { pick(80e6, 120e6) }
        })
        .counter("process_cpu_seconds_total", &[], pick(1.0, 3.6))
        .gauge("process_cpus", &[], 4.0)
        .gauge("process_startup_seconds", &[], pick(0.15, 0.3))
        .counter("slow_queries_total", &[("db", "main")], pick(0.001, 0.1))
        .gauge("connection_pool_in_use", &[("pool", "db")], pick(5.0, 9.0))
        .gauge("connection_pool_size", &[("pool", "db")], 10.0)
        .gauge("workers_parallel_efficiency_ratio", &[("workers", "rayon")], pick(0.9, 0.5))
        .counter("http_response_uncompressed_bytes_total", &[("route", "GET /search")], 1_000.0)
        .counter("http_response_compressed_bytes_total", &[("route", "GET /search")], pick(300.0, 700.0))
}

fn judged(text: &str, program: &Program) -> TargetState {
    let targets = Targets::parse(text, "test").unwrap_or_else(|error| panic!("{error}"));
    targets.judge(program, moment(900), &mut KeptBudgets::default()).targets.remove(0)
}

/// Status and reason.
fn said(text: &str, program: &Program) -> (Status, String) {
    let state = judged(text, program);
    (state.status, state.reason)
}

#[test]
fn tables_of_performance_guides_are_met_and_missed() {
    for (name, text) in GUIDES {
        let targets = Targets::parse_toml(text, name).unwrap_or_else(|error| panic!("{error}"));
        assert!(targets.iter().count() >= 5, "{name}");
        for (is_good, expected) in [(true, Status::Met), (false, Status::Missed)] {
            for state in targets.judge(&program(is_good), moment(900), &mut KeptBudgets::default()).targets {
                assert_eq!(state.status, expected, "{name}: {state:?}");
            }
        }
    }
}

#[test]
fn values_are_those_of_the_program() {
    let good = program(true);
    for (text, value, shown) in [
        ("p95('GET /search') < 1s", 0.0475, "47.5 ms"),
        ("error_ratio('GET /search') < 1%", 0.002, "0.200%"),
        ("rate('GET /search') > 1/s", 150.0, "150/s"),
        ("hit_ratio(documents) > 1%", 0.95, "95.0%"),
        ("eviction_ratio(documents) < 5%", 0.01, "1.0%"),
        ("access_time(documents) < 1s", 0.002, "2.00 ms"),
        ("pool_utilization(db) < 70%", 0.5, "50.0%"),
        ("cpu < 75%", 0.25, "25.0%"),
        ("compression_ratio > 1%", 0.7, "70.0%"),
        ("resident < 1GB", 80e6, "76.3 MiB"),
        ("peak(resident) < 1GB over 10m", 120e6, "114.4 MiB"),
        ("lowest(resident) < 1GB over 10m", 80e6, "76.3 MiB"),
        ("rate(slow_queries) < 1/s", 0.001, "3.60/h"),
        ("rate(slow_queries_total{db=main}) < 1/s", 0.001, "3.60/h"),
        ("growth(slow_queries) < 1 over 10m", 0.6, "0.60"),
        ("rate(process_cpu_seconds_total) < 100%", 1.0, "100.0%"),
        ("share(slow_queries, cache_hits_total{cache=queries}) < 1%", 0.001 / 85.0, "0.001%"),
        ("connection_pool_size < 20", 10.0, "10"),
        ("startup < 200ms", 0.15, "150 ms"),
    ] {
        let state = judged(text, &good);
        let current = state.current.unwrap_or_else(|| panic!("{text}: {state:?}"));
        assert!((current - value).abs() < value * 0.01, "{text}: {current}");
        assert_eq!(state.shown, shown, "{text}");
    }
    // The growth of counters with other labels adds up.
    let all = judged("growth(cache_hits) > 1", &good);
    assert!((all.current.unwrap() - 300.0 * (95.0 + 85.0 + 90.0)).abs() < 300.0, "{all:?}");
}

#[test]
fn near_a_limit_a_target_is_at_risk() {
    let level = |bytes| Program::running_for(900.0).gauge("process_resident_memory_bytes", &[], bytes);
    assert_eq!(said("resident < 100MB", &level(89e6)), (Status::Met, String::new()));
    assert_eq!(said("resident < 100MB", &level(91e6)), (Status::AtRisk, "beyond 90.0% of the limit".to_owned()));
    assert_eq!(said("resident < 100MB", &level(100e6)).0, Status::Missed, "the limit itself is not below it");
    assert_eq!(said("resident <= 100MB", &level(100e6)).0, Status::AtRisk);
    assert_eq!(said("100MB > resident", &level(101e6)).0, Status::Missed);
    for (bytes, status) in [(61e6, Status::AtRisk), (70e6, Status::Met), (79e6, Status::AtRisk), (81e6, Status::Missed)]
    {
        assert_eq!(said("60MB < resident < 80MB", &level(bytes)).0, status, "{bytes}");
        assert_eq!(said("resident in 60MB..80MB", &level(bytes)).0, status, "{bytes}");
    }
    let mut targets = Targets::new();
    targets.add(Target::new("resident < 100MB").unwrap().margin(80.0)).unwrap();
    assert_eq!(targets.judge(&level(85e6), moment(900), &mut KeptBudgets::default()).targets[0].status, Status::AtRisk);

    // Of a share what may be lacking counts: 10 % of misses.
    let hits = |share: f64| {
        let labels = [("cache", "a")];
        let program = Program::running_for(900.0).counter("cache_hits_total", &labels, 100.0 * share);
        program.counter("cache_misses_total", &labels, 100.0 * (1.0 - share))
    };
    for (share, status) in [(0.95, Status::Met), (0.905, Status::AtRisk), (0.89, Status::Missed)] {
        assert_eq!(said("hit_ratio(a) > 90%", &hits(share)).0, status, "{share}");
    }
    let rate = |a_second: usize| Program::running_for(900.0).calls("f", 900.0, 900 * a_second, 0.01, 0);
    for (a_second, status) in [(120, Status::Met), (105, Status::AtRisk), (90, Status::Missed)] {
        assert_eq!(said("rate(f) > 100/s", &rate(a_second)).0, status, "{a_second}");
    }
}

#[test]
fn a_latency_target_is_at_risk_by_its_share_of_slow_calls() {
    // Durations are spread evenly: the share of calls above 100 ms is known.
    let slow = |share: f64| Program::running_for(900.0).calls("f", 900.0, 3_000, 0.1 / (1.0 - share), 0);
    assert_eq!(said("p95(f) < 100ms", &slow(0.04)), (Status::Met, String::new()));
    let (status, reason) = said("p95(f) < 100ms", &slow(0.048));
    assert_eq!((status, reason.as_str()), (Status::AtRisk, "4.8% of calls are slower, 5.0% may be"));
    assert_eq!(said("p95(f) < 100ms", &slow(0.052)).0, Status::Missed);
}

#[test]
fn too_few_events_are_no_data_and_say_how_many() {
    let calls = |number| Program::running_for(900.0).calls("f", 200.0, number, 10.0, 1);
    assert_eq!(said("p95(f) < 1ms", &calls(19)), (Status::NoData, "19 of 20 calls in 5m".to_owned()));
    assert_eq!(said("p95(f) < 1ms", &calls(20)).0, Status::Missed);
    assert_eq!(said("p999(f) < 1ms", &calls(999)), (Status::NoData, "999 of 1000 calls in 5m".to_owned()));
    assert_eq!(said("error_ratio(f) < 1%", &calls(19)).0, Status::NoData);
    assert_eq!(said("error_ratio(f) < 1%", &calls(20)).0, Status::Missed);
    assert_eq!(said("rate(f) > 1/s", &calls(1)).0, Status::Missed, "a low rate is a figure");
    let labels = [("cache", "a")];
    let lookups = |a_second: f64| {
        let program = Program::running_for(900.0).counter("cache_hits_total", &labels, 0.0);
        program.counter("cache_misses_total", &labels, a_second)
    };
    assert_eq!(said("hit_ratio(a) > 90%", &lookups(0.05)), (Status::NoData, "15 of 20 events in 5m".to_owned()));
    assert_eq!(said("hit_ratio(a) > 90%", &lookups(0.1)).0, Status::Missed);
    assert_eq!(said("hit_ratio(a) > 90%", &lookups(0.0)), (Status::NoData, "no events in 5m".to_owned()));
    let mut targets = Targets::new();
    targets.add(Target::new("p95(f) < 1ms").unwrap().min_events(5)).unwrap();
    assert_eq!(targets.judge(&calls(4), moment(900), &mut KeptBudgets::default()).targets[0].status, Status::NoData);
    assert_eq!(targets.judge(&calls(5), moment(900), &mut KeptBudgets::default()).targets[0].status, Status::Missed);
}

#[test]
fn a_window_that_the_history_cannot_cover_is_not_evaluable() {
    let program = Program::running_for(860_000.0).calls("f", 1_000.0, 3_000, 0.01, 0);
    let long = "history covers at most 7d, the window is 30d";
    assert_eq!(said("p95(f) < 100ms over 30d", &program), (Status::NotEvaluable, long.to_owned()));
    assert_eq!(said("p95(f) < 100ms over 7d", &program).0, Status::Met);
    // A young program is judged by what there is, and the result says how much that is.
    let young = Program::running_for(60.0).calls("f", 60.0, 3_000, 0.01, 0);
    let state = judged("p95(f) < 100ms over 1h", &young);
    assert_eq!((state.status, state.covered_seconds, state.window_seconds), (Status::Met, 60.0, 3_600.0));
}

#[test]
fn a_name_is_unknown_once_that_is_clear() {
    let program = program(true);
    let at = |text: &str, traffic| {
        let state = Targets::parse(text, "test")
            .unwrap()
            .judge(&program, moment(traffic), &mut KeptBudgets::default())
            .targets
            .remove(0);
        (state.status, state.reason)
    };
    let unknown = |reason: &str| (Status::NotEvaluable, reason.to_owned());
    let soon = "nothing of this name in 1m of traffic".to_owned();
    assert_eq!(at("p95('GET /serach') < 1s", 60), (Status::NoData, soon));
    assert_eq!(
        at("p95('GET /serach') < 1s", 600),
        unknown("no function \"GET /serach\" in 10m of traffic; did you mean \"GET /search\"?")
    );
    assert_eq!(at("hit_ratio(nothing) > 1%", 600), unknown("no cache \"nothing\" in 10m of traffic"));
    assert_eq!(at("nothing < 1", 600), unknown("no reading \"nothing\" in 10m of traffic"));
    assert_eq!(
        at("peak(process_cpu) < 1", 600),
        unknown("no reading \"process_cpu\" in 10m of traffic; did you mean \"process_cpus\"?")
    );
    assert_eq!(at("rate(nothing) < 1/s", 600), unknown("no function or counter \"nothing\" in 10m of traffic"));
}

#[test]
fn readings_that_cannot_be_told_are_not_evaluable() {
    let program = program(true);
    let (status, reason) = said("peak(pressure) < 1", &program);
    assert_eq!((status, reason.as_str()), (Status::NotEvaluable, "the kernel has no /proc/pressure"));
    let (status, reason) = said("peak(cache_hits_total) < 1", &program);
    let several = "several readings have this name; add one of the labels cache";
    assert_eq!((status, reason.as_str()), (Status::NotEvaluable, several));
    assert_eq!(said("peak(cache_hits_total{cache=queries}) < 1", &program).0, Status::Missed);
}

#[test]
fn a_baseline_is_a_saved_figure() {
    let mut program = program(true);
    let text = "p95('GET /search') < 50% of baseline";
    assert_eq!(said(text, &program), (Status::NotEvaluable, "there is no baseline".to_owned()));
    program.saved = Some(Box::new(Program::running_for(900.0).calls("f", 60.0, 10, 0.01, 0)));
    assert_eq!(said(text, &program), (Status::NotEvaluable, "the baseline has no p95(\"GET /search\")".to_owned()));
    for (longest, status) in [(0.2, Status::Met), (0.05, Status::Missed)] {
        program.saved = Some(Box::new(Program::running_for(900.0).calls("GET /search", 300.0, 1_000, longest, 0)));
        let state = judged(text, &program);
        assert_eq!(state.status, status);
        assert!((state.upper.unwrap() - longest * 0.95 / 2.0).abs() < 1e-3, "{state:?}");
    }
}

/// Burn rates of an error target of 99 %, with a call a second over `days`, and then a burst of
/// errors: one of `one_in` calls over the last `ago` seconds.
fn burnt(days: f64, ago: f64, one_in: usize) -> TargetState {
    let calm = days * 86_400.0;
    // The calm calls end where the burst begins.
    let program = Program::running_for(calm).calls("f", calm, calm as usize, 0.01, 0);
    let program = program.calls("f", ago, (ago * 10.0) as usize, 0.01, one_in);
    let mut targets = Targets::new();
    let target = Target::new("error_ratio(f) < 100% over 1m").unwrap().objective(99.0);
    targets.add(target.period(Duration::from_secs(7 * 86_400))).unwrap();
    targets.judge(&program, moment(900), &mut KeptBudgets::default()).targets.remove(0)
}

#[test]
fn burn_rates_have_the_windows_and_factors_of_thirty_days() {
    let program = Program::running_for(860_000.0).calls("f", 300.0, 3_000, 0.01, 0);
    let budget = judged("p95(f) < 100ms", &program).budget.unwrap();
    assert!((budget.objective, budget.period_seconds) == (0.95, 30.0 * 86_400.0), "{budget:?}");
    let pairs: Vec<_> =
        budget.burn_rates.iter().map(|b| (b.factor, b.long_seconds, b.short_seconds, b.severity)).collect();
    let (minute, hour) = (60.0, 3_600.0);
    let expected = [
        (14.4, hour, 5.0 * minute, Severity::Page),
        (6.0, 6.0 * hour, 30.0 * minute, Severity::Page),
        (3.0, 24.0 * hour, 2.0 * hour, Severity::Ticket),
        (1.0, 72.0 * hour, 6.0 * hour, Severity::Ticket),
    ];
    assert_eq!(pairs, expected);
    assert!(budget.burn_rates.iter().all(|b| b.state == BurnState::Quiet), "{budget:?}");
    // The period is longer than the history.
    assert_eq!(budget.remaining, None);
    assert_eq!(budget.reason, "not evaluable: history covers at most 7d of 30d");
    let share = judged("error_ratio(f) < 1%", &program).budget.unwrap().objective;
    assert!((share - 0.99).abs() < 1e-12, "{share}");
    assert_eq!(judged("resident < 1GB", &program).budget, None);
}

#[test]
fn a_budget_that_burns_too_fast_puts_a_met_target_at_risk() {
    let quiet = burnt(8.0, 1_800.0, 0);
    assert_eq!((quiet.status, quiet.reason.as_str()), (Status::Met, ""));
    assert_eq!(quiet.budget.unwrap().remaining, Some(1.0));
    // A fifth of the calls fails for half an hour: 20 times of what may be.
    let burst = burnt(8.0, 1_800.0, 5);
    let budget = burst.budget.unwrap();
    assert_eq!(burst.status, Status::AtRisk);
    assert_eq!(budget.burn_rates[0].state, BurnState::Burning);
    assert_eq!(burst.reason, "its error budget burns 18.2 times as fast as it may, over 14m and over 1.2m");
    let remaining = budget.remaining.unwrap();
    // 3,600 of 622,800 calls, of which 1 % may fail.
    assert!((remaining - (1.0 - 3_600.0 / 6_228.0)).abs() < 0.01, "{remaining}");
    // As many errors as may be are a burn rate of 1: only the slowest pair hears of it.
    let states = |state: &TargetState| -> Vec<BurnState> {
        state.budget.iter().flat_map(|budget| budget.burn_rates.iter().map(|burn| burn.state)).collect()
    };
    let slow = burnt(8.0, 604_800.0 / 4.0, 90);
    assert_eq!(states(&slow), [BurnState::Quiet, BurnState::Quiet, BurnState::Quiet, BurnState::Burning]);
    // Used up: three hours in which all calls fail.
    let over = burnt(8.0, 3.0 * 3_600.0, 2);
    assert_eq!(over.status, Status::Missed);
    assert_eq!(over.reason, "the error budget of 7d is used up");
    assert!(over.budget.unwrap().remaining.unwrap() < 0.0);
}

#[test]
fn budgets_are_kept_for_a_tenth_of_their_shortest_window() {
    let failing = |bad_in| Program::running_for(860_000.0).calls("f", 290.0, 1_000, 0.01, bad_in);
    let rates = |period: Option<u64>, later: u64| {
        let mut target = Target::new("error_ratio(f) < 50%").unwrap().objective(99.0);
        target.period = period.map(Duration::from_secs);
        let mut targets = Targets::new();
        targets.add(target).unwrap();
        let mut kept = KeptBudgets::default();
        let mut rate = |program: &Program, moment: Moment| {
            targets.judge(program, moment, &mut kept).targets[0].budget.clone().unwrap().burn_rates[0].short_rate
        };
        let first = rate(&failing(10), moment(900));
        let at_unix_ns = moment(900).at_unix_ns + later * 1_000_000_000;
        (first, rate(&failing(2), Moment { at_unix_ns, ..moment(900) }))
    };
    for (period, kept_seconds) in [(None, 30), (Some(86_400), 1)] {
        let (first, second) = rates(period, kept_seconds - 1);
        assert!(first.is_some() && first == second, "{first:?}, {second:?}");
        let (first, second) = rates(period, kept_seconds);
        assert!(second > first, "{first:?}, {second:?}");
    }
}

#[test]
fn few_bad_calls_do_not_burn_a_budget() {
    let one = |bad_in: usize, calls: usize| {
        let program = Program::running_for(860_000.0).calls("f", 290.0, calls, 0.01, bad_in);
        let targets = Targets::parse("error_ratio(f) < 99% over 1m; p95(f) < 1s", "test").unwrap();
        let mut target = targets.all[0].clone().objective(99.9);
        target.window = None;
        let mut targets = Targets::new();
        targets.add(target).unwrap();
        let budget =
            targets.judge(&program, moment(900), &mut KeptBudgets::default()).targets.remove(0).budget.unwrap();
        budget.burn_rates[0].clone()
    };
    let (few, many) = (one(10, 40), one(10, 50));
    assert!(few.long_rate.unwrap() > 14.4 && few.state == BurnState::Quiet, "4 bad calls: {few:?}");
    assert_eq!(many.state, BurnState::Burning, "5 bad calls");
    let none = one(1, 19);
    assert_eq!((none.state, none.reason.as_str()), (BurnState::NoData, "19 of 20 calls in 1h"));
}

#[test]
fn burn_rates_say_which_windows_are_not_covered() {
    let program = Program::running_for(7_200.0).calls("f", 7_200.0, 7_200, 0.01, 0);
    let budget = judged("error_ratio(f) < 1%", &program).budget.unwrap();
    let said: Vec<(BurnState, &str)> = budget.burn_rates.iter().map(|b| (b.state, b.reason.as_str())).collect();
    let expected = [
        (BurnState::Quiet, ""),
        (BurnState::NotEvaluable, "history covers 2h of 6h"),
        (BurnState::NotEvaluable, "history covers 2h of 1d"),
        (BurnState::NotEvaluable, "history covers 2h of 3d"),
    ];
    assert_eq!(said, expected);
}

#[test]
fn mistakes_in_a_file_have_line_and_column() {
    for (text, message) in [
        (
            "[[target]]\nthat = \"p95(\\\"search\\\") < 90\"\n",
            r#"f:2:27 is "90"; allowed: for p95, which is a time: a number with ns, us, ms, s, m, h or d, such as 100ms"#,
        ),
        (
            "[[target]]\nthat = '''\np95(search)\n < 90'''\n",
            r#"f:4:4 is "90"; allowed: for p95, which is a time: a number with ns, us, ms, s, m, h or d, such as 100ms"#,
        ),
        (
            "[[target]]\nthat = \"p95(\\u0061) < 90\"\n",
            r#"f:2:9 is "90"; allowed: for p95, which is a time: a number with ns, us, ms, s, m, h or d, such as 100ms"#,
        ),
        (
            "[[target]]\nthat = 'cpu < 1%'\nwindwo = '5m'\n",
            r#"f:3:1 is "windwo"; allowed: name, that, window, objective, period, min_events, margin; did you mean window?"#,
        ),
        (
            "[[target]]\nthat = 'cpu < 1%'\nwindow = '5'\n",
            r#"f:3:11 is "5"; allowed: a time such as 5m: a number above 0 with ns, us, ms, s, m, h or d"#,
        ),
        (
            "[[target]]\nthat = 'cpu < 1%'\nwindow = 5\n",
            r#"f:3:10 is "of type integer"; allowed: window as a text in quotes"#,
        ),
        (
            "[[target]]\nthat = 'p95(f) < 1ms'\nobjective = '100%'\n",
            r#"f:3:14 is "100%"; allowed: a percentage above 0% and below 100%, such as 99.9%"#,
        ),
        (
            "[[target]]\nthat = 'cpu < 1%'\nobjective = '90%'\n",
            r#"f:3:14 is "90%"; allowed: a target of a quantile or an error_ratio with an upper limit, which has an error budget"#,
        ),
        ("[[target]]\nthat = 'p95(f) < 1ms'\nperiod = '1h'\n", r#"f:3:11 is "1h"; allowed: a time of at least 1d"#),
        (
            "[[target]]\nthat = 'cpu < 1% over 5m'\nwindow = '1m'\n",
            r#"f:3:11 is "1m"; allowed: over in the expression, or window, not both"#,
        ),
        (
            "[[target]]\nthat = 'cpu < 1%'\nmin_events = -1\n",
            r#"f:3:14 is "-1"; allowed: min_events as a whole number from 0"#,
        ),
        (
            "[[target]]\nthat = 'cpu < 1%'\nname = ' '\n",
            r#"f:3:9 is " "; allowed: 1 to 200 characters without control characters"#,
        ),
        (
            "[[target]]\nname = 'a'\nthat = 'cpu < 1%'\n[[target]]\nname = 'a'\nthat = 'cpu < 2%'\n",
            r#"f:5:9 is "a"; allowed: a name that no other target has"#,
        ),
        ("target = ['cpu < 1%', 'cpu  <  1%']\n", r#"f:1:24 is "cpu < 1%"; allowed: a name that no other target has"#),
        (
            "target = ['cpu < 1%', 5]\n",
            r#"f:1:23 is "of type integer"; allowed: a table [[target]], or an expression in quotes"#,
        ),
        ("[target]\nthat = 'cpu < 1%'\n", r#"f:1:2 is "target"; allowed: tables [[target]], or a list of expressions"#),
        ("targets = 5\n", r#"f:1:1 is "targets"; allowed: tables [[target]]"#),
        ("[[target]]\nname = 'a'\n", r#"f:1:1 is "without that"; allowed: that = 'p95("search") < 100ms'"#),
    ] {
        let error = Targets::parse_toml(text, "f").unwrap_err();
        assert_eq!(error.to_string(), message, "{text}");
        let setting = crate::Error::from(error).to_string();
        assert_eq!(setting, message, "as a setting");
    }
    let error = Targets::parse_toml("[[target]]\nthat = \n", "f").unwrap_err();
    assert!(error.line == 2 && error.allowed == "TOML with tables [[target]]", "{error}");
    assert!(Targets::parse_toml("", "f").unwrap().is_empty());
}

#[test]
fn two_targets_of_one_name_are_an_error() {
    let error = Targets::parse("cpu < 1%;\n cpu  < 1%", "PERF").unwrap_err();
    assert_eq!(error.to_string(), r#"PERF:2:2 is "cpu < 1%"; allowed: a name that no other target has"#);
    let mut targets = Targets::parse("cpu < 1%", "PERF").unwrap();
    let error = targets.add(Target::new("cpu < 1%").unwrap()).unwrap_err();
    assert_eq!(error.to_string(), r#"target is "cpu < 1%"; allowed: a name that no other target has"#);
    targets.add(Target::new("cpu < 1%").unwrap().name("other")).unwrap();
    let more = Targets::parse("cpu < 2%; cpu < 1%", "PERF").unwrap();
    assert!(targets.append(more).is_err());
    assert_eq!(targets.iter().count(), 2, "nothing of it was added");
    let error = targets.add(Target::new("p95(f) < 1s").unwrap().objective(120.0)).unwrap_err();
    assert_eq!(
        error.to_string(),
        r#"objective of the target p95("f") < 1s is "120%"; allowed: a percentage above 0% and below 100%, such as 99.9%"#
    );
    let many = |number: usize| (1..=number).map(|at| format!("a < {at}")).collect::<Vec<_>>().join("\n");
    assert_eq!(Targets::parse(&many(1_000), "PERF").unwrap().iter().count(), 1_000);
    let error = Targets::parse(&many(1_001), "PERF").unwrap_err();
    assert_eq!(error.to_string(), r#"PERF:1001:1 is "a < 1001"; allowed: at most 1000 targets"#);
    let zero = Target::new("cpu < 3%").unwrap().window(Duration::ZERO);
    assert!(targets.add(zero).unwrap_err().to_string().ends_with("allowed: a time above 0"));
}

fn three() -> Judgement {
    let mut targets =
        Targets::parse("p95('GET /search') < 100ms; hit_ratio(documents) > 99%; p95(nothing) < 1s", "t").unwrap();
    targets.add(Target::new("compression_ratio in 60%..80%").unwrap().name("compression")).unwrap();
    targets.judge(&program(true), moment(60), &mut KeptBudgets::default())
}

#[test]
fn a_judgement_is_a_table() {
    let mut table = Vec::new();
    three().write_table(&mut table).unwrap();
    assert_eq!(
        String::from_utf8(table).unwrap(),
        "metric                  current  target       status\n\
         p95(\"GET /search\")      47.5 ms  < 100ms      met\n\
         hit_ratio(\"documents\")    95.0%  > 99%        missed\n\
         p95(\"nothing\")                –  < 1s         no data: nothing of this name in 1m of traffic\n\
         compression               70.0%  in 60%..80%  met\n"
    );
    let mut nothing = Vec::new();
    Judgement::default().write_table(&mut nothing).unwrap();
    assert!(nothing.is_empty());
}

#[test]
fn a_judgement_is_json_and_is_read_again() {
    use struson::reader::{JsonReader as _, JsonStreamReader};
    use struson::writer::{JsonStreamWriter, JsonWriter as _};

    let judgement = three();
    let mut json = Vec::new();
    let mut writer = JsonStreamWriter::new(&mut json);
    writer.serialize_value(&judgement).unwrap();
    writer.finish_document().unwrap();
    let text = String::from_utf8(json.clone()).unwrap();
    for part in [r#""status":"no_data""#, r#""current":null"#, r#""state":"not_evaluable""#, r#""severity":"page""#] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let read: Judgement = JsonStreamReader::new(json.as_slice()).deserialize_next().unwrap();
    assert_eq!(read, judgement);
}

#[test]
fn a_judgement_has_counts_and_ratios() {
    let judgement = three();
    assert_eq!((judgement.count(Status::Met), judgement.count(Status::Missed)), (2, 1));
    assert!(judgement.is_missed());
    let ratios: Vec<(&str, &str, f64)> = judgement
        .targets
        .iter()
        .flat_map(|target| {
            target.ratios().map(|(bound, ratio)| (target.name.as_str(), bound, (ratio * 1_000.0).round()))
        })
        .collect();
    let expected = [
        ("p95(\"GET /search\") < 100ms", "max", 475.0),
        ("hit_ratio(\"documents\") > 99%", "min", 960.0),
        ("compression", "min", 1_167.0),
        ("compression", "max", 875.0),
    ];
    assert_eq!(ratios, expected);
    assert_eq!(judgement.summary(), "2 met, 1 missed, 1 no data");
    let names: BTreeSet<&str> = Status::ALL.into_iter().map(Status::name).collect();
    assert_eq!(names.len(), 5);
}
