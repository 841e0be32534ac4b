//! What a measured call costs, as a ratio to two counter reads of the same run.
//!
//! `cargo bench -p perf-sdk --bench cost`

use std::hint::black_box;
use std::time::Instant;

use perf_sdk::__private::{Options, Site, Source, enter};

#[global_allocator]
static ALLOC: perf_sdk::Alloc = perf_sdk::Alloc::new();

const CALLS: u32 = 200_000;
const ROUNDS: usize = 31;

static SITE: Site = Site::new(
    Source { name: Some("empty"), path: || "", ident: "empty", module: "cost", file: file!(), line: line!() },
    Options::DEFAULT,
);
static OUTER: Site = Site::new(
    Source { name: Some("outer"), path: || "", ident: "outer", module: "cost", file: file!(), line: line!() },
    Options::DEFAULT,
);

#[inline(never)]
fn bare(x: u64) -> u64 {
    black_box(x)
}

#[inline(never)]
fn two_reads(x: u64, clock: &quanta::Clock) -> u64 {
    black_box(clock.raw());
    let y = black_box(x);
    black_box(clock.raw());
    y
}

#[inline(never)]
fn measured(x: u64) -> u64 {
    let _guard = enter(&SITE);
    black_box(x)
}

#[inline(never)]
fn nested(x: u64) -> u64 {
    let _guard = enter(&OUTER);
    measured(x)
}

fn pair(x: u64) -> u64 {
    drop(black_box(Box::new([x; 8])));
    x
}

fn ns_per_call(mut f: impl FnMut(u64) -> u64) -> f64 {
    let start = Instant::now();
    for i in 0..CALLS {
        black_box(f(u64::from(i)));
    }
    start.elapsed().as_nanos() as f64 / f64::from(CALLS)
}

fn main() {
    let _perf = perf_sdk::builder().listen("off").report(false).start().expect("a profiler");
    let clock = quanta::Clock::new();
    let mut rows: Vec<(&str, Vec<f64>)> =
        ["bare", "two reads", "measured", "nested two", "allocation pair"].iter().map(|n| (*n, Vec::new())).collect();
    for _ in 0..ROUNDS {
        rows[0].1.push(ns_per_call(bare));
        rows[1].1.push(ns_per_call(|x| two_reads(x, &clock)));
        rows[2].1.push(ns_per_call(measured));
        rows[3].1.push(ns_per_call(nested));
        rows[4].1.push(ns_per_call(pair));
    }
    for (_, times) in &mut rows {
        times.sort_by(f64::total_cmp);
    }
    let reads = rows[1].1[ROUNDS / 2];
    println!("{:<16} {:>8} {:>8} {:>8} {:>16}", "", "min ns", "median", "max", "x two reads");
    for (name, times) in &rows {
        let median = times[ROUNDS / 2];
        println!("{name:<16} {:>8.2} {median:>8.2} {:>8.2} {:>16.2}", times[0], times[ROUNDS - 1], median / reads);
    }
    let seen = perf_sdk::snapshot();
    println!("CPU clock {}, dropped {:?}", seen.profiler.cpu_clock, seen.profiler.dropped);
    let calls: u64 = seen.functions.iter().find(|f| f.name == "empty").map_or(0, |f| f.calls.total());
    assert_eq!(calls, 2 * ROUNDS as u64 * u64::from(CALLS), "every call is counted");
}
