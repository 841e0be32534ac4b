//! Quantiles of any window are those of a sorted list.

use super::super::answers::Answer;
use super::super::functions::Pace;
use super::super::identity::FunctionId;
use super::super::store::FunctionReading;
use super::*;
use crate::histogram::{Histogram, Scale};

struct Function {
    name: String,
    /// When a call ended, and what it took.
    calls: Vec<(u32, u64)>,
    times: Histogram,
    typical: f64,
}

fn tell(history: &mut History, now: u64, functions: &[Function]) {
    let Some(mut round) = history.round(now) else { return };
    for function in functions {
        let reading = FunctionReading {
            function: FunctionId::named(&function.name),
            calls: function.calls.len() as u64,
            errors: 0,
            self_ns: function.times.sum(),
            cpu_ns: None,
            allocated_bytes: None,
            live_bytes: Some(1 << 20),
            times: &function.times,
            is_new: false,
        };
        round.function(&reading, Pace::Second);
    }
}

fn functions() -> Vec<Function> {
    (0..4_u32)
        .map(|number| Function {
            name: format!("function{number}"),
            calls: Vec::new(),
            times: Histogram::new(Scale::Seconds),
            typical: 1e4 * 10_f64.powi(number as i32),
        })
        .collect()
}

fn call(function: &mut Function, now: u64, random: &mut Random, calls: u64) {
    for _ in 0..calls {
        let time = (function.typical * (random.noise() * 0.8).exp()) as u64;
        function.calls.push((now as u32, time));
        function.times.record(time, 1);
    }
}

#[test]
fn quantiles_are_those_of_a_sorted_list() {
    let mut random = Random(0x0fed_cba9_8765_4321);
    let mut history = history(8 << 20);
    let mut all = functions();
    tell(&mut history, START, &all);
    let end = START + 3 * 3_600;
    let mut asked = [0; 3];
    for now in START + 1..end {
        if now == START + 5_000 {
            // A restart of the recorder: all begins anew.
            all.iter_mut().for_each(|function| function.times = Histogram::new(Scale::Seconds));
        }
        for function in &mut all {
            function.typical *= 1.0 + random.noise() * 0.01;
            let calls = random.below(4) * random.below(4);
            call(function, now, &mut random, calls);
        }
        tell(&mut history, now, &all);
        if now % 400 != 3 {
            continue;
        }
        for (length, function) in [(10, 0), (13, 1), (77, 2), (1_000, 3), (9_000, 0)].map(|(l, f)| (l, &all[f])) {
            let to = (now + 1 - random.below(200).min(now - START)) as u32;
            let from = to.saturating_sub(length).max(START as u32 + 1);
            for (place, q) in [0.5, 0.95, 0.99].into_iter().enumerate() {
                let Answer::Found(found, coverage) = history.quantile(FunctionId::named(&function.name), q, (from, to))
                else {
                    panic!("{from} to {to} is not covered at {now}");
                };
                assert!(coverage.from <= from && coverage.to >= to, "{from}..{to} at {now}: {coverage:?}");
                let within = function.calls.iter().filter(|call| (coverage.from..coverage.to).contains(&call.0));
                let mut sorted: Vec<u64> = within.map(|call| call.1).collect();
                sorted.sort_unstable();
                let rank = ((q * sorted.len() as f64 * (1.0 - 1e-15)).ceil() as usize).clamp(1, sorted.len());
                let expected = sorted[rank - 1] as f64;
                assert!((found / expected - 1.0).abs() <= 0.012, "{found}, not {expected}: p{q} {from}..{to} at {now}");
                asked[place] += 1;
            }
        }
    }
    assert!(asked.iter().all(|asked| *asked > 100), "{asked:?}");
    // The recent past is had by the second.
    let now = end as u32;
    assert_eq!(history.quantile(FunctionId::named("function0"), 0.5, (now - 25, now - 12)).coverage().seconds, 13);
    let (from, step, columns) = history.times_columns(FunctionId::named("function1"), now - 600, now, 30);
    assert_eq!(step, 30);
    for (number, times) in columns.iter().enumerate().skip(1).take(15) {
        let begin = from + number as u32 * step;
        let calls = all[1].calls.iter().filter(|call| (begin..begin + step).contains(&call.0)).count();
        assert_eq!(times.as_ref().unwrap().count(), calls as u64);
    }
    assert_eq!(history.times(FunctionId::named("nobody"), (now - 60, now)), Answer::NotCovered);
    // Whole minutes have the same calls, and the minute that goes on is not part of them.
    #[cfg(feature = "serve")]
    {
        let to = now / 60 * 60;
        let Answer::Found(times, coverage) = history.times_of_minutes(FunctionId::named("function1"), (to - 600, now))
        else {
            panic!()
        };
        let calls = all[1].calls.iter().filter(|call| (to - 600..to).contains(&call.0)).count();
        assert_eq!((times.count(), coverage.from, coverage.to), (calls as u64, to - 600, to));
    }
}

