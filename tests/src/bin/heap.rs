//! Scenarios of the heap, one in each process, named by the argument: who holds which memory, and
//! whether it leaks.

use std::collections::HashMap;
use std::hint::black_box;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use perf_sdk::snapshot::{Function, LeakFinding, LeakSubject, Verdict};
use perf_sdk_tests::{function, live, until};

#[global_allocator]
static ALLOC: perf_sdk::Alloc = perf_sdk::Alloc::new();

fn main() {
    let name = std::env::args().nth(1).unwrap_or_default();
    let scenarios: &[(&str, fn())] = &[
        ("assertions", assertions),
        ("allocator", allocator),
        ("live_heap", live::live_heap),
        ("estimates", live::estimates),
        ("heap_budget", heap_budget),
        ("leaks", leaks),
        ("callback_that_hangs", callback_that_hangs),
        ("counts_that_grow", counts_that_grow),
        ("not_sampled", not_sampled),
        ("who_holds_is_counted", who_holds_is_counted),
    ];
    match scenarios.iter().find(|(known, _)| *known == name) {
        Some((_, scenario)) => scenario(),
        None => panic!("no scenario {name:?}"),
    }
}

/// While a callback hangs, the detector and the budget are evaluated further, and the end of the
/// profiler waits for a limited time only.
fn callback_that_hangs() {
    let (say, hear) = std::sync::mpsc::channel();
    let (_never, told) = std::sync::mpsc::channel::<()>();
    let hangs = Mutex::new((say, told));
    let handle = perf_sdk::builder()
        .listen("off")
        .report(false)
        .heap("4KiB")
        .leak_window("20ms")
        .leak_floor("32KiB")
        .on_leak(move |_| {
            let hangs = hangs.lock().expect("no panic while it is locked");
            let _ = hangs.0.send(());
            let _ = hangs.1.recv();
        })
        .start()
        .expect("a start");
    let (mut sessions, mut n) = (HashMap::new(), 0);
    let start = Instant::now();
    while hear.try_recv().is_err() {
        for _ in 0..20 {
            n += 1;
            forgets(&mut sessions, n);
        }
        assert!(start.elapsed() < perf_sdk_tests::PATIENCE, "no verdict: {:?}", handle.leaks());
        thread::sleep(Duration::from_millis(5));
    }
    let windows = || handle.leaks().map_or(0, |leaks| leaks.windows);
    let account = || handle.snapshot().profiler.overhead_parts;
    let before = (windows(), account());
    while windows() < before.0 + 3 || account() == before.1 {
        assert!(start.elapsed() < perf_sdk_tests::PATIENCE, "{before:?} {:?}", (windows(), account()));
        perf_sdk::measure("works", || black_box(vec![1_u8; 100_000]).iter().map(|byte| u64::from(*byte)).sum::<u64>());
    }
    drop(handle);
}

