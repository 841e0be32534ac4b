//! Four ways to hold memory: a leak, a cache that is filling, a sawtooth and a steady part. Which
//! of them leaks?
//!
//! `cargo run --release --example leak_hunt`: after some ten seconds it prints the verdicts. Before
//! that, they are at `http://127.0.0.1:9464/leaks`. The leak window is a tenth of a second here, so
//! that the example is quick; a service keeps the default, 30 s. So many evaluations cost more than
//! the default budget, which would sample fewer allocations.

use std::collections::HashMap;
use std::thread;
use std::time::{Duration, Instant};

use perf_sdk::snapshot::Verdict;
use perf_sdk::{Error, profiled};

#[global_allocator]
static ALLOC: perf_sdk::Alloc = perf_sdk::Alloc::new();

const TICK: Duration = Duration::from_millis(10);
const SECONDS: u64 = 13;

#[derive(Default)]
struct Service {
    sessions: HashMap<u64, Vec<u8>>,
    cache: HashMap<u64, Vec<u8>>,
    batch: Vec<Vec<u8>>,
    next: u64,
}

#[profiled]
impl Service {
    /// Sessions end after a moment, except for one in fifty, which the clean-up misses.
    fn log_in(&mut self) {
        self.sessions.insert(self.next, vec![1; 3_000]);
        let old = self.next.wrapping_sub(40);
        if !old.is_multiple_of(50) {
            self.sessions.remove(&old);
        }
    }

    /// A cache that is still filling. By its behaviour alone it could be a leak, so its bound is
    /// declared.
    #[profiled(bounded = 256 << 20)]
    fn look_up(&mut self) {
        self.cache.insert(self.next, vec![2; 1_000]);
    }

    /// Data that is collected for half a second, then written all at once.
    fn collect(&mut self, ticks: u64) {
        self.batch.push(vec![3; 2_000]);
        if ticks.is_multiple_of(50) {
            self.batch.clear();
        }
    }

    /// Work that retains nothing.
    fn render(&self) -> usize {
        let parts: Vec<String> = (0..10).map(|part| part.to_string().repeat(100)).collect();
        parts.concat().len()
    }

    #[profiled(sample = "1/16")]
    fn request(&mut self, ticks: u64) {
        self.next += 1;
        self.log_in();
        if self.next.is_multiple_of(4) {
            self.look_up();
        }
        self.collect(ticks);
        std::hint::black_box(self.render());
    }
}

fn main() -> Result<(), Error> {
    let seconds = std::env::args().skip_while(|arg| arg != "--seconds").nth(1).and_then(|n| n.parse().ok());
    let perf = perf_sdk::builder()
        .budget("off")
        .heap("16KiB")
        .leak_window("100ms")
        .leak_floor("64KiB")
        .report(false)
        .on_leak(|finding| println!("{}: {} — {}", finding.verdict, finding.scopes.join(" → "), finding.evidence))
        .start()?;
    let mut service = Service::default();
    let start = Instant::now();
    let mut ticks = 0;
    while start.elapsed() < Duration::from_secs(seconds.unwrap_or(SECONDS)) {
        for _ in 0..40 {
            service.request(ticks);
        }
        ticks += 1;
        thread::sleep((start + TICK * ticks as u32).saturating_duration_since(Instant::now()));
    }
    let leaks = perf.leaks().unwrap_or_default();
    println!("after {} looks:", leaks.windows);
    for finding in leaks.findings.iter().filter(|finding| finding.verdict > Verdict::None) {
        println!("  {:9} {} ({} KiB old)", finding.verdict, finding.scopes.join(" → "), finding.retained_bytes >> 10);
    }
    Ok(())
}