#[test]
fn a_function_that_is_not_called_is_covered_and_one_that_is_not_watched_is_not() {
    let mut random = Random(77);
    let mut history = history(4 << 20);
    let mut all = functions();
    for now in START..START + 400 {
        call(&mut all[0], now, &mut random, 3);
        let watched = if (START + 100..START + 300).contains(&now) { &all[..1] } else { &all[..2] };
        tell(&mut history, now, watched);
    }
    let start = START as u32;
    assert!(
        matches!(history.times(FunctionId::named("function1"), (start + 20, start + 60)), Answer::Empty(coverage) if coverage.seconds == 40)
    );
    assert_eq!(history.times(FunctionId::named("function1"), (start + 130, start + 250)), Answer::NotCovered);
    assert_eq!(history.quantile(FunctionId::named("function1"), 0.5, (start + 10, start + 20)).value(), None);
    assert!(
        matches!(history.times(FunctionId::named("function0"), (start + 120, start + 150)), Answer::Found(times, _) if times.count() >= 90)
    );
    // 200 others come: one that is not there any more gives its place, those that are keep theirs.
    let mut crowd: Vec<Function> =
        (0..202).map(|number| Function { name: format!("other{number}"), ..functions().remove(0) }).collect();
    for now in START + 400..START + 410 {
        crowd.iter_mut().for_each(|function| call(function, now, &mut random, 1));
        tell(&mut history, now, &crowd);
    }
    let now = START as u32 + 410;
    assert!(history.times(FunctionId::named("other199"), (now - 5, now)).value().is_some());
    assert_eq!(history.times(FunctionId::named("other201"), (now - 5, now)), Answer::NotCovered);
    assert_eq!(
        history.times(FunctionId::named("function0"), (start, now)),
        Answer::NotCovered,
        "its place is another one's"
    );
    assert!(history.counts().refused_functions >= 2);
    let total: u64 = (0..200)
        .filter_map(|number| history.times(FunctionId::named(&format!("other{number}")), (start, now)).value())
        .map(|times| times.count())
        .sum();
    assert!((198 * 8..=200 * 10).contains(&total), "what a place had before is not the new function's: {total}");
}

#[test]
fn functions_of_one_name_in_two_modules_are_two() {
    let mut random = Random(91);
    let mut history = history(4 << 20);
    let mut all: [Function; 2] =
        std::array::from_fn(|at| Function { name: "run".into(), ..functions().remove(2 * at) });
    let of = |at: usize| FunctionId { name: "run", module: ["shop::a", "shop::b"][at] };
    for now in START..START + 100 {
        for (at, function) in all.iter_mut().enumerate() {
            call(function, now, &mut random, 2 + 3 * at as u64);
        }
        let Some(mut round) = history.round(now) else { continue };
        for (at, function) in all.iter().enumerate() {
            let reading = FunctionReading {
                function: of(at),
                calls: function.calls.len() as u64,
                errors: 0,
                self_ns: function.times.sum(),
                cpu_ns: None,
                allocated_bytes: None,
                live_bytes: None,
                times: &function.times,
                is_new: false,
            };
            round.function(&reading, Pace::Second);
        }
    }
    let window = (START as u32 + 10, START as u32 + 60);
    for (at, function) in all.iter().enumerate() {
        let Answer::Found(times, _) = history.times(of(at), window) else { panic!("{at} is not known") };
        assert_eq!(times.count(), 50 * (2 + 3 * at as u64));
        let least = function.calls.iter().map(|call| call.1).min().unwrap();
        assert!(times.lower_bound().unwrap() as f64 > least as f64 * 0.97, "times of the other one");
        let series = history.find_of("function_calls_total", of(at)).unwrap();
        assert_eq!(history.average(series, window.0, window.1).value(), Some(2.0 + 3.0 * at as f64));
    }
    let both = history.times_named("run", window);
    assert_eq!((both.coverage().seconds, both.value().unwrap().count()), (50, 350));
    assert_eq!(history.times(FunctionId::named("run"), window), Answer::NotCovered);
}