/// The message of a failed assertion on allocations has their number, their bytes, and their
/// scopes.
fn assertions() {
    let message = |failed: Result<(), Box<dyn std::any::Any + Send>>| -> String {
        *failed.expect_err("it must fail").downcast::<String>().expect("a text")
    };
    let nested = || {
        let outer = perf_sdk::measure("outer", || {
            perf_sdk::measure("inner", || std::mem::forget(black_box(vec![0_u8; 100])));
            black_box(Box::new(7_u32))
        });
        drop(outer);
        black_box(String::from("no scope"));
    };
    nested();
    perf_sdk::assert_allocations(3, nested);
    assert_eq!(perf_sdk::assert_allocations(0, || 5), 5);
    let said = message(catch_unwind(|| perf_sdk::assert_allocations(2, nested)));
    let expected = "expected 2 allocations, counted 3 (112 bytes) on this thread\n  outer → inner: 1 allocations, 100 bytes\n  \
                    outer: 1 allocations, 4 bytes\n  outside of profiled scopes: 1 allocations, 8 bytes";
    assert_eq!(said, expected);
    let said = message(catch_unwind(|| perf_sdk::assert_no_leak(nested)));
    let expected = "kept 100 bytes in 1 blocks on this thread: allocated 112 bytes in 3, freed 12 in 2\n  outer → inner: 1 blocks kept, \
                    100 bytes";
    assert!(said.starts_with(expected), "{said}");
    perf_sdk::assert_no_leak(|| perf_sdk::measure("tidy", || vec![1_u8; 1_000]));
    let kept = std::cell::RefCell::new(Vec::with_capacity(10));
    let said = message(catch_unwind(AssertUnwindSafe(|| {
        perf_sdk::assert_no_leak(|| kept.borrow_mut().push(black_box(vec![1_u8; 10])));
    })));
    assert_eq!(
        said,
        "kept 10 bytes in 1 blocks on this thread: allocated 10 bytes in 1, freed 0 in 0\n  outside of profiled scopes: 1 blocks kept, 10 bytes"
    );
    // As in tests that run in parallel: a thread that ends leaves its record, with its counts, to
    // other threads.
    let on_thread = |work: fn()| std::thread::spawn(work).join();
    let keeps = || perf_sdk::measure("keeps", || std::mem::forget(black_box(vec![0_u8; 30])));
    on_thread(|| {
        (0..5).for_each(|_| perf_sdk::measure("another test", || std::mem::forget(black_box(vec![0_u8; 70]))))
    })
    .unwrap();
    let failed = std::thread::spawn(move || perf_sdk::assert_no_leak(keeps)).join();
    assert_eq!(
        message(failed),
        "kept 30 bytes in 1 blocks on this thread: allocated 30 bytes in 1, freed 0 in 0\n  keeps: 1 blocks kept, 30 bytes"
    );
}

/// jemalloc's own figures follow the memory that the program holds.
fn allocator() {
    const BYTES: u64 = 50 << 20;
    let seen = || perf_sdk::snapshot().allocator.expect("jemalloc is this program's allocator");
    let before = seen();
    let held = black_box(vec![1_u8; BYTES as usize]);
    let during = seen();
    assert!(during.allocated_bytes >= before.allocated_bytes + BYTES, "{during:?}");
    assert!(
        during.resident_bytes >= during.active_bytes && during.active_bytes >= during.allocated_bytes,
        "{during:?}"
    );
    assert!(during.fragmentation_ratio().is_some_and(|ratio| (0.0..0.9).contains(&ratio)), "{during:?}");
    assert!(during.arenas.iter().map(|arena| arena.allocated_bytes).sum::<u64>() >= BYTES, "{during:?}");
    drop(held);
    assert!(seen().allocated_bytes < during.allocated_bytes - BYTES / 2);
}

/// If heap sampling exceeds its share of the budget, the rate is reduced, and each sample
/// represents more. The rate rises again when there is room.
fn heap_budget() {
    let builder = perf_sdk::builder().listen("off").report(false).heap("4KiB").leak_window("off");
    let handle = builder.start().expect("a start");
    let rate = || handle.snapshot().heap.expect("the heap is sampled").sample_bytes;
    let until = |what: &str, wanted: u64, work: &dyn Fn()| {
        let start = Instant::now();
        while rate() != wanted {
            assert!(start.elapsed() < Duration::from_secs(60), "waited for {what}: one in {} bytes", rate());
            work();
        }
    };
    // Work without allocations, because the budget is a share of the CPU time.
    let spin = || {
        let start = Instant::now();
        while start.elapsed() < Duration::from_millis(500) {
            black_box(start);
        }
    };
    // The start itself may have taken more than its share, on a busy machine for long.
    until("the rate that was asked for", 4 << 10, &spin);
    let churn = || (0..2_000).for_each(|n| drop(perf_sdk::measure("churn", || black_box(vec![n as u8; 16 << 10]))));
    until("fewer", 32 << 10, &churn);
    let held: Vec<Vec<u8>> =
        perf_sdk::measure("held", || (0..16_000).map(|n| black_box(vec![n as u8; 16 << 10])).collect());
    let seen = handle.snapshot();
    let live = function(&seen, "held").live.expect("it is sampled").bytes as f64 / f64::from(16_000 * (16 << 10));
    // 6,300 of the blocks are sampled, so the standard error is one percent.
    assert!((0.95..1.05).contains(&live), "{live} of what is held");
    until("more", 4 << 10, &spin);
    drop(held);
}

