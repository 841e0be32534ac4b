//! A service of a fleet: `fleet SCENARIO`, with settings from the environment. It has busy threads
//! and holds memory.

use std::hint::black_box;
use std::io::{Read as _, Write as _};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use perf_sdk::snapshot::{CpuProfile, SampledStack};
use perf_sdk::sync::Mutex;
use perf_sdk::{Handle, profiled};
use perf_sdk_tests::{exit_now, fork, function, switches, thread_cpu, until, wait_for};

#[global_allocator]
static ALLOCATOR: perf_sdk::Alloc = perf_sdk::Alloc::new();

static STOP: AtomicBool = AtomicBool::new(false);

/// CPU time of the thread in [`busy`], in nanoseconds.
static BUSY_NS: AtomicU64 = AtomicU64::new(0);

fn main() {
    match std::env::args().nth(1).unwrap_or_default().as_str() {
        "serve" => serve(),
        "deliver" => deliver(),
        "fork" => forked(),
        scenario => panic!("no scenario {scenario:?}"),
    }
}

fn start() -> Handle {
    // Without a budget, which would reduce the number of samples on a loaded machine.
    let builder = perf_sdk::builder().listen("127.0.0.1:0").report(false).heap("4KiB").budget("off");
    let handle = builder.start().unwrap();
    say(&format!("address {}", handle.address().unwrap()));
    // The distance to the thread's next sample was drawn at jemalloc's initial rate. This
    // allocation is longer than that.
    drop(black_box(Vec::<u8>::with_capacity(64 << 20)));
    handle
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").unwrap();
    out.flush().unwrap();
}

#[profiled]
fn busy() -> u64 {
    let mut sum = 1_u64;
    while !STOP.load(Relaxed) {
        // Some of the time, since tests that wait run beside each other.
        let start = thread_cpu();
        while thread_cpu() - start < Duration::from_millis(3) {
            for n in 0..2_000_u64 {
                sum = black_box(sum.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(n));
            }
            BUSY_NS.store(thread_cpu().as_nanos() as u64, Relaxed);
        }
        thread::sleep(Duration::from_millis(7));
    }
    sum
}

#[profiled]
fn keep() -> Vec<Vec<u8>> {
    metrics::counter!("kept_total").increment(100);
    (0..100).map(|_| vec![1; 64 << 10]).collect()
}

static SHARED: Mutex<u64> = Mutex::new(0);

/// One of the two threads always waits for the lock that the other one holds.
#[profiled]
fn contend() {
    while !STOP.load(Relaxed) {
        let mut shared = SHARED.lock().unwrap();
        *shared += 1;
        thread::sleep(Duration::from_millis(5));
    }
}

/// Runs `until` beside one busy thread and two that contend, and with memory held.
fn beside(until: impl FnOnce()) {
    let kept = keep();
    let busy = thread::spawn(busy);
    let others = [0, 1].map(|_| thread::spawn(contend));
    until();
    STOP.store(true, Relaxed);
    busy.join().unwrap();
    others.into_iter().for_each(|thread| thread.join().unwrap());
    drop(kept);
}

fn until_told() {
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
}

/// Runs until standard input ends.
fn serve() {
    let _handle = start();
    beside(until_told);
}

fn tell(handle: &Handle) {
    for delivery in handle.snapshot().profiler.deliveries {
        let counts = format!("{} {} {}", delivery.ok, delivery.failed, delivery.waiting);
        say(&format!("{} {counts} {} | {}", delivery.by, delivery.to, delivery.last_error));
    }
}

/// Prints the CPU time of the busy thread, and that of its samples. The thread must have ended.
fn tell_sampled(before_ns: u64) {
    let profile = CpuProfile::take().unwrap();
    let is_busy = |stack: &&SampledStack| {
        let mut lines = stack.addresses.iter().flat_map(|address| &profile.code.addresses[*address as usize].lines);
        stack.scope.last().is_some_and(|scope| scope.name == "busy") || lines.any(|line| line.function == "fleet::busy")
    };
    let busy = profile.stacks.iter().filter(is_busy);
    let [samples, ns] = busy.fold([0, 0], |[samples, ns], stack| [samples + stack.samples, ns + stack.time_ns]);
    say(&format!("sampled {samples} {ns}"));
    say(&format!("used {before_ns} {}", BUSY_NS.load(Relaxed)));
}

/// The CPU time of the busy thread when its first sample was seen.
fn until_sampled(handle: &Handle) -> u64 {
    let samples = || {
        let seen = handle.snapshot();
        let is_there = seen.functions.iter().any(|function| function.name == "busy");
        if is_there { function(&seen, "busy").stack_samples } else { 0 }
    };
    until("a sample of the busy thread", || samples() > 0);
    BUSY_NS.load(Relaxed)
}

/// Runs until standard input ends. Prints how long the shutdown took, and the counts of deliveries.
fn deliver() {
    let handle = start();
    let mut before_ns = 0;
    beside(|| {
        before_ns = until_sampled(&handle);
        until_told();
    });
    tell(&handle);
    tell_sampled(before_ns);
    let ends = Instant::now();
    drop(handle);
    say(&format!("ended {}", ends.elapsed().as_millis()));
    // Reads the final figures by another handle, which delivers nothing. SAFETY: there is no other
    // thread.
    unsafe {
        std::env::remove_var("PERF_PUSH");
        std::env::remove_var("PERF_OTLP");
        std::env::remove_var("PERF_PROFILES");
    }
    let handle = perf_sdk::builder().listen("off").report(false).start().unwrap();
    say("after");
    tell(&handle);
}

/// Forked children that drop their handle and exit immediately. Only the parent delivers; it runs
/// until standard input ends.
fn forked() {
    let mut handle = Some(start());
    let mut before_ns = 0;
    beside(|| {
        let mut children = Vec::new();
        for _ in 0..5 {
            let child = fork();
            if child == 0 {
                let none = perf_sdk::snapshot().profiler.deliveries.is_empty();
                let before = switches();
                drop(handle.take());
                // Waiting for a thread that does not exist would be one sleep after the other.
                exit_now(if none && switches() - before < 20 { 0 } else { 1 });
            }
            children.push(wait_for(child));
        }
        say(&format!("children {children:?}"));
        before_ns = until_sampled(handle.as_ref().unwrap());
        until_told();
    });
    tell(handle.as_ref().unwrap());
    tell_sampled(before_ns);
    let ends = Instant::now();
    drop(handle);
    say(&format!("ended {}", ends.elapsed().as_millis()));
    say("after");
}
