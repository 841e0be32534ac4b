//! The cost of the locks in `perf_sdk::sync`, as ratios to std's within one run.
//!
//! `cargo bench -p perf-sdk --bench locks`. Rounds are interleaved, so that other load on the
//! machine affects all rows alike.

use std::hint::black_box;
use std::time::Instant;

use perf_sdk::sync::{Mutex, RwLock};

const OPERATIONS: u32 = 200_000;
const ROUNDS: usize = 41;

/// A row: the operation, and its duration in each round.
struct Row<'a> {
    name: &'static str,
    run: Box<dyn FnMut() + 'a>,
    ns: Vec<f64>,
}

fn row<'a>(name: &'static str, operation: impl Fn() + 'a) -> Row<'a> {
    let run = move || (0..OPERATIONS).for_each(|_| operation());
    Row { name, run: Box::new(run), ns: Vec::new() }
}

/// As [`row`], on two threads at the same time.
fn contended<'a>(name: &'static str, operation: impl Fn() + Sync + 'a) -> Row<'a> {
    let run = move || {
        std::thread::scope(|threads| {
            for _ in 0..2 {
                threads.spawn(|| perf_sdk::measure("bench", || (0..OPERATIONS).for_each(|_| operation())));
            }
        });
    };
    Row { name, run: Box::new(run), ns: Vec::new() }
}

/// Prints minimum, median and maximum of an operation in nanoseconds, and the ratios of minima and
/// medians to the first row's.
fn compare(title: &str, mut rows: Vec<Row<'_>>) {
    for _ in 0..ROUNDS {
        for row in &mut rows {
            let start = Instant::now();
            (row.run)();
            row.ns.push(start.elapsed().as_nanos() as f64 / f64::from(OPERATIONS));
        }
    }
    println!(
        "\n{title}\n{:40} {:>8} {:>8} {:>8} {:>7} {:>7}",
        "ns an operation", "min", "median", "max", "of min", "ratio"
    );
    let mut first = None;
    for row in &mut rows {
        row.ns.sort_by(f64::total_cmp);
        let (min, median, max) = (row.ns[0], row.ns[ROUNDS / 2], row.ns[ROUNDS - 1]);
        let (first_min, first_median) = *first.get_or_insert((min, median));
        let (of_min, ratio) = (min / first_min, median / first_median);
        println!("{:40} {min:8.2} {median:8.2} {max:8.2} {of_min:7.2} {ratio:7.2}", row.name);
    }
}

fn main() {
    let (std_mutex, mutex) = (std::sync::Mutex::new(0_u64), Mutex::new(0_u64));
    let (std_rwlock, rwlock) = (std::sync::RwLock::new(0_u64), RwLock::new(0_u64));
    let take_std = || {
        if let Ok(mut guard) = black_box(&std_mutex).lock() {
            *guard += 1;
        }
    };
    let take = || {
        if let Ok(mut guard) = black_box(&mutex).lock() {
            *guard += 1;
        }
    };
    let read_std = || _ = black_box(black_box(&std_rwlock).read().map(|guard| *guard).unwrap_or_default());
    let read = || _ = black_box(black_box(&rwlock).read().map(|guard| *guard).unwrap_or_default());
    // First without a record of the thread, then with one.
    for title in ["outside of all scopes", "in a scope"] {
        let compared = || {
            compare(&format!("lock and unlock, {title}"), vec![row("std's Mutex", take_std), row("Mutex", take)]);
            compare(&format!("read and unlock, {title}"), vec![row("std's RwLock", read_std), row("RwLock", read)]);
        };
        if title == "in a scope" { perf_sdk::measure("bench", compared) } else { compared() }
    }
    compare(
        "lock and unlock, two threads (a round of each)",
        vec![contended("std's Mutex", take_std), contended("Mutex", take)],
    );
    let locks = perf_sdk::snapshot().locks;
    let (waits, ns) = locks.waiters.iter().fold((0, 0), |sum, one| (sum.0 + one.contentions, sum.1 + one.delay_ns));
    println!("\n{waits} waits of {:.0} ns on average", ns as f64 / (waits as f64).max(1.0));
}
