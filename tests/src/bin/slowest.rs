//! The slowest calls that the profiler keeps, against a log of all calls; what keeping them costs;
//! and a forked child of a program that keeps many.
//!
//! ```text
//! cargo run --release -p perf-sdk-tests --bin slowest -- full
//! cargo run --release -p perf-sdk-tests --bin slowest -- cost
//! ```

use std::fmt;
use std::hint::black_box;
use std::mem;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Barrier, Mutex};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use perf_sdk::__private::Clocks;
use perf_sdk::snapshot::SlowCall;
use perf_sdk::{Handle, profiled};
use perf_sdk_tests::{exit_now, fork, thread_cpu, thread_id, until, wait_for};

fn main() {
    let argument = std::env::args().nth(1).unwrap_or_default();
    match argument.as_str() {
        "short" => compared(3, 400),
        "full" => compared(50, 9_000),
        "cost" => cost(),
        "forks" => forks(),
        other => panic!("no scenario {other:?}"),
    }
}

/// The number of calls of each kind that are kept.
const KEPT: usize = 8;
const THREADS: usize = 4;
/// Calls that a request makes.
const CALLS: u64 = 20;

/// What the two clocks cannot tell apart: the profiler's ticks and the system's nanoseconds.
fn clocks_ns(ns: u64) -> u64 {
    200 + ns / 10_000
}

/// More than this is never taken off a request for what its calls cost.
const OWN_NS: u64 = CALLS * 2_000;
/// Two clocks say when a call began. Those of one thread are farther apart.
const APART_NS: u64 = 50_000;

#[profiled]
#[inline(never)]
fn step(n: u64) -> u64 {
    (0..black_box(200)).fold(n, |sum, one| sum.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ one)
}

#[derive(Debug)]
struct Refused;

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("refused")
    }
}

/// Marsaglia's xorshift.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

/// One call, as the program saw it.
#[derive(Clone, Copy, Default)]
struct Logged {
    thread: u32,
    has_failed: bool,
    /// From the first to the last statement of the function, and around the call: the call took
    /// neither less nor more.
    least_ns: u64,
    most_ns: u64,
    /// When it began, in nanoseconds since the Unix epoch.
    began_unix_ns: u64,
    /// The windows that went on at its last statement and after it: it ended in one of them.
    windows: [u64; 2],
}

/// A request: its calls, and something that takes longer in one of fifty.
#[profiled(root)]
#[inline(never)]
fn request(clocks: &Clocks, random: &mut Random, logged: &mut Logged) -> Result<u64, Refused> {
    let begin = Instant::now();
    let sum = (0..CALLS).fold(1, |sum, _| step(sum));
    let drawn = random.next();
    if drawn.is_multiple_of(50) {
        // From a microsecond to four milliseconds, log-uniform.
        let longer = Duration::from_nanos((1_000 + random.next() % 1_000) << (random.next() % 12));
        if drawn.is_multiple_of(100) {
            thread::sleep(longer);
        } else {
            let until = Instant::now() + longer;
            while Instant::now() < until {}
        }
    }
    // Every other one that takes longer fails, so that those that failed are well apart.
    logged.has_failed = random.next().is_multiple_of(if drawn.is_multiple_of(50) { 2 } else { 100 });
    logged.windows[0] = clocks.slow_window();
    logged.least_ns = begin.elapsed().as_nanos() as u64;
    if logged.has_failed { Err(Refused) } else { Ok(sum) }
}

/// What all threads did.
struct Work {
    log: Mutex<Vec<Logged>>,
    /// Nobody is within a request between the two meetings of all threads at the barrier.
    pauses: AtomicBool,
    ends: AtomicBool,
    barrier: Barrier,
}

