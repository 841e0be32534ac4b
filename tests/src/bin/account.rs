//! Calls of one kind, or of all kinds nested in each other, for callgrind: `account KIND CALLS`.
//! Prints the number of calls of each kind as `measured sampled passed`, where `passed` are the
//! skipped ones.

use std::hint::black_box;

use perf_sdk::__private::{Options, Sample, Site, Source, enter};
use perf_sdk::Outcome;

const fn site(name: &'static str, sample: Sample) -> Site {
    let source = Source { name: Some(name), path: || "", ident: name, module: "account", file: file!(), line: 0 };
    Site::new(source, Options { sample, ..Options::DEFAULT })
}

/// Number of functions of each kind, called in turn, as in the budget's calibration.
const MANY: usize = 8;

static MEASURED: [Site; MANY] = [const { site("measured", Sample::Always) }; MANY];
static SAMPLED: [Site; MANY] = [const { site("sampled", Sample::OneIn(4)) }; MANY];
static PASSED: [Site; MANY] = [const { site("passed", Sample::Never) }; MANY];

fn main() {
    let mut arguments = std::env::args().skip(1);
    let kind = arguments.next().unwrap_or_default();
    let calls: u32 = arguments.next().and_then(|calls| calls.parse().ok()).expect("the number of calls");
    let _perf = perf_sdk::builder().listen("off").report(false).budget("off").start().expect("a start");
    // Warm-up: what first calls build, and a whole batch.
    run(&kind, 500);
    let before = counts();
    perf_sdk_tests_workload(&kind, calls);
    let after = counts();
    println!("{} {} {}", after[0] - before[0], after[1] - before[1], after[2] - before[2]);
}

/// Callgrind counts inside this function.
#[unsafe(no_mangle)]
#[inline(never)]
extern "Rust" fn perf_sdk_tests_workload(kind: &str, calls: u32) {
    run(kind, calls);
}

fn run(kind: &str, calls: u32) {
    match kind {
        "bare" => (0..calls).for_each(|n| _ = black_box(n)),
        "measured" => (0..calls).for_each(|n| call(&MEASURED[n as usize % MANY], n)),
        "sampled" => (0..calls).for_each(|n| call(&SAMPLED[n as usize % MANY], n)),
        "passed" => (0..calls).for_each(|n| call(&PASSED[n as usize % MANY], n)),
        "mixed" => (0..calls).for_each(|n| {
            let outer = enter(&MEASURED[0]);
            call(&PASSED[0], n);
            for m in 0..n % 3 {
                let sampled = enter(&SAMPLED[n as usize % MANY]);
                call(&PASSED[m as usize], m);
                call(&MEASURED[1], m);
                sampled.finish(Outcome::Ok);
            }
            outer.finish(Outcome::Ok);
        }),
        _ => panic!("kind {kind:?}; allowed: bare, measured, sampled, passed, mixed"),
    }
}

#[inline(never)]
fn call(site: &'static Site, n: u32) {
    let guard = enter(site);
    black_box(n);
    guard.finish(Outcome::Ok);
}

/// Calls that were measured at rate 1, calls that were measured at a lower rate, and skipped calls.
fn counts() -> [u64; 3] {
    let mut counts = [0; 3];
    for function in perf_sdk::snapshot().functions.iter().filter(|function| function.module == "account") {
        counts[usize::from(function.one_in != 1)] += function.samples;
        counts[2] += function.calls.total() - function.samples;
    }
    counts
}
