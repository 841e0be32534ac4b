//! Calls: counts, recursion, panics, guards.

use std::hint::black_box;
use std::panic::catch_unwind;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use perf_sdk_tests::{eventually, function, node, until};

use super::common::{counted, quiet_panics, recorder_ns, spin};

pub(crate) const SCENARIOS: &[(&str, fn())] = &[
    ("exact_counts", exact_counts),
    ("recursion", recursion),
    ("deep_recursion", deep_recursion),
    ("guards_out_of_order", guards_out_of_order),
    ("recorded_elsewhere", recorded_elsewhere),
    ("panic_while_unwinding", panic_while_unwinding),
    ("never_returns", never_returns),
    ("signal_handler", signal_handler),
];

fn exact_counts() {
    let seen = counted();
    for function in &seen.functions {
        assert_eq!(function.wall.count(), function.calls.total(), "{}", function.name);
        assert_eq!(function.samples, function.calls.total(), "{}", function.name);
    }
}

fn recursion() {
    fn f(n: u32) {
        perf_sdk::scope!("f");
        spin(Duration::from_millis(1));
        if n > 0 {
            g(n - 1);
        }
    }
    fn g(n: u32) {
        perf_sdk::scope!("g");
        spin(Duration::from_millis(1));
        if n > 0 {
            f(n - 1);
        }
    }
    let most = 9 * recorder_ns();
    let mut before = perf_sdk::snapshot();
    eventually(|| {
        let start = Instant::now();
        f(9);
        let elapsed = start.elapsed().as_nanos() as i64;
        let now = perf_sdk::snapshot();
        let seen = now.subtract(&before);
        before = now;
        for name in ["f", "g"] {
            let function = function(&seen, name);
            assert_eq!(function.calls.ok, 5);
            assert_eq!(function.wall.count(), 5);
            // A tolerance, because `elapsed` is from another clock.
            assert!(
                function.inclusive.wall_ns <= elapsed + elapsed / 1_000,
                "{name} {:?} {elapsed}",
                function.inclusive
            );
            assert!(function.exclusive.wall_ns >= 5_000_000, "{name} {:?}", function.exclusive);
        }
        let all: i64 = seen.functions.iter().map(|f| f.exclusive.wall_ns).sum();
        // The rest is the cost of recording the callees, and other load on the machine.
        let recorder = function(&seen, "f").inclusive.wall_ns - all;
        // Each figure is rounded on its own.
        assert!(recorder >= -20, "{recorder}");
        if recorder < most { Ok(()) } else { Err(format!("{recorder} ns of at most {most}")) }
    });
}

fn deep_recursion() {
    fn down(n: u32) -> u32 {
        perf_sdk::scope!("down");
        if n == 0 { 0 } else { black_box(down(n - 1) + 1) }
    }
    fn ping(n: u32) -> u32 {
        perf_sdk::scope!("ping");
        if n == 0 { 0 } else { black_box(pong(n - 1) + 1) }
    }
    fn pong(n: u32) -> u32 {
        perf_sdk::scope!("pong");
        if n == 0 { 0 } else { black_box(ping(n - 1) + 1) }
    }
    let start = Instant::now();
    let worker = thread::Builder::new().stack_size(512 << 20).spawn(|| (down(100_000), ping(9_999)));
    assert_eq!(worker.map(|w| w.join().unwrap_or_default()).unwrap_or_default(), (100_000, 9_999));
    let elapsed = start.elapsed().as_nanos() as i64;
    let seen = perf_sdk::snapshot();
    assert_eq!(function(&seen, "down").calls.ok, 100_001);
    assert_eq!(function(&seen, "down").wall.count(), 100_001);
    assert_eq!(function(&seen, "ping").calls.ok + function(&seen, "pong").calls.ok, 10_000);
    for function in &seen.functions {
        assert!(function.inclusive.wall_ns <= elapsed + elapsed / 1_000, "{} {:?}", function.name, function.inclusive);
    }
    assert!(seen.tree.len() <= 300, "the tree is folded: {}", seen.tree.len());
}

fn guards_out_of_order() {
    use perf_sdk::__private::{Options, Site, Source, enter};
    const fn site(name: &'static str) -> Site {
        Site::new(
            Source { name: Some(name), path: || "", ident: name, module: "m", file: "", line: 0 },
            Options::DEFAULT,
        )
    }
    static FIRST: Site = site("first");
    static SECOND: Site = site("second");
    let first = enter(&FIRST);
    let second = enter(&SECOND);
    drop(first);
    drop(second);
    perf_sdk::measure("after", || ());
    let seen = perf_sdk::snapshot();
    assert!(node(&seen, &["after"]).is_some(), "the stack is repaired");
    assert_eq!(function(&seen, "first").calls.ok, 1);
    assert_eq!(function(&seen, "second").calls.ok, 1);
    assert!(seen.profiler.dropped["out_of_order"] >= 1);
    assert!(seen.functions.iter().all(|f| f.running == 0));
}

