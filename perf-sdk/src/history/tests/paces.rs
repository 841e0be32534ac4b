//! Functions that are read every 10 seconds, and functions that change their pace.

use super::super::answers::Answer;
use super::super::functions::Pace;
use super::super::identity::FunctionId;
use super::super::store::FunctionReading;
use super::*;
use crate::histogram::{Histogram, Scale};

struct Function {
    name: String,
    pace: Pace,
    /// When a call ended, and what it took.
    calls: Vec<(u32, u64)>,
    times: Histogram,
    is_new: bool,
}

fn functions(number: usize, pace: Pace) -> Vec<Function> {
    let function = |number: usize| Function {
        name: format!("function{number}"),
        pace,
        calls: Vec::new(),
        times: Histogram::new(Scale::Seconds),
        is_new: false,
    };
    (0..number).map(function).collect()
}

fn call(functions: &mut [Function], now: u64, random: &mut Random) {
    for function in functions {
        for _ in 0..random.below(4) {
            let time = (1e6 * (random.noise() * 0.8).exp()) as u64;
            function.calls.push((now as u32, time));
            function.times.record(time, 1);
        }
    }
}

/// `change` is called for each function where its pace may change.
fn tell(history: &mut History, now: u64, functions: &mut [Function], mut change: impl FnMut(&mut Function)) {
    let Some(mut round) = history.round(now) else { return };
    let is_of_ten = round.is_of_ten();
    for function in functions {
        if is_of_ten {
            change(function);
        }
        let reading = FunctionReading {
            function: FunctionId::named(&function.name),
            calls: function.calls.len() as u64,
            errors: 0,
            self_ns: function.times.sum(),
            cpu_ns: None,
            allocated_bytes: None,
            live_bytes: Some(function.calls.len() as u64),
            times: &function.times,
            is_new: function.is_new,
        };
        if function.pace == Pace::Second || is_of_ten {
            round.function(&reading, function.pace);
            function.is_new = false;
        }
    }
}

/// The times and the number of calls in a window are those of a sorted list.
fn assert_true(history: &History, function: &Function, from: u32, to: u32) -> u32 {
    let Function { name, calls, .. } = function;
    let within = |from: u32, to: u32| {
        let mut times: Vec<u64> = calls.iter().filter(|call| (from..to).contains(&call.0)).map(|call| call.1).collect();
        times.sort_unstable();
        times
    };
    let series = history.find("function_calls_total", &[("function", name)]).unwrap();
    let found = history.change(series, from, to);
    if let Some(grown) = found.value() {
        let coverage = found.coverage();
        if coverage.seconds == coverage.to - coverage.from {
            let expected = within(coverage.from, coverage.to).len() as f64;
            assert!((grown - expected).abs() <= 0.5, "{grown}, not {expected} calls of {name}, {coverage:?}");
        }
    }
    match history.times(FunctionId::named(name), (from, to)) {
        Answer::Found(times, coverage) => {
            let sorted = within(coverage.from, coverage.to);
            assert_eq!(times.count(), sorted.len() as u64, "{name} {from}..{to} {coverage:?}");
            for q in [0.5, 0.95, 0.99] {
                let rank = ((q * sorted.len() as f64 * (1.0 - 1e-15)).ceil() as usize).clamp(1, sorted.len());
                let (found, expected) = (times.quantile(q).unwrap(), sorted[rank - 1] as f64);
                assert!((found / expected - 1.0).abs() <= 0.012, "{found}, not {expected}");
            }
            coverage.seconds
        }
        Answer::Empty(coverage) => {
            assert_eq!(within(coverage.from, coverage.to).len(), 0, "{name} {from}..{to} {coverage:?}");
            coverage.seconds
        }
        Answer::NotCovered => 0,
    }
}

