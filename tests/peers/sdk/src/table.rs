//! The second table: clocks, allocations, histograms, many functions, scrapes.

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::io::{self, Write};
use std::time::Instant;

use perf_sdk::__private::{Cells, Clocks, Options, Sample, Site, Source, enter};
use perf_sdk::export::{Exposition, Format};
use tikv_jemallocator::Jemalloc;

use crate::ALLOC;

const CALLS: u32 = 50_000;
const ROUNDS: usize = 31;
const MANY: usize = 1_000;
const WORKING_SET: usize = 1 << 20;

fn site(name: String, sample: Sample) -> &'static Site {
    let name: &'static str = name.leak();
    let source = Source { name: Some(name), path: || "", ident: name, module: "table", file: file!(), line: line!() };
    Box::leak(Box::new(Site::new(source, Options { sample, ..Options::DEFAULT })))
}

fn ns(mut f: impl FnMut(u64)) -> f64 {
    let start = Instant::now();
    (0..u64::from(CALLS)).for_each(&mut f);
    start.elapsed().as_nanos() as f64 / f64::from(CALLS)
}

fn thread_cpu() {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a valid place for the result.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    black_box(time.tv_nsec);
}

#[inline(never)]
fn pair(allocator: &impl GlobalAlloc) {
    let layout = black_box(Layout::new::<[u64; 8]>());
    // SAFETY: the layout is not empty, and the block is freed with the layout that it was allocated
    // with.
    unsafe {
        let block = allocator.alloc(layout);
        allocator.dealloc(black_box(block), layout);
    }
}

/// Nanoseconds for each call of many functions in turn, with accesses to a megabyte of other memory
/// in between, minus the cost of these accesses.
fn many(sites: &[&'static Site], work: &mut [u8]) -> f64 {
    let mut pass = |sites: &[&'static Site]| {
        let start = Instant::now();
        for (chunk, at) in work.chunks_mut(WORKING_SET / MANY).zip(0..) {
            chunk.iter_mut().step_by(64).for_each(|byte| *byte = byte.wrapping_add(1));
            if let Some(site) = sites.get(at) {
                let _guard = enter(site);
                black_box(at);
            }
        }
        start.elapsed().as_nanos() as f64 / MANY as f64
    };
    let with: Vec<f64> = (0..ROUNDS).map(|_| pass(sites)).collect();
    let without: Vec<f64> = (0..ROUNDS).map(|_| pass(&[])).collect();
    median(with) - median(without)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Counts bytes and discards them.
struct Sink(usize);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub fn print() {
    let clock = quanta::Clock::new();
    let mut clocks = Clocks::attach();
    let cells = Cells::default();
    let mut hdr = hdrhistogram::Histogram::<u64>::new(3).expect("three digits");
    let mut rows: Vec<(&str, Vec<f64>)> = Vec::new();
    for _ in 0..ROUNDS {
        let times = [
            ("counter read", ns(|_| _ = black_box(clock.raw()))),
            ("Instant::now", ns(|_| _ = black_box(Instant::now()))),
            ("CLOCK_THREAD_CPUTIME_ID", ns(|_| thread_cpu())),
            ("perf-sdk, wall ticks", ns(|_| _ = black_box(clocks.wall()))),
            ("perf-sdk, thread CPU time", ns(|_| _ = black_box(clocks.cpu()))),
            ("allocation pair, system", ns(|_| pair(&System))),
            ("allocation pair, jemalloc", ns(|_| pair(&Jemalloc))),
            ("allocation pair, perf-sdk over jemalloc", ns(|_| pair(&ALLOC))),
            ("perf-sdk, record into cells", ns(|n| cells.record(black_box(800 + n % 1_201)))),
            ("hdrhistogram, record", ns(|n| hdr.record(black_box(800 + n % 1_201)).expect("in range"))),
        ];
        if rows.is_empty() {
            rows = times.map(|(name, _)| (name, Vec::new())).into();
        }
        rows.iter_mut().zip(times).for_each(|(row, time)| row.1.push(time.1));
    }
    println!("{:<44} {:>9} {:>9} {:>9}", "ns", "min", "median", "max");
    for (name, mut times) in rows {
        times.sort_by(f64::total_cmp);
        println!("{name:<44} {:>9.2} {:>9.2} {:>9.2}", times[0], times[ROUNDS / 2], times[ROUNDS - 1]);
    }
    let mut work = vec![1_u8; WORKING_SET];
    for (name, sample) in [("sampled out", Sample::Never), ("measured", Sample::Always)] {
        let sites: Vec<&'static Site> = (0..MANY).map(|n| site(format!("{name} {n}"), sample)).collect();
        let cost = many(&sites, &mut work);
        println!("{:<44} {:>9} {cost:>9.2}", format!("{name}, {MANY} functions and 1 MiB in between"), "");
    }
    let exposition = Exposition::new();
    let mut functions = 2 * MANY;
    for goal in [100, 1_000, 10_000] {
        // The functions above are also in the snapshot. The scrape of 100 functions is one of a
        // window that has no others.
        while functions < goal {
            drop(enter(site(format!("function {functions}"), Sample::Always)));
            functions += 1;
        }
        let before = perf_sdk::snapshot();
        if goal < functions {
            let sites: Vec<&'static Site> = (0..goal).map(|n| site(format!("{goal} {n}"), Sample::Always)).collect();
            sites.iter().for_each(|site| drop(enter(site)));
        }
        let (mut times, mut bytes) = (Vec::new(), 0);
        for _ in 0..9 {
            let start = Instant::now();
            let whole = perf_sdk::snapshot();
            let seen = if goal < functions { whole.subtract(&before) } else { whole };
            let mut sink = Sink(0);
            exposition.write(Format::Text, &seen, None, &mut sink).expect("a sink takes everything");
            times.push(start.elapsed().as_secs_f64() * 1e3);
            bytes = sink.0;
        }
        println!(
            "{:<44} {:>9} {:>9.2} ms, {:.2} MB",
            format!("text scrape, {goal} functions"),
            "",
            median(times),
            bytes as f64 / 1e6
        );
    }
}