#[perf_sdk::profiled(bounded = 1 << 30)]
fn fills(cache: &mut HashMap<u64, Vec<u8>>, n: u64) {
    cache.insert(n, vec![2; 500]);
}

#[perf_sdk::profiled]
fn forgets(sessions: &mut HashMap<u64, Vec<u8>>, n: u64) {
    sessions.insert(n, vec![1; 3_000]);
    if !n.wrapping_sub(20).is_multiple_of(50) {
        sessions.remove(&n.wrapping_sub(20));
    }
}

/// A planted leak, a bounded cache, a sawtooth and steady work: only the leak is reported.
fn leaks() {
    let told: Arc<Mutex<Vec<LeakFinding>>> = Arc::default();
    let hear = told.clone();
    let handle = perf_sdk::builder()
        .listen("off")
        .report(false)
        .heap("4KiB")
        .leak_window("20ms")
        .leak_floor("32KiB")
        .on_leak(move |finding| {
            hear.lock().expect("no panic while it is locked").push(finding.clone());
            panic!("a callback that panics changes nothing");
        })
        .start()
        .expect("a start");
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        // Planned panics are not printed.
        if thread::current().name() != Some("perf-sdk-worker") {
            usual(panic);
        }
    }));
    let (mut cache, mut sessions, mut batch) = (HashMap::new(), HashMap::new(), Vec::new());
    let start = Instant::now();
    let (mut n, mut cleared) = (0, 0);
    let confirmed = loop {
        for _ in 0..20 {
            n += 1;
            forgets(&mut sessions, n);
            fills(&mut cache, n);
            perf_sdk::measure("collects", || batch.push(vec![3_u8; 500]));
            perf_sdk::measure("steady", || drop(black_box(vec![4_u8; 2_000])));
        }
        thread::sleep(Duration::from_millis(2));
        let leaks = handle.leaks().unwrap_or_default();
        // A sawtooth in the detector's own time: its blocks live far shorter than the age at which
        // the detector takes a block for old.
        if leaks.windows >= cleared + 5 {
            cleared = leaks.windows;
            batch.clear();
        }
        let confirmed: Vec<LeakFinding> =
            leaks.findings.iter().filter(|finding| finding.verdict == Verdict::Confirmed).cloned().collect();
        if leaks.windows >= 120 {
            assert!(start.elapsed() < 2 * perf_sdk_tests::PATIENCE, "{leaks:?}");
            if !confirmed.is_empty() {
                let bounded: Vec<&LeakFinding> = leaks.findings.iter().filter(|f| f.function == "fills").collect();
                assert!(bounded.iter().all(|finding| finding.verdict == Verdict::Bounded), "{bounded:?}");
                break confirmed;
            }
        }
        assert!(confirmed.iter().all(|finding| finding.function == "forgets"), "{confirmed:?}");
    };
    assert!(confirmed.iter().all(|finding| finding.function == "forgets"), "{confirmed:?}");
    let leak = &confirmed[0];
    assert_eq!((leak.watched, leak.below_bytes), (LeakSubject::Memory, 4096));
    assert_eq!(leak.scopes, ["forgets"]);
    assert!(leak.bytes_per_hour > 0.0 && leak.seconds_to_limit.is_some_and(|seconds| seconds > 0.0), "{leak:?}");
    assert!(leak.evidence.contains("older than") && !leak.ages.is_empty(), "{leak:?}");
    // The callback runs on a thread of its own.
    let told = || told.lock().expect("no panic while it is locked");
    perf_sdk_tests::until("the callback", || told().iter().any(|finding| finding.verdict == Verdict::Confirmed));
    let told = told();
    assert!(told.iter().all(|finding| finding.verdict > Verdict::Bounded), "{told:?}");
    assert_eq!(handle.snapshot().leaks.map(|leaks| leaks.window_ns), Some(20_000_000));
    drop(handle);
    assert_eq!(perf_sdk::snapshot().leaks, None, "the detector has ended");
}