#[test]
fn what_is_read_every_ten_seconds_is_exact_in_each_ten() {
    let mut random = Random(31);
    let mut history = history(8 << 20);
    let mut all = functions(3, Pace::Ten);
    let start = START as u32;
    for now in START..START + 3_000 {
        call(&mut all, now, &mut random);
        tell(&mut history, now, &mut all, |_| ());
        if now % 97 == 0 && now > START + 60 {
            let now = now as u32;
            for function in &all {
                let from = now - random.below(u64::from(now - start - 40)) as u32 - 20;
                let covered = assert_true(&history, function, from, now + 1);
                assert!(covered + 22 > now - from, "{covered} seconds from {from} to {now}");
            }
        }
    }
    // No single seconds.
    let series = history.find("function_calls_total", &[("function", "function0")]).unwrap();
    assert!(history.points(series, start + 2_000, start + 2_990).all(|point| point.seconds == 10));
    let live = history.find("function_live_bytes", &[("function", "function0")]).unwrap();
    assert!(history.average(live, start + 2_000, start + 2_990).value().is_some());
}

#[test]
fn a_change_of_pace_loses_and_invents_nothing() {
    let (mut random, mut changes) = (Random(32), Random(35));
    let mut history = history(8 << 20);
    let mut all = functions(6, Pace::Second);
    for now in START..START + 6_000 {
        call(&mut all, now, &mut random);
        tell(&mut history, now, &mut all, |function| {
            if changes.below(8) == 0 {
                function.pace = if function.pace == Pace::Ten { Pace::Second } else { Pace::Ten };
            }
        });
        if now % 53 == 0 && now > START + 60 {
            let now = now as u32;
            let from = now - random.below(u64::from(now) - START - 40) as u32 - 20;
            for function in &all {
                let covered = assert_true(&history, function, from, now + 1);
                // Up to 20 seconds at the end are not closed.
                assert!(covered + 22 > now - from, "{}: {covered} seconds from {from} to {now}", function.name);
            }
        }
    }
}

#[test]
fn a_round_that_comes_late_loses_no_calls() {
    let mut random = Random(33);
    let mut history = history(8 << 20);
    let mut all = functions(2, Pace::Ten);
    all[1].pace = Pace::Second;
    let end = START + 4_000;
    let mut skipped = 0;
    for now in START..=end {
        call(&mut all, now, &mut random);
        // Up to two seconds in a row have no round, so many a last one of 10 has none.
        skipped = if random.below(4) > 0 || skipped == 2 || now == START || now == end { 0 } else { skipped + 1 };
        if skipped == 0 {
            tell(&mut history, now, &mut all, |_| ());
        }
    }
    let (from, to) = (START as u32 + 100, end as u32 - 100);
    for function in &all {
        let Answer::Found(times, coverage) = history.times(FunctionId::named(&function.name), (from, to)) else {
            panic!("it is covered")
        };
        let calls = function.calls.iter().filter(|call| (coverage.from..coverage.to).contains(&call.0)).count() as f64;
        // A few seconds at both ends may be of the neighbouring 10.
        assert!((times.count() as f64 / calls - 1.0).abs() < 0.01, "{} of {calls}", times.count());
        let series = history.find("function_calls_total", &[("function", &function.name)]).unwrap();
        let grown = history.change(series, from, to).value().unwrap();
        assert!((grown / calls - 1.0).abs() < 0.01, "{grown} of {calls}");
    }
}

#[test]
fn the_first_calls_of_a_new_function_count() {
    for pace in [Pace::Second, Pace::Ten] {
        let mut history = history(4 << 20);
        let mut all = functions(2, pace);
        let mut random = Random(34);
        for now in START..START + 100 {
            // The second one comes in the middle of 10 seconds.
            let there = if now < START + 45 { 1 } else { 2 };
            all[1].is_new |= now == START + 45;
            call(&mut all[..there], now, &mut random);
            tell(&mut history, now, &mut all[..there], |_| ());
        }
        let now = START as u32 + 100;
        let Answer::Found(times, coverage) = history.times(FunctionId::named("function1"), (now - 100, now)) else {
            panic!("{pace:?}")
        };
        let calls = all[1].calls.iter().filter(|call| call.0 < coverage.to).count();
        assert_eq!(times.count(), calls as u64, "{pace:?}");
        let series = history.find("function_calls_total", &[("function", "function1")]).unwrap();
        assert!((history.change(series, now - 100, now).value().unwrap() - calls as f64).abs() < 0.5, "{pace:?}");
    }
}
