//! Programs of different kinds. Each works for some seconds and returns the true figures.

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use perf_sdk::{Handle, Rate, profiled};
use rayon::prelude::*;

use crate::truth::{
    Laps, Real, Stopwatch, Truth, bare, bare_beside, is_only_work, seconds_of, spin, thread_cpu, time, timed, worked,
};

pub struct Program {
    pub name: &'static str,
    pub run: fn(&Handle) -> Truth,
    /// Number of threads that call profiled functions at the same time.
    pub threads: usize,
}

pub const PROGRAMS: [Program; 10] = [
    Program { name: "deep", run: deep, threads: 1 },
    Program { name: "tiny", run: tiny, threads: 1 },
    Program { name: "tails", run: tails, threads: 2 },
    Program { name: "preempted", run: preempted, threads: 4 },
    Program { name: "rates", run: rates, threads: 1 },
    Program { name: "rayon", run: parallel, threads: 3 },
    Program { name: "tokio", run: tasks, threads: 3 },
    Program { name: "quiet", run: quiet, threads: 1 },
    Program { name: "blocking", run: blocking, threads: 4 },
    Program { name: "recursive", run: recursive, threads: 1 },
];

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

fn until_over(mut work: impl FnMut()) {
    let end = Instant::now() + time();
    while Instant::now() < end {
        work();
    }
}

fn cpu(seconds: f64) -> Real {
    Real { cpu: Some(seconds), ..Real::default() }
}

/// CPU time. It is also the wall time, for one thread that has a processor to itself.
fn both(seconds: f64) -> Real {
    Real { cpu: Some(seconds), wall: Some(seconds), ..Real::default() }
}

// A binary tree of calls, eight levels deep.

const LEAF: u32 = 200;

macro_rules! levels {
    ($($name:ident calls $next:ident),+) => {
        $(#[profiled]
        #[inline(never)]
        fn $name() {
            $next();
            $next();
        })+
    };
}

levels!(level_0 calls level_1, level_1 calls level_2, level_2 calls level_3, level_3 calls level_4, level_4 calls level_5);

#[profiled]
#[inline(never)]
fn level_5() {
    level_6();
    level_6();
}

#[profiled]
#[inline(never)]
fn level_6() {
    black_box(spin(LEAF));
}

fn tree(handle: &Handle, mut between: impl FnMut()) -> Truth {
    let before = seconds_of(handle, 0, LEAF);
    let mut times = 0_u32;
    until_over(|| {
        between();
        for _ in 0..20 {
            level_0();
            times += 1;
        }
        worked(20);
    });
    let all = f64::from(times) * 64.0 * (before + seconds_of(handle, 0, LEAF)) / 2.0;
    ["level_0", "level_3", "level_6"].map(|name| (name, both(all))).into()
}

fn deep(handle: &Handle) -> Truth {
    tree(handle, || ())
}

/// The same, while the sampling rates change all the time.
fn rates(handle: &Handle) -> Truth {
    let mut at = 0_usize;
    let mut next = Instant::now();
    tree(handle, || {
        if Instant::now() >= next {
            next += Duration::from_millis(50);
            at += 1;
            let rate = ["1/1", "1/64", "1/8", "1/512"][at % 4];
            let rate: Option<Rate> = if at.is_multiple_of(5) { None } else { rate.parse().ok() };
            handle.set_sampling(["*level_3", "*level_6", "*"][at % 3], rate);
        }
    })
}

// Lines of characters, as a line counter processes them.

const CHARACTER: u32 = 4;

#[profiled]
#[inline(never)]
fn lines(count: u32) {
    (0..count).for_each(line);
}

#[profiled]
#[inline(never)]
fn line(_: u32) {
    (0..80).for_each(|_| character());
}

#[profiled]
#[inline(never)]
fn character() {
    black_box(spin(CHARACTER));
}

fn tiny(handle: &Handle) -> Truth {
    let once = || (bare(handle, || lines(1_000)), seconds_of(handle, 0, CHARACTER));
    let before = once();
    let mut times = 0.0;
    until_over(|| {
        lines(1_000);
        times += 1.0;
        worked(1);
    });
    let after = once();
    let all = times * (before.0 + after.0) / 2.0;
    let characters = times * 80_000.0 * (before.1 + after.1) / 2.0;
    [("lines", both(all)), ("character", both(characters))].into()
}