/// The user's own configuration of jemalloc lacks `prof`: there is no live heap, but all other
/// figures exist.
fn not_sampled() {
    let handle = perf_sdk::builder().listen("off").report(false).leak_window("10ms").start().expect("a start");
    let held = perf_sdk::measure("keeps", || vec![1_u8; 10 << 20]);
    while handle.leaks().is_none_or(|leaks| leaks.windows < 3) {
        thread::sleep(Duration::from_millis(5));
    }
    let seen = handle.snapshot();
    assert_eq!(
        (seen.profiler.heap.to_string().as_str(), seen.heap),
        ("jemalloc was configured without prof:true", None)
    );
    assert_eq!(function(&seen, "keeps").live, None);
    assert!(seen.allocator.as_ref().is_some_and(|allocator| allocator.allocated_bytes > 10 << 20));
    assert!(function(&seen, "keeps").bytes.as_ref().is_some_and(|bytes| bytes.sum() >= 10 << 20));
    drop(held);
}

/// Numbers of file descriptors and of open futures that only grow.
fn counts_that_grow() {
    use perf_sdk::FutureExt as _;
    use std::future::Future as _;
    let handle =
        perf_sdk::builder().listen("off").report(false).leak_window("20ms").heap("off").start().expect("a start");
    let (mut files, mut futures) = (Vec::new(), Vec::new());
    let start = Instant::now();
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let found = |watched| {
        let findings = handle.leaks().unwrap_or_default().findings;
        findings.into_iter().find(|finding| finding.watched == watched)
    };
    while found(LeakSubject::FileDescriptors).is_none() || found(LeakSubject::Tasks).is_none() {
        assert!(start.elapsed() < Duration::from_secs(60), "{:?}", handle.leaks());
        // Stays below the usual limit of a process.
        if files.len() < 900 {
            files.push(std::fs::File::open("/dev/null").expect("a file"));
        }
        let mut future = Box::pin(std::future::pending::<()>().profiled("waits"));
        assert!(future.as_mut().poll(&mut context).is_pending());
        futures.push(future);
        thread::sleep(Duration::from_millis(20));
    }
    let tasks = found(LeakSubject::Tasks).expect("it was found above");
    assert_eq!((tasks.verdict, tasks.function.as_str()), (Verdict::Suspect, "waits"));
    assert!(found(LeakSubject::Threads).is_none());
}

#[perf_sdk::profiled]
#[inline(never)]
fn keeps(kept: &mut Vec<String>) {
    kept.push(String::with_capacity(8));
}

#[perf_sdk::profiled(bounded = 1 << 40)]
#[inline(never)]
fn bounded() {
    black_box(());
}

#[perf_sdk::profiled]
#[inline(never)]
fn allocates() {
    drop(black_box(Box::new(1)));
}

/// Counting stops for a function that is called too often (it rests), but not while memory that it
/// allocated is live: that memory would be attributed to its caller.
fn who_holds_is_counted() {
    let handle = perf_sdk::builder()
        .listen("off")
        .heap("4KiB")
        .budget("0.1%")
        .budget_floor("0%")
        .report(false)
        .start()
        .expect("a start");
    let rests = |name| function(&handle.snapshot(), name).rests;
    let mut kept = Vec::new();
    let mut work = || {
        for _ in 0..10_000 {
            keeps(&mut kept);
            bounded();
            allocates();
        }
        if kept.len() > 2_000_000 {
            kept.drain(..1_000_000);
        }
    };
    until("the function that holds nothing to rest, and only that one", || {
        work();
        rests("allocates") && !rests("keeps")
    });
    let from = handle.snapshot();
    let since = || {
        let to = handle.snapshot();
        let since = |figure: fn(&Function) -> u64| figure(function(&to, "keeps")) - figure(function(&from, "keeps"));
        (since(|of| of.calls.total()), since(|of| of.estimated_calls))
    };
    until("many calls to be counted", || {
        work();
        assert!(!rests("bounded"));
        since().0 > 500_000
    });
    let (calls, estimated) = since();
    assert!(estimated < calls / 10, "{estimated} of {calls} estimated");
}
