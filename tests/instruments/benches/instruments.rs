//! The cost of instruments, as differences within one run.
//!
//! `cargo bench -p perf-sdk-instruments`. Rounds are interleaved, so that other load on the machine
//! affects all rows alike; where it does not, compare minima. `--count ROW` runs one row of fixed
//! length, for counts of instructions by callgrind.

use std::hint::black_box;
use std::io::Read;
use std::sync::LazyLock;
use std::sync::mpsc;
use std::time::Instant;

use moka::sync::Cache;
use perf_sdk::instrument::{self, Queued};
use perf_sdk::io::Counted;
use perf_sdk::lazy::Watched;

const OPERATIONS: u64 = 20_000;
const ROUNDS: usize = 101;

static BARE: LazyLock<u64> = LazyLock::new(|| 7);
static WATCHED: Watched<u64> = Watched::new("bench", || 7);

struct Bench {
    cache: Cache<u64, u64>,
    watched: instrument::Cache,
    queue: instrument::Queue,
    pool: instrument::ConnectionPool,
    bare: (mpsc::SyncSender<u64>, mpsc::Receiver<u64>),
    wrapped: (mpsc::SyncSender<Queued<u64>>, mpsc::Receiver<Queued<u64>>),
    counted: Counted<std::io::Repeat>,
}

type Row = fn(&mut Bench, u64) -> u64;

/// Each row, and the row without the instrument. A row of two operations counts half.
const ROWS: &[(&str, u64, Row)] = &[
    ("moka hit", 1, |bench, n| bench.cache.get(&(n % 512)).unwrap_or(0)),
    ("moka hit, watched", 1, |bench, n| bench.watched.get(|| bench.cache.get(&(n % 512))).unwrap_or(0)),
    ("moka hit, counted only", 1, |bench, n| {
        bench.watched.hit();
        bench.cache.get(&(n % 512)).unwrap_or(0)
    }),
    ("send and receive", 2, |bench, n| {
        let _ = bench.bare.0.send(n);
        bench.bare.1.recv().unwrap_or(0)
    }),
    ("send and receive, watched", 2, |bench, n| {
        let _ = bench.queue.send(n, |item| bench.wrapped.0.send(item));
        bench.queue.receive(|| bench.wrapped.1.recv()).unwrap_or(0)
    }),
    ("checkout", 1, |_, n| black_box(Ok::<u64, ()>(n)).unwrap_or(0)),
    ("checkout, watched", 1, |bench, n| bench.pool.checkout(|| black_box(Ok::<u64, ()>(n)), |()| true).unwrap_or(0)),
    ("read of 64 bytes", 1, |bench, n| read(bench.counted.get_mut(), n)),
    ("read of 64 bytes, counted", 1, |bench, n| read(&mut bench.counted, n)),
    ("lazy value", 1, |_, n| *BARE + n),
    ("lazy value, watched", 1, |_, n| *WATCHED + n),
];

fn read(from: &mut impl Read, n: u64) -> u64 {
    let mut bytes = [n as u8; 64];
    black_box(from.read(&mut bytes).unwrap_or(0)) as u64
}

#[perf_sdk::profiled]
fn run(bench: &mut Bench, operations: u64, row: Row) -> u64 {
    (0..operations).fold(0, |sum, n| sum.wrapping_add(row(bench, black_box(n))))
}

/// What callgrind counts: `--toggle-collect='*counted*'`.
#[inline(never)]
fn counted(bench: &mut Bench, operations: u64, row: Row) -> u64 {
    run(bench, operations, row)
}

fn main() {
    let cache = Cache::new(1_000);
    (0..512).for_each(|key| cache.insert(key, key));
    let mut bench = Bench {
        cache,
        watched: perf_sdk::watch_cache("bench"),
        queue: perf_sdk::watch_queue("bench"),
        pool: perf_sdk::watch_pool("bench"),
        bare: mpsc::sync_channel(8),
        wrapped: mpsc::sync_channel(8),
        counted: Counted::new("bench", std::io::repeat(1)),
    };
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(at) = arguments.iter().position(|argument| argument == "--count") {
        let (_, _, row) = ROWS[arguments[at + 1].parse::<usize>().expect("the number of a row")];
        let operations = arguments[at + 2].parse().expect("a number of operations");
        // The first operation calibrates the clock.
        black_box(run(&mut bench, 1, row));
        black_box(counted(&mut bench, operations, row));
        return;
    }
    let mut times: Vec<Vec<f64>> = vec![Vec::new(); ROWS.len()];
    for _ in 0..ROUNDS {
        for ((_, each, row), times) in ROWS.iter().zip(&mut times) {
            let start = Instant::now();
            black_box(run(&mut bench, OPERATIONS, *row));
            times.push(start.elapsed().as_nanos() as f64 / (OPERATIONS * each) as f64);
        }
    }
    // What was measured is right.
    let hits = 2 * ROUNDS as u64 * OPERATIONS;
    if cfg!(feature = "measured") {
        let seen = perf_sdk::snapshot();
        let found =
            seen.readings.iter().find(|reading| reading.name == "cache_hits_total").map(|reading| reading.value);
        assert_eq!(found, Some(hits as f64));
    }
    println!("{:<28} {:>9} {:>9} {:>9}", "ns an operation", "minimum", "median", "more");
    let mut bare = 0.0;
    for ((name, ..), times) in ROWS.iter().zip(&mut times) {
        times.sort_by(f64::total_cmp);
        let minimum = times[0];
        let is_bare = !name.contains(',');
        bare = if is_bare { minimum } else { bare };
        let more = if is_bare { String::new() } else { format!("{:+.1}", minimum - bare) };
        println!("{name:<28} {minimum:>9.1} {:>9.1} {more:>9}", times[times.len() / 2]);
    }
}
