//! Stack samples under musl: `perf-sdk-musl whole`, or `bare` for a program without `.debug_frame`.
//!
//! Exits with 1 and prints the reason unless every stack is as expected.

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use perf_sdk::snapshot::{CpuProfile, SampledStack};

#[cfg(feature = "jemalloc")]
#[global_allocator]
static ALLOCATOR: perf_sdk::Alloc = perf_sdk::Alloc::new();

/// Number of complete stacks to collect for each thread.
const WANTED: u64 = 40;
const PATIENCE: Duration = Duration::from_secs(180);

static STOP: AtomicBool = AtomicBool::new(false);
static CALLS: AtomicU64 = AtomicU64::new(0);

/// Runs in Rust code, in the C library, in the kernel, and in the vDSO (the library that the kernel
/// provides).
#[inline(never)]
fn work() {
    let start = Instant::now();
    let mut sum = 1_u64;
    while start.elapsed() < Duration::from_millis(1) {
        (0..2_000_u64).for_each(|n| sum = black_box(sum.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(n)));
    }
    for _ in 0..20 {
        drop(black_box(vec![1_u8; 200_000]));
        let _ = black_box(std::fs::metadata("/"));
    }
}

#[perf_sdk::profiled]
fn busy() {
    CALLS.fetch_add(1, Relaxed);
    work();
}

fn work_until_stopped() {
    while !STOP.load(Relaxed) {
        busy();
    }
}

/// Names at each address of the stack, innermost first; those of inlined calls with a space
/// between.
fn names(profile: &CpuProfile, stack: &SampledStack) -> Vec<String> {
    let name = |address: &u32| {
        let address = &profile.code.addresses[*address as usize];
        let lines: Vec<&str> = address.lines.iter().map(|line| line.function.as_str()).collect();
        if lines.is_empty() { profile.code.place(address) } else { lines.join(" ") }
    };
    stack.addresses.iter().map(name).collect()
}

/// The fault in a stack of `busy`, if there is one.
fn fault(names: &[String], is_cut: bool, thread: &str) -> Option<&'static str> {
    if names.iter().any(|name| name.starts_with("0x")) {
        return Some("a frame outside of any code");
    }
    if is_cut {
        // For a function without unwind information, only its own frame is known. The vDSO has
        // unwind information: it leads to the calling function of the C library.
        let of_kernel = names.iter().take_while(|name| name.starts_with("linux-vdso")).count();
        return (names.len() > of_kernel + 1).then_some("cut off");
    }
    let [.., first, _] = names else { return Some("too short") };
    if !names.iter().any(|name| name.contains("busy")) {
        return Some("without the profiled function");
    }
    let expected = if thread == "worker" { "thread_start" } else { "main" };
    (!first.ends_with(expected)).then_some("another outermost function")
}

fn main() {
    let is_whole = match std::env::args().nth(1).as_deref() {
        Some("whole") => true,
        Some("bare") => false,
        other => panic!("{other:?}: whole or bare"),
    };
    let handle = perf_sdk::builder().listen("off").report(false).budget("off").start().unwrap();
    println!("{}", handle.snapshot().profiler.stacks);
    let worker = thread::Builder::new().name("worker".into()).spawn(work_until_stopped).unwrap();
    let looker = thread::spawn(move || look(is_whole));
    work_until_stopped();
    worker.join().unwrap();
    let faults = looker.join().unwrap();
    let snapshot = handle.snapshot();
    let counted = snapshot.functions.iter().find(|function| function.name == "busy").map(|busy| busy.calls.ok);
    assert_eq!(counted, Some(CALLS.load(Relaxed)), "calls");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Takes profiles until there are enough stacks. Returns the faults.
fn look(is_whole: bool) -> Vec<String> {
    let start = Instant::now();
    loop {
        thread::sleep(Duration::from_millis(200));
        let profile = CpuProfile::take().expect("stacks are sampled");
        let (mut faults, mut complete, mut short) = (Vec::new(), [0, 0], 0);
        for stack in profile.stacks.iter().filter(|stack| stack.scope.iter().any(|scope| scope.name == "busy")) {
            let names = names(&profile, stack);
            let is_worker = usize::from(stack.thread == "worker");
            *(if stack.is_cut { &mut short } else { &mut complete[is_worker] }) += stack.samples;
            let fault = fault(&names, stack.is_cut, &stack.thread);
            faults.extend(
                fault.map(|fault| format!("{fault}: {} {}: {}", stack.samples, stack.thread, names.join(" < "))),
            );
        }
        let is_enough = complete.iter().all(|samples| *samples >= WANTED);
        if is_enough || !faults.is_empty() || start.elapsed() > PATIENCE {
            STOP.store(true, Relaxed);
            println!(
                "complete, of main and worker: {complete:?}; of one frame: {short}, before stacks were known: {}",
                profile.leaf_only
            );
            if !is_enough {
                faults.push(format!("{complete:?} complete stacks"));
            }
            if is_whole && short > profile.leaf_only {
                faults.push(format!("{short} stacks of one frame"));
            }
            return faults;
        }
    }
}
