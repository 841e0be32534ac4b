//! What it costs that the slowest requests are kept: requests of 20 measured calls, with and
//! without `root`, in turns. The difference is also shown as the part of a core that it takes of
//! 9,000 requests a second.
//!
//! ```text
//! cargo bench -p perf-sdk --features jemalloc --bench roots
//! ```

use std::hint::black_box;
use std::time::Instant;

use perf_sdk::__private::Clocks;
use perf_sdk::profiled;

#[global_allocator]
static ALLOC: perf_sdk::Alloc = perf_sdk::Alloc::new();

const CALLS: u64 = 20;
const REQUESTS: u32 = 20_000;
const ROUNDS: usize = 41;
const A_SECOND: f64 = 9_000.0;

#[profiled(sample = always)]
#[inline(never)]
fn step(n: u64) -> u64 {
    (0..black_box(200)).fold(n, |sum, one| sum.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ one)
}

#[profiled(sample = always)]
#[inline(never)]
fn plain(n: u64) -> u64 {
    (0..CALLS).fold(n, |sum, _| step(sum))
}

#[profiled(root)]
#[inline(never)]
fn root(n: u64) -> u64 {
    (0..CALLS).fold(n, |sum, _| step(sum))
}

/// CPU time of a request, in ticks.
fn a_request(clocks: &mut Clocks, request: fn(u64) -> u64) -> f64 {
    let before = clocks.cpu();
    let sum = (0..REQUESTS).fold(1, |sum, _| request(sum));
    let took = clocks.cpu() - before;
    assert_ne!(black_box(sum), 0);
    took as f64 / f64::from(REQUESTS)
}

fn main() -> Result<(), perf_sdk::Error> {
    let perf = perf_sdk::builder().listen("off").report(false).budget("off").start()?;
    let mut clocks = Clocks::attach();
    let (start, ticks) = (Instant::now(), clocks.wall());
    let mut round = |_| (a_request(&mut clocks, plain), a_request(&mut clocks, root));
    let (mut without, mut with): (Vec<f64>, Vec<f64>) = (0..ROUNDS).map(&mut round).unzip();
    let tick_ns = start.elapsed().as_nanos() as f64 / (clocks.wall() - ticks) as f64;
    let mut more: Vec<f64> = with.iter().zip(&without).map(|(with, without)| with - without).collect();
    let median = |all: &mut Vec<f64>| {
        all.sort_by(f64::total_cmp);
        all[all.len() / 2] * tick_ns
    };
    let (without, with, more) = (median(&mut without), median(&mut with), median(&mut more));
    println!("a request of {CALLS} calls: {without:.0} ns, as a root {with:.0} ns: {more:.0} ns more");
    println!("at {A_SECOND} a second: {:.3} % of a core more", more * A_SECOND / 1e9 * 100.0);
    let slow = perf.slowest();
    let calls = &slow.functions.iter().find(|function| function.name == "root").expect("it is kept").slowest;
    assert_eq!((calls.len(), calls[0].steps.len()), (8, CALLS as usize));
    Ok(())
}
