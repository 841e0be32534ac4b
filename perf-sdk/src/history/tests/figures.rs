//! The figures of docs/history.md.

use super::super::functions::Pace;
use super::super::identity::FunctionId;
use super::super::store::{DEFAULT_BYTES, FunctionReading};
use super::memory::{Service, filling};
use super::*;
use crate::histogram::{Histogram, Scale};

type Next = fn(&mut Random, f64, f64) -> f64;

/// Kinds of series: what, how many bits a point, each after how the next value follows from the one
/// before and the seconds since.
const KINDS: [(&str, &Description, Next); 7] = [
    ("flat", &BYTES, |_, _, _| 65_536.0),
    (
        "changes every five minutes",
        &LEVEL,
        |random, before, _| {
            if random.below(300) == 0 { random.below(60) as f64 } else { before }
        },
    ),
    ("counter, 3 a second", &EVENTS, |random, before, elapsed| {
        before + (3.0 * elapsed + random.noise() * (3.0 * elapsed).sqrt()).max(0.0).round()
    }),
    ("counter, 1,000 a second, 10 % noise", &EVENTS, |random, before, elapsed| {
        before + ((1_000.0 + 100.0 * random.noise() / elapsed.sqrt()) * elapsed).max(0.0).round()
    }),
    ("gauge, 5 % noise", &SHARE, |random, _, _| (0.4 + 0.02 * random.noise()).max(0.0)),
    ("gauge, 50 % noise", &SHARE, |random, _, _| (0.4 + 0.2 * random.noise()).max(0.0)),
    ("any number", &BYTES, |random, _, _| (random.share() * 40.0).exp2()),
];

#[test]
#[ignore = "prints figures"]
fn bits_of_a_point() {
    for (kind, description, next) in KINDS {
        // By the second for 26 hours: 1,560 points of a minute.
        let mut history = history(DEFAULT_BYTES);
        let labels: Vec<Labels> = (0..8).map(numbered).collect();
        let mut random = Random(11);
        let mut values = [1e6; 8];
        for now in START..START + 26 * 3_600 {
            let mut round = history.round(now).unwrap();
            for (value, labels) in values.iter_mut().zip(&labels) {
                *value = next(&mut random, *value, 1.0);
                round.reading(&reading(description, labels, *value));
            }
        }
        let bits = history.bits_by_level();
        println!("{kind:40} {:6.2} {:6.2} {:6.2} bits", bits[0], bits[1], bits[2]);
    }
}

#[test]
#[ignore = "prints figures"]
fn memory_of_a_service() {
    let mut history = history(DEFAULT_BYTES);
    let mut service = Service::new(500);
    filling().for_each(|now| service.tell(&mut history, now));
    println!("500 series: {} KiB of blocks, {} KiB in all", history.block_bytes() / 1024, history.bytes() / 1024);
}

/// Functions of which few are called often and many seldom.
#[test]
#[ignore = "prints figures"]
fn range_of_histograms() {
    for (functions, busiest, often) in
        [(200, 2_000.0, 50), (200, 100.0, 50), (200, 2_000.0, 200), (50, 2_000.0, 50), (20, 200.0, 20)]
    {
        let mut history = history(DEFAULT_BYTES);
        let mut random = Random(12);
        let names: Vec<String> = (0..functions).map(|number| format!("service::part::function_{number}")).collect();
        let mut all: Vec<Histogram> = names.iter().map(|_| Histogram::new(Scale::Seconds)).collect();
        // Rounds of a second with the calls of the busiest bounded, since each is drawn.
        let seconds = 30 * 3_600_u64;
        let begin = std::time::Instant::now();
        let mut told = std::time::Duration::ZERO;
        for now in START..START + seconds {
            for (number, times) in all.iter_mut().enumerate() {
                let expected = busiest / (1.0 + number as f64).powf(1.2);
                // Of many calls a sample, each of which stands for as many: a power of two.
                let weight = (expected / 20.0).max(1.0).log2().ceil().exp2();
                let calls = (expected / weight + random.noise() * (expected / weight).sqrt() + 0.5).max(0.0) as u64;
                for _ in 0..calls {
                    times.record(
                        (1e6 * (random.noise() * 0.6).exp() * (1.0 + number as f64 % 9.0)) as u64,
                        weight as u64,
                    );
                }
            }
            let start = std::time::Instant::now();
            let mut round = history.round(now).unwrap();
            for (number, (name, times)) in names.iter().zip(&all).enumerate() {
                let reading = FunctionReading {
                    function: FunctionId { name, module: "shop::orders" },
                    calls: times.count(),
                    errors: times.count() / 1_000,
                    self_ns: times.sum(),
                    cpu_ns: Some(times.sum() / 3),
                    allocated_bytes: Some(times.count() * 1_000),
                    live_bytes: Some(1 << 20),
                    times,
                    is_new: false,
                };
                let is_often = number < often;
                if is_often || round.is_of_ten() {
                    round.function(&reading, if is_often { Pace::Second } else { Pace::Ten });
                }
            }
            drop(round);
            told += start.elapsed();
        }
        println!(
            "{functions} functions of which {often} every second, busiest {busiest}/s: hours kept by level {:.2?}, bytes an entry {:?}, {:.0} µs a round, blocks {} KiB, {:?} evicted, {:.0?}",
            history.times_hours(),
            history.times_bytes(),
            told.as_secs_f64() * 1e6 / seconds as f64,
            history.block_bytes() / 1024,
            history.counts().evicted_points,
            begin.elapsed()
        );
    }
}