// Durations from a microsecond to ten milliseconds.

static QUERY: Stopwatch = Stopwatch::new("query");

#[profiled]
fn query(steps: u32) {
    black_box(spin(steps));
    row();
}

#[profiled]
#[inline(never)]
fn row() {
    black_box(spin(20));
}

fn tails(_: &Handle) -> Truth {
    QUERY.register();
    thread::scope(|scope| {
        for seed in 1..=2_u64 {
            scope.spawn(move || {
                let (mut random, mut laps) = (Random(seed * 0x9e37_79b9), QUERY.of_thread());
                until_over(|| {
                    let unit = (random.next() >> 11) as f64 / (1_u64 << 53) as f64;
                    let steps = (600.0 / unit.max(1e-4).powf(0.9)) as u32;
                    laps.time(|| query(steps));
                    worked(u64::from(steps) + 20);
                });
            });
        }
    });
    timed()
}

// More threads than processors.

static APPLY: Stopwatch = Stopwatch::new("apply");

#[profiled]
fn apply() {
    (0..20).for_each(|_| frame());
}

#[profiled]
#[inline(never)]
fn frame() {
    (0..10).for_each(|_| small());
}

#[profiled]
#[inline(never)]
fn small() {
    black_box(spin(30));
}

fn preempted(handle: &Handle) -> Truth {
    let once =
        || [bare_beside(handle, 1, apply), bare_beside(handle, 1, frame) * 20.0, seconds_of(handle, 1, 30) * 200.0];
    let before = once();
    let times = AtomicU64::new(0);
    APPLY.register();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut laps = APPLY.of_thread();
                until_over(|| {
                    laps.time(apply);
                    times.fetch_add(1, Relaxed);
                    worked(1);
                });
            });
        }
    });
    let after = once();
    let times = times.load(Relaxed) as f64;
    let real = |at: usize| cpu(times * (before[at] + after[at]) / 2.0);
    let apply = timed().remove("apply").unwrap();
    [("apply", Real { cpu: real(0).cpu, ..apply }), ("frame", real(1)), ("small", real(2))].into()
}

// Items on a thread pool.

#[profiled]
fn chunk(items: &[u32]) -> u64 {
    items.iter().map(|item| part(*item)).sum()
}

#[profiled]
#[inline(never)]
fn part(item: u32) -> u64 {
    spin(50 + item % 16)
}

fn parallel(handle: &Handle) -> Truth {
    let items: Vec<u32> = (0..100_000).collect();
    let once = || bare_beside(handle, 1, || _ = black_box(chunk(&items[..500])));
    let before = once();
    let mut times = 0.0;
    until_over(|| {
        let counted = |items| {
            worked(1);
            chunk(items)
        };
        black_box(items.par_chunks(500).map(counted).sum::<u64>());
        times += 200.0;
    });
    let all = times * (before + once()) / 2.0;
    [("chunk", cpu(all))].into()
}

// Requests of clients to a server that runs tasks.

static WRITES: AtomicU64 = AtomicU64::new(0);

#[profiled]
async fn serve_request(steps: u32) {
    black_box(spin(steps));
    tokio::task::yield_now().await;
    handle_command(steps);
}

#[profiled]
fn handle_command(steps: u32) {
    black_box(spin(steps));
    write_frame();
    WRITES.fetch_add(1, Relaxed);
}

#[profiled]
#[inline(never)]
fn write_frame() {
    (0..10).for_each(|_| put());
}

#[profiled]
#[inline(never)]
fn put() {
    black_box(spin(40));
}

