//! The cost of measuring a statement, beside two clock reads, which any timing takes.
//!
//! `cargo bench -p perf-sdk --bench query`. Rounds are interleaved, so that other load on the
//! machine affects all rows alike.

use std::hint::black_box;
use std::time::{Duration, Instant};

const OPERATIONS: u32 = 100_000;
const ROUNDS: usize = 41;

const TEXT: &str =
    "SELECT id, name, price, created_at FROM items WHERE order_id = ? AND is_deleted = ? ORDER BY created_at";
const WITH_LITERALS: &str =
    "SELECT id, name, price, created_at FROM items WHERE order_id = 7 AND is_deleted = 0 ORDER BY created_at";

/// A row: the operation, and its duration in each round.
struct Row<'a> {
    name: &'static str,
    run: Box<dyn FnMut() + 'a>,
    ns: Vec<f64>,
}

fn row<'a>(name: &'static str, operation: impl Fn(u32) + 'a) -> Row<'a> {
    let run = move || (0..OPERATIONS).for_each(&operation);
    Row { name, run: Box::new(run), ns: Vec::new() }
}

fn ok() -> Result<u32, ()> {
    Ok(black_box(7))
}

fn main() {
    let db = perf_sdk::watch_query("bench").n_plus_one(u32::MAX).slow(Duration::from_secs(600));
    let kept = db.statement(TEXT);
    let mut rows = vec![
        row("two clock reads", |_| {
            let start = Instant::now();
            let _ = black_box(ok());
            black_box(start.elapsed());
        }),
        row("a kept statement", |_| _ = black_box(kept.run(ok))),
        row("a remembered text", |_| _ = black_box(db.run(black_box(TEXT), ok))),
        row("a remembered text with literals", |_| _ = black_box(db.run(black_box(WITH_LITERALS), ok))),
        row("a new text, which is read", |n| {
            _ = black_box(db.run(&format!("SELECT a, b FROM items WHERE order_id = {n} AND is_deleted = 0"), ok));
        }),
    ];
    perf_sdk::measure("asks a database", || {
        for _ in 0..ROUNDS {
            for row in &mut rows {
                let start = Instant::now();
                (row.run)();
                row.ns.push(start.elapsed().as_nanos() as f64 / f64::from(OPERATIONS));
            }
        }
    });
    let calls: u64 = db.statements().iter().map(|statement| statement.calls).sum();
    assert_eq!(calls, 4 * ROUNDS as u64 * u64::from(OPERATIONS));
    println!("{:36} {:>8} {:>8} {:>8} {:>16}", "ns an operation", "min", "median", "max", "beyond two reads");
    let mut reads = None;
    for row in &mut rows {
        row.ns.sort_by(f64::total_cmp);
        let (min, median, max) = (row.ns[0], row.ns[ROUNDS / 2], row.ns[ROUNDS - 1]);
        let beyond = median - *reads.get_or_insert(median);
        println!("{:36} {min:8.1} {median:8.1} {max:8.1} {beyond:16.1}", row.name);
    }
}