impl Work {
    /// Requests at so many a second, until the end.
    fn requests(&self, number: usize, a_second: u32) {
        let clocks = Clocks::attach();
        let mut random = Random((number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let (thread, pace) = (thread_id() as u32, Duration::from_secs(1) / a_second);
        // The first calls are shorter for the profiler, which takes off what its memory took.
        for _ in 0..100 {
            let _ = black_box(request(&clocks, &mut random, &mut Logged::default()));
        }
        self.barrier.wait();
        let (mut own, mut due) = (Vec::new(), Instant::now());
        while !self.ends.load(Relaxed) {
            let now = Instant::now();
            if now < due {
                thread::sleep((due - now).min(Duration::from_millis(1)));
            } else {
                // What others took of the processors is not caught up with.
                due = (due + pace).max(now.checked_sub(pace * 100).unwrap_or(now));
                let began_unix_ns = SystemTime::now().duration_since(UNIX_EPOCH).expect("later").as_nanos() as u64;
                let mut logged = Logged { thread, began_unix_ns, ..Logged::default() };
                let begin = Instant::now();
                let _ = black_box(request(&clocks, &mut random, &mut logged));
                logged.most_ns = begin.elapsed().as_nanos() as u64;
                logged.windows[1] = clocks.slow_window();
                own.push(logged);
            }
            if self.pauses.load(Relaxed) {
                self.log.lock().expect("no panic").append(&mut own);
                self.barrier.wait();
                self.barrier.wait();
            }
        }
    }
}

#[derive(Default)]
struct Found {
    /// Calls that were looked at, and those that are kept.
    calls: usize,
    kept: usize,
    /// Calls that are not kept, and whose time overlaps that of the least one that is.
    undecided: usize,
    /// Those of them of which the profiler may have taken more off for its own part.
    own: usize,
}

/// Compares what is kept of the windows `window` and the one before with the calls in them.
fn compare(kept: &[SlowCall], log: &[&Logged], window: u64, found: &mut Found) -> Result<(), String> {
    let may_be = |logged: &&&Logged| logged.windows[1] >= window - 1;
    let surely = |logged: &&&Logged| logged.windows[0] >= window - 1;
    let mut left: Vec<&Logged> = log.iter().filter(may_be).copied().collect();
    found.calls += left.len();
    found.kept += kept.len();
    for call in kept {
        let ns = call.duration_ns;
        let apart = |logged: &Logged| logged.began_unix_ns.abs_diff(call.began_unix_ns);
        let of_thread = left.iter().enumerate().filter(|(_, logged)| logged.thread == call.thread_id);
        let at = of_thread.min_by_key(|(_, logged)| apart(logged)).map(|(at, _)| at);
        let it = at.map(|at| left.swap_remove(at)).ok_or("a call is kept of a thread that has none")?;
        let (least_ns, most_ns) = (it.least_ns, it.most_ns + clocks_ns(it.most_ns));
        let is_it = ns <= most_ns && ns + OWN_NS >= least_ns;
        if !is_it || apart(it) > APART_NS + it.most_ns - it.least_ns {
            return Err(format!("a call of {ns} ns is kept; the nearest one took {least_ns} to {most_ns} ns"));
        }
    }
    if kept.len() < KEPT && left.iter().any(|logged| surely(&logged)) {
        return Err(format!("only {} are kept, and there are more", kept.len()));
    }
    let least_ns = kept.last().map_or(0, |call| call.duration_ns);
    for logged in left.iter().filter(|logged| surely(logged)) {
        let bound = least_ns + clocks_ns(least_ns);
        if logged.least_ns > bound + OWN_NS {
            let (from, to) = (logged.least_ns, logged.most_ns);
            return Err(format!("a call of {from} to {to} ns is not kept, and one of {least_ns} ns is"));
        }
        found.undecided += usize::from(logged.most_ns > least_ns);
        found.own += usize::from(logged.least_ns > bound);
    }
    Ok(())
}

fn start() -> Handle {
    let builder = perf_sdk::builder().listen("off").report(false).slow_window(Duration::from_secs(1));
    builder.start().unwrap_or_else(|error| panic!("{error}"))
}

/// In each of so many windows of a second the calls that are kept are the slowest ones.
fn compared(windows: usize, a_second: u32) {
    let perf = start();
    let clocks = Clocks::attach();
    let work = Work {
        log: Mutex::default(),
        pauses: AtomicBool::new(false),
        ends: AtomicBool::new(false),
        barrier: Barrier::new(THREADS + 1),
    };
    let (mut slowest, mut failed, mut all) = (Found::default(), Found::default(), 0);
    let began = Instant::now();
    let mut wrong = Vec::new();
    thread::scope(|scope| {
        for number in 0..THREADS {
            let work = &work;
            scope.spawn(move || work.requests(number, a_second / THREADS as u32));
        }
        work.barrier.wait();
        // Of this one and the one before the log has not all calls.
        let (mut log, mut checked) = (Vec::<Logged>::new(), clocks.slow_window() + 1);
        for _ in 0..windows {
            until("the next window", || clocks.slow_window() > checked);
            work.pauses.store(true, Relaxed);
            work.barrier.wait();
            let new = mem::take(&mut *work.log.lock().expect("no panic"));
            all += new.len();
            log.extend(new);
            // Of one window, even if one begins meanwhile.
            let (window, kept) = loop {
                let window = clocks.slow_window();
                let kept = perf.slowest();
                if clocks.slow_window() == window {
                    break (window, kept);
                }
            };
            work.pauses.store(false, Relaxed);
            work.barrier.wait();
            checked = window;
            log.retain(|logged| logged.windows[1] >= window - 1);
            let kept = kept.functions.into_iter().find(|function| function.name == "request").unwrap_or_default();
            let calls: Vec<&Logged> = log.iter().collect();
            wrong.extend(compare(&kept.slowest, &calls, window, &mut slowest).err());
            let has_failed: Vec<&Logged> = log.iter().filter(|logged| logged.has_failed).collect();
            wrong.extend(compare(&kept.failed, &has_failed, window, &mut failed).err());
        }
        work.ends.store(true, Relaxed);
    });
    let a_second = all as f64 / began.elapsed().as_secs_f64();
    println!("{windows} windows, {all} requests, {a_second:.0} a second");
    for (name, found) in [("slowest", slowest), ("failed", failed)] {
        let Found { calls, kept, undecided, own } = found;
        println!(
            "{name}: {kept} kept of {calls}; {undecided} more cannot be told from them, of {own} in less than the profiler's own part"
        );
        assert!(kept >= windows, "too few were called");
    }
    println!("{} comparisons were wrong", wrong.len());
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The same calls without `root`.
#[profiled]
#[inline(never)]
fn plain(n: u64) -> u64 {
    (0..CALLS).fold(n, |sum, _| step(sum))
}

#[profiled(root)]
#[inline(never)]
fn root(n: u64) -> u64 {
    (0..CALLS).fold(n, |sum, _| step(sum))
}

/// CPU time of roots and of the same calls without, paced at 9,000 a second on two threads, in
/// turns of half a second: with, without, without, with.
fn cost() {
    const A_SECOND: u32 = 9_000;
    const ROUNDS: usize = 30;
    const REQUESTS: u32 = 2_250;
    let perf = start();
    let turn = |request: fn(u64) -> u64| {
        let pace = Duration::from_secs(2) / A_SECOND;
        let (begin, cpu) = (Instant::now(), thread_cpu());
        for number in 0..REQUESTS {
            let due = begin + pace * number;
            let now = Instant::now();
            if now < due {
                thread::sleep((due - now).max(Duration::from_millis(1)));
            }
            black_box(request(number.into()));
        }
        (thread_cpu() - cpu).as_nanos() as f64 / f64::from(REQUESTS)
    };
    let rounds = || -> Vec<[f64; 2]> {
        let mut all = Vec::new();
        for _ in 0..ROUNDS {
            let first = turn(root);
            let without = (turn(plain) + turn(plain)) / 2.0;
            all.push([without, (first + turn(root)) / 2.0]);
        }
        all
    };
    let all: Vec<[f64; 2]> = thread::scope(|scope| {
        let threads = [(); 2].map(|()| scope.spawn(rounds));
        threads.into_iter().flat_map(|thread| thread.join().expect("no panic")).collect()
    });
    let number = all.len() as f64;
    let mean = |of: &dyn Fn(&[f64; 2]) -> f64| all.iter().map(of).sum::<f64>() / number;
    let more = mean(&|[without, with]| with - without);
    let variance = mean(&|[without, with]| (with - without - more).powi(2));
    let error = (variance / (number - 1.0)).sqrt();
    let without = mean(&|[without, _]| *without);
    println!("a request of {CALLS} calls takes {without:.0} ns, and {more:.0} ± {error:.0} ns more as a root");
    let of_a_core = |ns: f64| ns * f64::from(A_SECOND) / 1e9 * 100.0;
    println!("at {A_SECOND} a second: {:.3} ± {:.3} % of a core", of_a_core(more), of_a_core(error));
    let kept = perf.slowest();
    assert!(kept.functions.iter().any(|function| function.name == "root" && function.slowest.len() == KEPT));
}

/// KiB of this process's memory that no other process has and that was written to.
fn private_kib() -> u64 {
    let text = std::fs::read_to_string("/proc/self/smaps_rollup").expect("the kernel's file");
    let line = text.lines().find_map(|line| line.strip_prefix("Private_Dirty:")).expect("a line");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

/// A call of so many steps.
#[profiled(root)]
fn long(calls: u64) {
    (0..calls).for_each(|n| _ = black_box(step(n)));
}

/// A forked child neither has the calls of its parent nor a copy of the memory that they took.
fn forks() {
    let roots: Vec<&'static str> = (0..24).map(|at| &*format!("root {at}").leak()).collect();
    let builder = perf_sdk::builder().listen("off").report(false).budget("off").stacks("off").root("*::root *");
    let perf = builder.start().unwrap_or_else(|error| panic!("{error}"));
    (0..20).for_each(|_| long(900));
    for name in &roots {
        (0..10).for_each(|_| perf_sdk::measure(name, || (0..900).for_each(|n| _ = black_box(step(n)))));
    }
    let kept_kib = perf.slowest().memory_bytes / 1_024;
    assert!(kept_kib > 5_000, "{kept_kib} KiB: too few for this test");
    // It is open while the process forks.
    let mut child = -1;
    perf_sdk::measure(roots[0], || {
        let before = private_kib();
        child = fork();
        if child == 0 {
            (0..100).for_each(|n| _ = black_box(step(n)));
            let own = private_kib();
            println!("{own} of {before} KiB are its own");
            if own * 4 > kept_kib {
                exit_now(1);
            }
        }
    });
    if child == 0 {
        let own = perf_sdk::builder().listen("off").report(false).budget("off").stacks("off").start();
        let own = own.unwrap_or_else(|error| panic!("{error}"));
        let is_empty = own.slowest().functions.is_empty();
        (0..20).for_each(|_| long(900));
        let slowest = own.slowest();
        let of_long = slowest.functions.iter().find(|function| function.name == "long");
        let steps = of_long.map(|function| function.slowest.iter().map(|call| call.steps.len()).collect::<Vec<_>>());
        println!("the child's calls have {steps:?} steps");
        let is_whole = of_long.is_some_and(|function| {
            function.slowest.len() == KEPT && function.slowest.iter().all(|call| call.steps.len() == 900)
        });
        exit_now(if !is_empty { 2 } else { i32::from(!is_whole) * 3 });
    }
    assert_eq!(wait_for(child), 0, "1: the child has a copy; 2: it has the parent's calls; 3: it keeps none");
    let function = perf.slowest().functions.into_iter().find(|function| function.name == "long");
    assert!(function.expect("they are there").slowest.iter().all(|call| call.steps.len() == 900));
}