fn tasks(handle: &Handle) -> Truth {
    let once = || [bare_beside(handle, 1, write_frame), seconds_of(handle, 1, 40) * 10.0];
    let before = once();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(3).enable_time().build().unwrap();
    let is_over = &*Box::leak(Box::new(AtomicBool::new(false)));
    let clients: Vec<_> = (0..16_u32)
        .map(|client| {
            runtime.spawn(async move {
                while !is_over.load(Relaxed) {
                    let steps = 300 + client * 20;
                    serve_request(steps).await;
                    worked(2 * u64::from(steps) + 400);
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    thread::sleep(time());
    is_over.store(true, Relaxed);
    runtime.block_on(async {
        for client in clients {
            client.await.unwrap();
        }
    });
    let after = once();
    let times = WRITES.load(Relaxed) as f64;
    let real = |at: usize| cpu(times * (before[at] + after[at]) / 2.0);
    [("write_frame", real(0)), ("put", real(1))].into()
}

// Fifty requests a second. Between two requests their data may leave the caches, so the time of a
// hot loop is not the truth. Instead, every other request is timed by the program and not recorded.

static HANDLER: Stopwatch = Stopwatch::new("handler");

#[profiled]
fn handler() {
    load();
    render();
}

#[profiled]
#[inline(never)]
fn load() {
    black_box(spin(100_000));
}

#[profiled]
#[inline(never)]
fn render() {
    (0..100).for_each(|_| small());
}

fn quiet(handle: &Handle) -> Truth {
    HANDLER.register();
    let mut laps = HANDLER.of_thread();
    let mut spent = 0.0;
    until_over(|| {
        handler();
        worked(1);
        thread::sleep(Duration::from_millis(20));
        if is_only_work() {
            return;
        }
        handle.set_recording(false);
        let start = thread_cpu();
        laps.time(handler);
        spent += thread_cpu() - start;
        handle.set_recording(true);
        thread::sleep(Duration::from_millis(20));
    });
    drop(laps);
    let wall = timed().remove("handler").unwrap().wall;
    [("handler", Real { cpu: Some(spent), wall, ..Real::default() })].into()
}

// Steps, some of which wait.

static WAIT: Stopwatch = Stopwatch::new("wait");

#[profiled]
fn step(waits: Option<&mut Laps>) {
    (0..5).for_each(|_| small());
    if let Some(laps) = waits {
        wait(laps);
    }
}

#[profiled]
#[inline(never)]
fn wait(laps: &mut Laps) {
    laps.time(|| thread::sleep(Duration::from_micros(500)));
}

/// Runs steps on four threads until `end`. Returns their number and the CPU seconds that they took.
fn steps(end: Instant) -> (f64, f64) {
    let (times, spent) = (AtomicU64::new(0), AtomicU64::new(0));
    thread::scope(|scope| {
        for seed in 1..=4_u64 {
            let (times, spent) = (&times, &spent);
            scope.spawn(move || {
                let (mut random, mut laps) = (Random(seed * 0x9e37_79b9), WAIT.of_thread());
                let start = thread_cpu();
                while Instant::now() < end {
                    for _ in 0..50 {
                        step((random.next() % 400 == 0).then_some(&mut laps));
                    }
                    times.fetch_add(50, Relaxed);
                    worked(1);
                }
                spent.fetch_add(((thread_cpu() - start) * 1e9) as u64, Relaxed);
            });
        }
    });
    (times.into_inner() as f64, spent.into_inner() as f64 / 1e9)
}

fn blocking(handle: &Handle) -> Truth {
    let once = || {
        if is_only_work() {
            return 0.0;
        }
        handle.set_recording(false);
        let (times, spent) = steps(Instant::now() + time() / 10);
        handle.set_recording(true);
        spent / times
    };
    let before = once();
    WAIT.register();
    let (times, _) = steps(Instant::now() + time());
    let mut truth = timed();
    truth.insert("step", cpu(times * (before + once()) / 2.0));
    truth
}

// A recursive function.

#[profiled]
fn root() {
    black_box(fibonacci(14));
}

#[profiled]
#[inline(never)]
fn fibonacci(n: u32) -> u64 {
    spin(10);
    if n < 2 { 1 } else { fibonacci(n - 1) + fibonacci(n - 2) }
}

fn recursive(handle: &Handle) -> Truth {
    let before = bare(handle, root);
    let mut times = 0.0;
    until_over(|| {
        root();
        times += 1.0;
        worked(1);
    });
    let all = times * (before + bare(handle, root)) / 2.0;
    [("root", both(all)), ("fibonacci", both(all))].into()
}
