//! The cost of measuring, as ratios within one run.
//!
//! `cargo bench -p perf-sdk --features jemalloc --bench cost`; `PERF_CPU_CLOCK` selects the CPU
//! clock.
//!
//! Rounds are interleaved, so that other load on the machine affects all rows alike. Where it does
//! not, compare minima. Counter reads stall the processor, while other instructions compete for it.
//! So a busy sibling hyperthread slows down only the latter, which raises the ratios.

use std::alloc::{GlobalAlloc, Layout, System};
use std::future::{Future as _, ready};
use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use perf_sdk::__private::{Clocks, Options, Sample, Site, Source, enter, future};
use tikv_jemallocator::Jemalloc;

#[global_allocator]
static ALLOC: perf_sdk::Alloc = perf_sdk::Alloc::new();
static COUNTED: perf_sdk::CountingAlloc<System> = perf_sdk::CountingAlloc::new(System);

const CALLS: u32 = 100_000;
const ROUNDS: usize = 61;

macro_rules! site {
    ($name:literal) => {
        site!($name, Sample::Always)
    };
    ($name:literal, $sample:expr) => {
        Site::new(
            Source { name: Some($name), path: || "", ident: $name, module: "cost", file: file!(), line: line!() },
            Options { sample: $sample, ..Options::DEFAULT },
        )
    };
}

static EMPTY: Site = site!("empty");
static OUTER: Site = site!("outer");
static ALLOCATES: Site = site!("allocates");
static POLLED: Site = site!("polled");
static PASSED: Site = site!("passed", Sample::Never);
static SAMPLED: Site = site!("sampled", Sample::OneIn(64));

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
    let _guard = enter(&EMPTY);
    black_box(x)
}

#[inline(never)]
fn passed(x: u64) -> u64 {
    let _guard = enter(&PASSED);
    black_box(x)
}

#[inline(never)]
fn sampled(x: u64) -> u64 {
    let _guard = enter(&SAMPLED);
    black_box(x)
}

#[inline(never)]
fn labelled(x: u64) -> u64 {
    const TENANTS: [&str; 4] = ["acme", "globex", "initech", "umbrella"];
    perf_sdk::with_labels([("tenant", TENANTS[x as usize % 4]), ("route", "/search")], || black_box(x))
}

#[inline(never)]
fn nested(x: u64) -> u64 {
    let _guard = enter(&OUTER);
    measured(x)
}

#[inline(never)]
fn measured_pair(x: u64) -> u64 {
    let _guard = enter(&ALLOCATES);
    pair(&ALLOC, x)
}

/// A future that is ready at its first poll.
#[inline(never)]
fn polled(x: u64) -> u64 {
    let mut future = pin!(future(&POLLED, ready(x)));
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(x) => x,
        Poll::Pending => 0,
    }
}

#[inline(never)]
fn pair(allocator: &impl GlobalAlloc, x: u64) -> u64 {
    let layout = black_box(Layout::new::<[u64; 8]>());
    // SAFETY: the layout is not empty, and the block is freed with the same layout.
    unsafe {
        let block = allocator.alloc(layout);
        allocator.dealloc(black_box(block), layout);
    }
    x
}

fn ns_per_call(mut f: impl FnMut(u64) -> u64) -> f64 {
    let start = Instant::now();
    for i in 0..CALLS {
        black_box(f(u64::from(i)));
    }
    start.elapsed().as_nanos() as f64 / f64::from(CALLS)
}

struct Row {
    name: &'static str,
    /// The row with which it is compared.
    base: &'static str,
    times: Vec<f64>,
}

fn main() {
    let _perf = perf_sdk::builder().listen("off").report(false).start().expect("a profiler");
    let clock = quanta::Clock::new();
    let mut clocks = Clocks::attach();
    let row = |name, base| Row { name, base, times: Vec::new() };
    let mut rows = [
        row("bare call", "two reads"),
        row("two reads", "two reads"),
        row("measured call", "two reads"),
        row("two, nested", "two reads"),
        row("allocating call", "two reads"),
        row("measured future", "two reads"),
        row("passed over", "two reads"),
        row("one in 64", "two reads"),
        row("with two labels", "two reads"),
        row("one read", "one read"),
        row("wall clock", "one read"),
        row("CPU clock", "one read"),
        row("jemalloc pair", "jemalloc pair"),
        row("counted pair", "jemalloc pair"),
        row("system pair", "system pair"),
        row("counted, system", "system pair"),
    ];
    for _ in 0..ROUNDS {
        let times = [
            ns_per_call(bare),
            ns_per_call(|x| two_reads(x, &clock)),
            ns_per_call(measured),
            ns_per_call(nested),
            ns_per_call(measured_pair),
            ns_per_call(polled),
            ns_per_call(passed),
            ns_per_call(sampled),
            ns_per_call(labelled),
            ns_per_call(|_| clock.raw()),
            ns_per_call(|_| clocks.wall()),
            ns_per_call(|_| clocks.cpu()),
            ns_per_call(|x| pair(&Jemalloc, x)),
            ns_per_call(|x| pair(&ALLOC, x)),
            ns_per_call(|x| pair(&System, x)),
            ns_per_call(|x| pair(&COUNTED, x)),
        ];
        for (row, time) in rows.iter_mut().zip(times) {
            row.times.push(time);
        }
    }
    for row in &mut rows {
        row.times.sort_by(f64::total_cmp);
    }
    println!("{:<16} {:>8} {:>8} {:>8}   ratio of minima and of medians to", "ns", "min", "median", "max");
    for row in &rows {
        let base = rows.iter().find(|base| base.name == row.base).expect("a row to compare with");
        let [min, median, max] = [0, ROUNDS / 2, ROUNDS - 1].map(|at| row.times[at]);
        let [min_ratio, median_ratio] = [min / base.times[0], median / base.times[ROUNDS / 2]];
        println!(
            "{:<16} {min:>8.2} {median:>8.2} {max:>8.2}   {min_ratio:.2} {median_ratio:.2} {}",
            row.name, row.base
        );
    }
    let seen = perf_sdk::snapshot();
    println!("CPU clock {}", seen.profiler.cpu_clock);
    let lost: Vec<_> = seen.profiler.dropped.iter().filter(|(_, count)| **count > 0).collect();
    println!("dropped {lost:?}");
    let calls: u64 = seen.functions.iter().find(|f| f.name == "empty").map_or(0, |f| f.calls.total());
    assert_eq!(calls, 2 * ROUNDS as u64 * u64::from(CALLS), "every call is counted");
}