fn recorded_elsewhere() {
    perf_sdk::measure("outer", || {
        for _ in 0..3 {
            perf_sdk::record("flush", Duration::from_millis(7), perf_sdk::Outcome::Error);
        }
    });
    let seen = perf_sdk::snapshot();
    let flush = function(&seen, "flush");
    assert_eq!((flush.calls.error, flush.calls.total()), (3, 3));
    assert!((flush.inclusive.wall_ns - 21_000_000).abs() < 21_000, "{:?}", flush.inclusive);
    assert!(node(&seen, &["flush"]).is_some());
    assert!(function(&seen, "outer").exclusive.wall_ns >= 0);
    assert!(flush.cpu.is_none() && flush.bytes.is_none());
}

fn panic_while_unwinding() {
    struct Cleanup;
    impl Drop for Cleanup {
        fn drop(&mut self) {
            perf_sdk::measure("cleanup", || ());
        }
    }
    quiet_panics();
    let result = catch_unwind(|| {
        perf_sdk::measure("fails", || {
            let _cleanup = Cleanup;
            panic!("on purpose");
        })
    });
    assert!(result.is_err());
    let seen = perf_sdk::snapshot();
    assert_eq!(function(&seen, "fails").calls.panic, 1);
    assert_eq!(function(&seen, "cleanup").calls.ok, 1, "a call in a destructor ends well while its thread unwinds");
}

fn never_returns() {
    thread::spawn(|| {
        perf_sdk::scope!("server_loop");
        loop {
            perf_sdk::measure("request", || thread::sleep(Duration::from_millis(2)));
        }
    });
    until("the loop", || perf_sdk::snapshot().functions.iter().any(|function| function.name == "request"));
    // The snapshot was taken between these two times.
    let taken = || (Instant::now(), perf_sdk::snapshot(), Instant::now());
    let (first_from, first, first_to) = taken();
    thread::sleep(Duration::from_millis(200));
    let (second_from, second, second_to) = taken();
    let (before, after) = (function(&first, "server_loop"), function(&second, "server_loop"));
    assert_eq!((after.running, after.calls.total()), (1, 0));
    // A tolerance, because these times are from another clock.
    let [least, most] = [(second_from - first_to) * 999 / 1_000, (second_to - first_from) * 1_001 / 1_000];
    let real = least.as_nanos() as i64..=most.as_nanos() as i64;
    let grown = after.inclusive.wall_ns - before.inclusive.wall_ns;
    assert!(real.contains(&grown), "{grown} of {real:?}");
    let window = second.subtract(&first);
    let windowed = function(&window, "server_loop").inclusive.wall_ns;
    assert!(real.contains(&windowed), "only the part inside the window: {windowed} of {real:?}");
    // The figures of the two functions are not read at the same moment, and the loop may be off the
    // CPU between two requests.
    eventually(|| {
        let seen = perf_sdk::snapshot();
        let (server, request) = (function(&seen, "server_loop"), function(&seen, "request"));
        let (own, whole) = (server.exclusive.wall_ns.abs(), server.inclusive.wall_ns);
        let is_so = own < whole / 5 && request.inclusive.wall_ns <= whole + 3_000_000;
        if is_so { Ok(()) } else { Err(format!("{:?} {:?}", server.exclusive, request.inclusive)) }
    });
}

fn signal_handler() {
    static HANDLED: AtomicU64 = AtomicU64::new(0);
    fn handler() {
        perf_sdk::scope!("in_handler");
        HANDLED.fetch_add(1, Relaxed);
    }
    // The handler's site is registered before the first signal, because a handler's first call ever
    // on a thread needs memory.
    handler();
    perf_sdk_tests::on_timer(Duration::from_micros(500), handler);
    let start = Instant::now();
    let mut calls = 0;
    while HANDLED.load(Relaxed) < 1_000 {
        assert!(start.elapsed() < perf_sdk_tests::PATIENCE, "{} signals", HANDLED.load(Relaxed));
        perf_sdk::measure("interrupted", || drop(black_box(vec![0u8; 100])));
        calls += 1;
    }
    perf_sdk_tests::stop_timer();
    let seen = perf_sdk::snapshot();
    assert_eq!(function(&seen, "interrupted").calls.ok, calls);
    assert_eq!(function(&seen, "interrupted").wall.count(), calls);
    let handled = HANDLED.load(Relaxed);
    let recorded = function(&seen, "in_handler").calls.ok;
    assert_eq!(recorded + seen.profiler.dropped["reentered"], handled);
}
