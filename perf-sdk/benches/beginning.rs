//! What a process and a thread cost when they begin:
//! `cargo bench -p perf-sdk --features jemalloc --bench beginning`.
//!
//! Each figure is the least of some processes, since whatever else runs adds to it. CPU time is that
//! of the whole process, so what other threads of the profiler do counts too. Beside each figure
//! stands the same work without the profiler.

use std::env;
use std::hint::black_box;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use perf_sdk::profiled;

/// Processes of each kind.
const PROCESSES: usize = 5;
/// Calls that are counted as the first ones, and those that come after.
const FIRST: u32 = 3_000_000;
const LATER: u32 = 27_000_000;
const THREADS: u32 = 30_000;
const LIFE: Duration = Duration::from_micros(50);

fn main() {
    match env::args().nth(1).as_deref() {
        Some("calls") => calls(),
        Some("threads") => threads(true),
        Some("bare-threads") => threads(false),
        _ => report(),
    }
}

fn report() {
    let [first, later] = least("calls");
    println!("ns of CPU time a call, all of them measured, after `start()`");
    println!("the first {FIRST}: {first:.1}, the next {LATER}: {later:.1}, ratio {:.2}", first / later);
    let [with, wall] = least("threads");
    let [without, bare_wall] = least("bare-threads");
    println!("µs of CPU time a thread of {LIFE:?}, with one measured call, of {THREADS}");
    println!("profiled: {with:.1}, without: {without:.1}, more: {:.1}", with - without);
    println!("µs of wall time: {wall:.1}, without: {bare_wall:.1}");
}

/// The least of what processes of this kind print.
fn least(kind: &str) -> [f64; 2] {
    let mut least = [f64::INFINITY; 2];
    for _ in 0..PROCESSES {
        let said = Command::new(env::current_exe().expect("a program"))
            .arg(kind)
            .env("PERF_LISTEN", "127.0.0.1:0")
            .env("PERF_REPORT", "false")
            .output()
            .expect("it runs");
        let text = String::from_utf8(said.stdout).expect("numbers");
        let mut numbers = text.split_whitespace().map(|number| number.parse::<f64>().expect("a number"));
        for least in &mut least {
            *least = least.min(numbers.next().expect("two numbers"));
        }
    }
    least
}

#[profiled(sample = always)]
#[inline(never)]
fn call(x: u32) -> u32 {
    black_box(x)
}

fn calls() {
    let _handle = perf_sdk::start().expect("the profiler starts");
    let run = |calls: u32| {
        let before = cpu();
        (0..calls).for_each(|x| _ = call(black_box(x)));
        (cpu() - before).as_secs_f64() * 1e9 / f64::from(calls)
    };
    let (first, later) = (run(FIRST), run(LATER));
    println!("{first} {later}");
}

fn threads(are_profiled: bool) {
    let _handle = are_profiled.then(|| perf_sdk::start().expect("the profiler starts"));
    let (cpu_before, began) = (cpu(), Instant::now());
    for x in 0..THREADS {
        let work = move || {
            let began = Instant::now();
            if are_profiled {
                black_box(call(x));
            }
            while began.elapsed() < LIFE {
                black_box(x);
            }
        };
        thread::spawn(work).join().expect("it ends");
    }
    let a_thread = |time: Duration| time.as_secs_f64() * 1e6 / f64::from(THREADS);
    println!("{} {}", a_thread(cpu() - cpu_before), a_thread(began.elapsed()));
}

/// The CPU time of the process.
fn cpu() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a valid place for the result.
    let status = unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time) };
    assert_eq!(status, 0, "a clock");
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).expect("below a second"))
}
