//! One scenario a process, named by the argument; under the counted jemalloc.

use std::cell::Cell;
use std::future::Future;
use std::hint::black_box;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::mpsc;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use perf_sdk::snapshot::Calls;
use perf_sdk::{FutureExt as _, Rate};
use perf_sdk_tests::{burn, eventually, function, node, process_cpu, thread_cpu, until};

#[global_allocator]
static ALLOC: perf_sdk::Alloc = perf_sdk::Alloc::new();

fn main() {
    let name = std::env::args().nth(1).unwrap_or_default();
    let scenarios: &[(&str, fn())] = &[
        ("exact_counts", exact_counts),
        ("exact_counts_sampled", exact_counts_sampled),
        ("passed_over", passed_over),
        ("budget", budget),
        ("counters_only_grow", counters_only_grow),
        ("memory_limit", memory_limit),
        ("threads_come_and_go", threads_come_and_go),
        ("names_without_end", names_without_end),
        ("switched_off", switched_off),
        ("recursion", recursion),
        ("deep_recursion", deep_recursion),
        ("fork", fork),
        ("thread_local_destructor", thread_local_destructor),
        ("global_destructor", global_destructor),
        ("signal_handler", signal_handler),
        ("cpu_agrees_with_the_kernel", cpu_agrees_with_the_kernel),
        ("never_returns", never_returns),
        ("free_on_another_thread", free_on_another_thread),
        ("threads_pass_records_on", threads_pass_records_on),
        ("future_over_threads", future_over_threads),
        ("future_polled_elsewhere", future_polled_elsewhere),
        ("futures_within_themselves", futures_within_themselves),
        ("tasks_belong_to_their_spawner", tasks_belong_to_their_spawner),
        ("future_outcomes", future_outcomes),
        ("passed_polls", passed_polls),
        ("sleeping_is_off_cpu", sleeping_is_off_cpu),
        ("allocations", allocations),
        ("panic_while_unwinding", panic_while_unwinding),
        ("recorded_elsewhere", recorded_elsewhere),
        ("exemplars", exemplars),
        ("tracing_layer", tracing_layer),
        ("guards_out_of_order", guards_out_of_order),
    ];
    match scenarios.iter().find(|(known, _)| *known == name) {
        Some((_, scenario)) => scenario(),
        None => panic!("no scenario {name:?}"),
    }
}

/// Recording one call takes no longer, where nothing comes in between: twenty times what an empty
/// one takes here on average.
fn recorder_ns() -> i64 {
    const CALLS: u32 = 1_000;
    let empty = || {
        let start = Instant::now();
        (0..CALLS).for_each(|_| perf_sdk::measure("empty", || ()));
        start.elapsed() / CALLS
    };
    20 * (0..20).map(|_| empty()).min().unwrap_or_default().as_nanos() as i64
}

/// Polls once.
fn poll<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// Pending until the flag is set; each poll spins for a while.
struct Gate<'a> {
    open: &'a AtomicBool,
    spin: Duration,
}

impl Future for Gate<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        spin(self.spin);
        if self.open.load(Relaxed) { Poll::Ready(()) } else { Poll::Pending }
    }
}

fn spin(time: Duration) {
    let start = Instant::now();
    while start.elapsed() < time {
        black_box(0);
    }
}

fn quiet_panics() {
    let said = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if thread::current().name() == Some("main") {
            said(panic);
        }
    }));
}

fn exact_counts() {
    let seen = counted();
    for function in &seen.functions {
        assert_eq!(function.wall.count(), function.calls.total(), "{}", function.name);
        assert_eq!(function.samples, function.calls.total(), "{}", function.name);
    }
}

/// Tells threads to end, also when an assertion fails: the scope waits for them.
struct Done<'a>(&'a AtomicBool);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

/// Whatever is measured, and while that changes.
fn exact_counts_sampled() {
    let handle = perf_sdk::builder().listen("off").report(false).start().expect("a start");
    let rates = ["1/3", "never", "1/64", "10%", "always", "1/4096"].map(|text| text.parse().expect("a rate"));
    let done = AtomicBool::new(false);
    thread::scope(|threads| {
        let done_at_last = Done(&done);
        handle.set_sampling("*", Some(rates[0]));
        threads.spawn(|| {
            for rate in rates.iter().cycle() {
                handle.set_sampling("*", Some(*rate));
                thread::sleep(Duration::from_millis(3));
                if done.load(Relaxed) {
                    break;
                }
            }
        });
        let seen = counted();
        drop(done_at_last);
        for function in &seen.functions {
            assert!(function.samples <= function.calls.total(), "{}", function.name);
        }
        let [samples, calls] = seen.functions.iter().fold([0, 0], |[s, c], f| [s + f.samples, c + f.calls.total()]);
        assert!(samples > 0 && samples < calls, "{samples} of {calls}");
        assert_eq!(seen.profiler.dropped["out_of_order"], 0);
    });
}

/// Calls of every kind on many threads, their counts checked.
fn counted() -> perf_sdk::snapshot::Snapshot {
    const THREADS: u64 = 64;
    const ROUNDS: u64 = 500;
    quiet_panics();

    fn early(n: u64) -> u64 {
        perf_sdk::scope!("early");
        if n.is_multiple_of(3) {
            return 0;
        }
        n
    }
    fn recursive(n: u64) -> u64 {
        perf_sdk::scope!("recursive");
        if n == 0 { 0 } else { 1 + recursive(n - 1) }
    }

    thread::scope(|threads| {
        for _ in 0..THREADS {
            threads.spawn(|| {
                let closed = AtomicBool::new(false);
                for round in 0..ROUNDS {
                    black_box(early(round));
                    recursive(4);
                    let result = catch_unwind(AssertUnwindSafe(|| {
                        perf_sdk::measure("panics", || assert!(round % 5 != 0, "every fifth"));
                    }));
                    assert_eq!(result.is_err(), round % 5 == 0);
                    let mut cancelled = Box::pin(Gate { open: &closed, spin: Duration::ZERO }.profiled("gate"));
                    assert!(poll(cancelled.as_mut()).is_pending());
                }
            });
        }
    });

    let seen = perf_sdk::snapshot();
    let calls = |name| function(&seen, name).calls;
    let all = THREADS * ROUNDS;
    let expected = |ok, error, panic, cancelled| {
        let mut calls = Calls::default();
        (calls.ok, calls.error, calls.panic, calls.cancelled) = (ok, error, panic, cancelled);
        calls
    };
    assert_eq!(calls("early"), expected(all, 0, 0, 0));
    assert_eq!(calls("recursive"), expected(all * 5, 0, 0, 0));
    assert_eq!(calls("panics"), expected(all * 4 / 5, 0, all / 5, 0));
    assert_eq!(calls("gate"), expected(0, 0, 0, all));
    assert_eq!(function(&seen, "gate").future.map(|f| f.polls), Some(all));
    for function in &seen.functions {
        assert_eq!(function.running, 0, "{}", function.name);
    }
    // A machine that takes the processor away for long has the CPU clock miss that, which costs no call.
    let lost = seen.profiler.dropped.iter().filter(|(reason, count)| **count > 0 && *reason != "cpu_clock_miss");
    assert_eq!(lost.count(), 0, "{:?}", seen.profiler.dropped);
    seen
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
            // By another clock.
            assert!(
                function.inclusive.wall_ns <= elapsed + elapsed / 1_000,
                "{name} {:?} {elapsed}",
                function.inclusive
            );
            assert!(function.exclusive.wall_ns >= 5_000_000, "{name} {:?}", function.exclusive);
        }
        let all: i64 = seen.functions.iter().map(|f| f.exclusive.wall_ns).sum();
        // The rest is what recording the callees took, and others that ran meanwhile.
        let recorder = function(&seen, "f").inclusive.wall_ns - all;
        // Each figure is rounded by itself.
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

fn fork() {
    perf_sdk::measure("before", || spin(Duration::from_millis(2)));
    let (send, receive) = mpsc::channel::<()>();
    let other = thread::spawn(move || {
        perf_sdk::measure("other", || while receive.recv().is_ok() {});
    });
    perf_sdk::measure("around", || {
        let child = perf_sdk_tests::fork();
        if child == 0 {
            let passed = catch_unwind(|| {
                let before = thread_cpu();
                for _ in 0..10 {
                    perf_sdk::measure("in_child", || burn(Duration::from_millis(1)));
                }
                let used = (thread_cpu() - before).as_nanos() as i64;
                let seen = perf_sdk::snapshot();
                assert_eq!(function(&seen, "in_child").calls.ok, 10);
                assert!(seen.functions.iter().all(|f| f.name != "before" && f.name != "other"));
                let figures = function(&seen, "in_child").inclusive;
                assert!(figures.wall_ns >= 10_000_000, "{figures:?}");
                assert!((used / 2..=used + used / 100).contains(&figures.cpu_ns), "{figures:?} of {used}");
                assert!(figures.cpu_ns <= figures.wall_ns * 101 / 100, "{figures:?}");
                thread::spawn(|| perf_sdk::measure("in_childs_thread", || ())).join().unwrap_or(());
            });
            perf_sdk_tests::exit_now(i32::from(passed.is_err()));
        }
        assert_eq!(perf_sdk_tests::wait_for(child), 0, "the child failed");
    });
    drop(send);
    assert!(other.join().is_ok());
    let seen = perf_sdk::snapshot();
    assert_eq!(function(&seen, "around").calls.ok, 1);
    assert_eq!(function(&seen, "before").calls.ok, 1);
    assert!(seen.functions.iter().all(|f| f.name != "in_child"));
}

fn thread_local_destructor() {
    struct Late;
    impl Drop for Late {
        fn drop(&mut self) {
            perf_sdk::measure("late", || perf_sdk::measure("inner", || spin(Duration::from_micros(50))));
        }
    }
    thread_local! {
        static FIRST: Late = const { Late };
        static SECOND: Cell<Option<Late>> = const { Cell::new(None) };
    }
    const THREADS: u64 = 50;
    for _ in 0..THREADS {
        let worker = thread::spawn(|| {
            FIRST.with(|_| ());
            perf_sdk::measure("usual", || ());
            SECOND.with(|late| late.set(Some(Late)));
            perf_sdk_tests::at_key_destruction(|| perf_sdk::measure("after_key", || ()));
        });
        assert!(worker.join().is_ok());
    }
    let seen = perf_sdk::snapshot();
    assert_eq!(function(&seen, "late").calls.ok, 2 * THREADS);
    assert_eq!(function(&seen, "inner").calls.ok, 2 * THREADS);
    assert_eq!(function(&seen, "usual").calls.ok, THREADS);
    assert_eq!(function(&seen, "after_key").calls.ok, THREADS);
    assert!(node(&seen, &["late", "inner"]).is_some());
}

fn global_destructor() {
    perf_sdk::measure("usual", || ());
    perf_sdk_tests::at_exit(|| {
        perf_sdk::measure("at_exit", || ());
        let seen = perf_sdk::snapshot();
        if function(&seen, "at_exit").calls.ok != 1 || function(&seen, "usual").calls.ok != 1 {
            perf_sdk_tests::exit_now(3);
        }
        println!("global destructor ran");
    });
}

fn signal_handler() {
    static HANDLED: AtomicU64 = AtomicU64::new(0);
    fn handler() {
        perf_sdk::scope!("in_handler");
        HANDLED.fetch_add(1, Relaxed);
    }
    // Known before the first signal, as a handler's first call ever on a thread needs memory.
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

/// Calls that are counted only: scope, callers, running calls, guards out of order.
fn passed_over() {
    let handle =
        perf_sdk::builder().listen("off").sample("*outer", Rate::NEVER).report(false).start().expect("a start");
    // A first call decides its own fate; the next ones are passed over.
    let outer = || perf_sdk::measure("outer", || perf_sdk::measure("inner", || black_box(1)));
    (0..10).for_each(|_| _ = outer());
    perf_sdk::measure("outer", || {
        let seen = handle.snapshot();
        assert_eq!(function(&seen, "outer").running, 1, "seen while it runs");
        assert_eq!(node(&seen, &["outer", "inner"]).map(|n| n.calls), Some(10), "its callees know their caller");
    });
    let panicked = catch_unwind(AssertUnwindSafe(|| perf_sdk::measure("outer", || -> u8 { panic!("on purpose") })));
    assert!(panicked.is_err());
    let seen = handle.snapshot();
    let outer_now = function(&seen, "outer");
    assert_eq!((outer_now.calls.ok, outer_now.calls.panic, outer_now.samples), (11, 1, 0));
    assert_eq!((function(&seen, "inner").calls.ok, function(&seen, "inner").samples), (10, 10));

    // The outer guard drops first, with a measured and a passed-over call above it.
    fn guards() -> [perf_sdk::__private::Guard; 3] {
        use perf_sdk::__private::{Options, Sample, Site, Source, enter};
        const fn site(name: &'static str, sample: Sample) -> Site {
            let source = Source { name: Some(name), path: || "", ident: name, module: "", file: "", line: 0 };
            Site::new(source, Options { sample, ..Options::DEFAULT })
        }
        static A: Site = site("a", Sample::Never);
        static B: Site = site("b", Sample::Always);
        static C: Site = site("c", Sample::Never);
        [enter(&A), enter(&B), enter(&C)]
    }
    for round in 1..=3 {
        let [a, b, c] = guards();
        match round {
            1 => drop((a, b, c)),
            2 => drop((b, a, c)),
            _ => drop((c, b, a)),
        }
        let seen = handle.snapshot();
        for name in ["a", "b", "c"] {
            let it = function(&seen, name);
            assert_eq!((it.calls.ok, it.running), (round, 0), "{name} in round {round}");
        }
    }
    perf_sdk::measure("afterwards", || ());
    assert_eq!(node(&handle.snapshot(), &["afterwards"]).map(|n| n.calls), Some(1), "nothing is left open");
}

/// A function called millions of times a second gives way, a slow one does not, and afterwards all is as before.
fn budget() {
    let handle = perf_sdk::builder().listen("off").report(false).hot("count").start().expect("a start");
    let (done, calls) = (AtomicBool::new(false), AtomicU64::new(0));
    let one_in = |seen: &perf_sdk::snapshot::Snapshot, name| function(seen, name).one_in;
    thread::scope(|threads| {
        let _done = Done(&done);
        threads.spawn(|| {
            while !done.load(Relaxed) {
                for n in 0..1_000_u64 {
                    perf_sdk::measure("hot", || black_box(n));
                }
                calls.fetch_add(1_000, Relaxed);
            }
        });
        threads.spawn(|| {
            while !done.load(Relaxed) {
                perf_sdk::measure("slow", || spin(Duration::from_millis(2)));
            }
        });
        let (start, cpu) = (Instant::now(), process_cpu());
        let kept = loop {
            thread::sleep(Duration::from_millis(100));
            let seen = handle.snapshot();
            let now = seen.profiler.budget.unwrap_or_default();
            // Slow calls cost next to nothing, and stay measured. Where others take the processors, the budget is a share of less, and asking for
            // CPU time after each absence from them is dear: then they give way too, and far less than the hot ones.
            let cores = (process_cpu() - cpu).as_secs_f64() / start.elapsed().as_secs_f64();
            let most = if cores < 1.6 { u32::MAX } else { 1 };
            let rates = [one_in(&seen, "hot"), one_in(&seen, "slow")];
            if rates[0] > 1 && rates[1] <= most.min(rates[0] / 64) && now.achieved - now.floor <= 1.5 * now.allowed {
                break seen;
            }
            assert!(start.elapsed() < perf_sdk_tests::PATIENCE, "{now:?}, hot and slow 1 in {rates:?}");
        };
        let now = kept.profiler.budget.unwrap_or_default();
        // At least a look of 250 ms on two threads, each on a processor for half of it.
        let used_ns = (process_cpu() - cpu).as_nanos() as f64;
        let least_ns = (now.achieved * f64::min(250e6 / 2.0, used_ns / 4.0)) as u64;
        assert!(kept.profiler.overhead_ns >= least_ns, "{} of {now:?}", kept.profiler.overhead_ns);
    });
    let seen = handle.snapshot();
    let hot = function(&seen, "hot");
    assert_eq!(hot.calls.ok, calls.load(Relaxed));
    assert!(hot.samples < hot.calls.ok);
    let share = hot.wall.count() as f64 / hot.calls.ok as f64;
    assert!((0.95..1.05).contains(&share), "the estimate of the calls is {share} of them");
    until("all calls to be measured again", || one_in(&handle.snapshot(), "hot") == 1);
}

/// What a server takes for a counter never shrinks from one scrape to the next, whatever happens to the rates in between.
fn counters_only_grow() {
    use perf_sdk::export::{Exposition, Format};
    const RATES: [&str; 6] = ["100%", "1/64", "never", "10%", "1/4096", "1/2"];
    let handle = perf_sdk::builder().listen("off").report(false).budget("off").start().expect("a start");
    let done = AtomicBool::new(false);
    thread::scope(|threads| {
        let _done = Done(&done);
        for seed in 0..2_u64 {
            let done = &done;
            threads.spawn(move || {
                let mut at = seed;
                while !done.load(Relaxed) {
                    at += 1;
                    perf_sdk::measure("parent", || {
                        perf_sdk::measure("constant", || black_box(1));
                        let turns = if at.is_multiple_of(10) { 2_000 } else { 10 };
                        perf_sdk::measure("bimodal", || (0..turns).for_each(|n| _ = black_box(n)));
                        if at.is_multiple_of(8) {
                            perf_sdk::measure("allocates", || drop(black_box(vec![0_u8; at as usize % 3_000])));
                        }
                    });
                }
            });
        }
        let exposition = Exposition::new();
        let mut before: std::collections::HashMap<String, f64> = std::collections::HashMap::new();
        let mut grown = 0_u64;
        for scrape in 0.. {
            if scrape >= 200 && grown > 2_000 {
                break;
            }
            assert!(scrape < 20_000, "{grown} counters grew");
            for (pattern, rate) in [("*", RATES[scrape % 6]), ("*constant", RATES[scrape / 6 % 6])] {
                handle.set_sampling(pattern, Some(rate.parse().expect("a rate")));
            }
            thread::sleep(Duration::from_millis(2));
            let mut text = Vec::new();
            exposition.write(Format::Text, &handle.snapshot(), None, &mut text).expect("room");
            for line in String::from_utf8(text).expect("text").lines() {
                let Some((series, value)) = line.rsplit_once(' ').filter(|_| !line.starts_with('#')) else { continue };
                let name = series.split('{').next().unwrap_or_default();
                if !["_total", "_bucket", "_sum", "_count"].iter().any(|suffix| name.ends_with(suffix)) {
                    continue;
                }
                let value: f64 = value.parse().expect("a number");
                let was = before.insert(series.to_owned(), value).unwrap_or(0.0);
                assert!(value >= was, "scrape {scrape}: {series} fell from {was} to {value}");
                grown += u64::from(value > was);
            }
        }
    });
}

/// Beyond the limit threads share: no call is lost, and the recorder holds no more than it may.
fn memory_limit() {
    // As many as have room with the sampler of stacks, which holds a megabyte.
    const NAMES: usize = 1_200;
    const THREADS: usize = 8;
    const ROUNDS: u64 = 3;
    let handle = perf_sdk::builder().listen("off").report(false).budget("off").memory("8MiB").start().expect("a start");
    let names: Vec<&'static str> = (0..NAMES).map(|n| &*format!("function {n}").leak()).collect();
    // All have a record before one has taken all the memory.
    let all_here = std::sync::Barrier::new(THREADS);
    thread::scope(|threads| {
        for _ in 0..THREADS {
            threads.spawn(|| {
                perf_sdk::measure("waits", || all_here.wait());
                for _ in 0..ROUNDS {
                    for pair in names.chunks_exact(2) {
                        perf_sdk::measure(pair[0], || perf_sdk::measure(pair[1], || black_box(vec![0_u8; 10])));
                    }
                    perf_sdk::record("recorded", Duration::from_micros(5), perf_sdk::Outcome::Error);
                    assert!(poll(pin!(async {}.profiled(names[NAMES - 1]))).is_ready());
                    let panics =
                        || perf_sdk::measure(names[NAMES - 2], || std::panic::resume_unwind(Box::new("planned")));
                    assert!(catch_unwind(panics).is_err());
                }
                // What is open when a scope ends in the wrong order, and what is still running.
                perf_sdk::measure(names[7], || {
                    let running: u64 = handle.snapshot().functions.iter().map(|function| function.running).sum();
                    assert!(running >= 1, "{running}");
                });
            });
        }
    });
    let seen = handle.snapshot();
    let each = THREADS as u64 * ROUNDS;
    let dropped = |reason: &str| seen.profiler.dropped.get(reason).copied().unwrap_or(0);
    for (at, name) in names.iter().enumerate() {
        let function = function(&seen, name);
        let more = if at == 7 { THREADS as u64 } else { 0 };
        let ok = each + more + if at == NAMES - 1 { each } else { 0 };
        let panic = if at == NAMES - 2 { each } else { 0 };
        assert_eq!((function.calls.ok, function.calls.panic), (ok, panic), "{name}");
        assert_eq!(function.running, 0, "{name}");
        // Of a future that is counted only there is no duration.
        let durations = function.wall.count();
        assert!(durations == function.calls.total() || (at == NAMES - 1 && durations >= ok - each), "{function:?}");
    }
    assert_eq!(function(&seen, "recorded").calls.error, each);
    let outermost = function(&seen, names[2]);
    assert!(outermost.bytes.as_ref().is_some_and(|bytes| bytes.sum() == each * 10), "{outermost:?}");
    assert!(seen.profiler.memory_bytes <= 8 << 20, "{}", seen.profiler.memory_bytes);
    assert!(dropped("shared") > 1_000 && dropped("memory") == 0, "{:?}", seen.profiler.dropped);
    // The tree holds all the time there was: under nobody, what has no place is the overflow entry's.
    assert!(node(&seen, &["(other)"]).is_some_and(|other| other.inclusive.wall_ns > 0));
}

/// A record is handed over when its thread has really ended, which joining does not wait for.
fn until_threads_ended() {
    until("threads to end", || perf_sdk::snapshot().profiler.threads == 0);
}

/// Records pass from thread to thread.
fn threads_come_and_go() {
    // Durations would lie in other octaves on a machine that is busy with others, and take memory;
    // how many threads the sampler of stacks meets while they live depends on the machine too.
    let _handle =
        perf_sdk::builder().listen("off").report(false).budget("off").stacks("off").sample("*", Rate::NEVER).start();
    const THREADS: u64 = 1_000;
    const ROUNDS: u64 = 10;
    let round = || {
        let barrier = std::sync::Barrier::new(THREADS as usize);
        thread::scope(|threads| {
            for _ in 0..THREADS {
                let work = || {
                    perf_sdk::measure("outer", || perf_sdk::measure("inner", || ()));
                    perf_sdk::record("recorded", Duration::from_micros(5), perf_sdk::Outcome::Ok);
                    barrier.wait();
                };
                thread::Builder::new().stack_size(256 << 10).spawn_scoped(threads, work).expect("a thread");
            }
        });
        until_threads_ended();
    };
    round();
    let first = perf_sdk::snapshot().profiler.memory_bytes;
    (1..ROUNDS).for_each(|_| round());
    let seen = perf_sdk::snapshot();
    // A record that sees durations in another octave for the first time may take a further chunk, of 32 KiB; a thousand would be 32 MiB.
    let growth = seen.profiler.memory_bytes.saturating_sub(first);
    assert!(growth <= 8 * (32 << 10), "{growth} bytes more than after the first round");
    for name in ["outer", "inner", "recorded"] {
        assert_eq!(function(&seen, name).calls.ok, THREADS * ROUNDS);
    }
    assert_eq!(seen.profiler.dropped.values().sum::<u64>(), 0, "{:?}", seen.profiler.dropped);
}

/// Names made from data end as one.
fn names_without_end() {
    for n in 0..10_500 {
        perf_sdk::measure(format!("name {n}").leak(), || ());
    }
    let seen = perf_sdk::snapshot();
    assert!((10_000..=10_001).contains(&seen.functions.len()), "{}", seen.functions.len());
    let other = function(&seen, "(other)").calls.ok;
    assert_eq!(seen.functions.iter().map(|function| function.calls.ok).sum::<u64>(), 10_500);
    assert_eq!((other, seen.profiler.dropped["names"]), (other, other));
    assert!(other >= 500, "{other}");
}

/// `PERF_ENABLED=0` in the environment: nothing is recorded until the handle says so; what is open then ends as it began.
fn switched_off() {
    let handle = perf_sdk::builder().listen("off").report(false).start().expect("a start");
    assert!(!handle.is_recording());
    let ready = || async {}.profiled("future");
    let work = || {
        perf_sdk::measure("call", || {
            perf_sdk::scope!("inner");
        });
        perf_sdk::record("elsewhere", Duration::from_millis(1), perf_sdk::Outcome::Ok);
        assert!(poll(std::pin::pin!(ready())).is_ready());
    };
    work();
    let held = black_box(vec![1_u8; 64 << 20]);
    let seen = handle.snapshot();
    assert!(seen.functions.is_empty());
    assert_eq!((seen.profiler.heap.as_str(), seen.heap.map(|heap| heap.unowned.allocated_bytes)), ("off", Some(0)));
    handle.set_recording(true);
    drop(black_box(vec![1_u8; 64 << 20]));
    let seen = handle.snapshot();
    assert_eq!(seen.profiler.heap, "on");
    assert!(seen.heap.is_some_and(|heap| heap.unowned.allocated_bytes >= 64 << 20));
    drop(held);
    work();
    perf_sdk::measure("open", || {
        handle.set_recording(false);
        work();
    });
    let seen = handle.snapshot();
    for name in ["call", "inner", "elsewhere", "future", "open"] {
        assert_eq!((function(&seen, name).calls.ok, function(&seen, name).running), (1, 0), "{name}");
    }
}

/// The first call of all calibrates and tests the clocks, which takes milliseconds that belong to no call.
fn warm_up() {
    perf_sdk::measure("warm_up", || ());
}

fn cpu_agrees_with_the_kernel() {
    warm_up();
    let before = perf_sdk_tests::process_cpu();
    thread::scope(|threads| {
        for _ in 0..6 {
            threads.spawn(|| {
                perf_sdk::scope!("worker");
                for _ in 0..200 {
                    perf_sdk::measure("spins", || burn(Duration::from_micros(700)));
                }
            });
        }
    });
    let used = (perf_sdk_tests::process_cpu() - before).as_nanos() as f64;
    let seen = perf_sdk::snapshot();
    let worker = function(&seen, "worker");
    let ratio = worker.inclusive.cpu_ns as f64 / used;
    assert!((0.99..1.01).contains(&ratio), "worker: {ratio} with {}", seen.profiler.cpu_clock);
    let spins = function(&seen, "spins").inclusive.cpu_ns as f64 / used;
    assert!((0.96..1.02).contains(&spins), "spins: {spins} with {}", seen.profiler.cpu_clock);
    println!("{} {ratio:.4} {spins:.4}", seen.profiler.cpu_clock);
}

fn never_returns() {
    thread::spawn(|| {
        perf_sdk::scope!("server_loop");
        loop {
            perf_sdk::measure("request", || thread::sleep(Duration::from_millis(2)));
        }
    });
    until("the loop", || perf_sdk::snapshot().functions.iter().any(|function| function.name == "request"));
    // When it was taken lies between these.
    let taken = || (Instant::now(), perf_sdk::snapshot(), Instant::now());
    let (first_from, first, first_to) = taken();
    thread::sleep(Duration::from_millis(200));
    let (second_from, second, second_to) = taken();
    let (before, after) = (function(&first, "server_loop"), function(&second, "server_loop"));
    assert_eq!((after.running, after.calls.total()), (1, 0));
    // By another clock.
    let [least, most] = [(second_from - first_to) * 999 / 1_000, (second_to - first_from) * 1_001 / 1_000];
    let real = least.as_nanos() as i64..=most.as_nanos() as i64;
    let grown = after.inclusive.wall_ns - before.inclusive.wall_ns;
    assert!(real.contains(&grown), "{grown} of {real:?}");
    let window = second.subtract(&first);
    let windowed = function(&window, "server_loop").inclusive.wall_ns;
    assert!(real.contains(&windowed), "only the part inside the window: {windowed} of {real:?}");
    // What is read of the two is not of one moment, and the loop may be off the CPU between two
    // requests.
    eventually(|| {
        let seen = perf_sdk::snapshot();
        let (server, request) = (function(&seen, "server_loop"), function(&seen, "request"));
        let (own, whole) = (server.exclusive.wall_ns.abs(), server.inclusive.wall_ns);
        let is_so = own < whole / 5 && request.inclusive.wall_ns <= whole + 3_000_000;
        if is_so { Ok(()) } else { Err(format!("{:?} {:?}", server.exclusive, request.inclusive)) }
    });
}

fn free_on_another_thread() {
    let (send, receive) = mpsc::sync_channel::<Vec<u8>>(1);
    let consumer = thread::spawn(move || {
        perf_sdk::measure("consume", || {
            for block in receive {
                drop(black_box(block));
            }
        });
    });
    perf_sdk::measure("produce", || {
        for _ in 0..100 {
            assert!(send.send(black_box(vec![1u8; 10_000])).is_ok());
        }
        drop(send);
    });
    assert!(consumer.join().is_ok());
    let seen = perf_sdk::snapshot();
    let (produce, consume) = (function(&seen, "produce").inclusive, function(&seen, "consume").inclusive);
    assert!(produce.allocated_bytes >= 1_000_000, "{produce:?}");
    assert!(consume.freed_bytes >= 1_000_000, "{consume:?}");
    assert!(produce.freed_bytes < 100_000 && consume.allocated_bytes < 100_000, "{produce:?} {consume:?}");
}

fn threads_pass_records_on() {
    let round = || {
        thread::scope(|threads| {
            for _ in 0..20 {
                threads.spawn(|| perf_sdk::measure("short", || ()));
            }
        });
        until_threads_ended();
    };
    round();
    round();
    let before = perf_sdk::snapshot();
    for _ in 0..50 {
        round();
    }
    let after = perf_sdk::snapshot();
    assert_eq!(function(&after, "short").calls.ok, 52 * 20, "{:?}", after.profiler);
    assert_eq!(function(&after, "short").wall.count(), 52 * 20);
    let grown = after.profiler.memory_bytes - before.profiler.memory_bytes;
    assert!(grown <= 20 * 65_536, "records are used again: {grown} bytes more");
}

fn future_over_threads() {
    let open = AtomicBool::new(false);
    let gate = Gate { open: &open, spin: Duration::from_millis(5) };
    let mut future = Box::pin(gate.profiled("travels"));
    let first_took = perf_sdk::measure("first_poll", || {
        let start = Instant::now();
        assert!(poll(future.as_mut()).is_pending());
        start.elapsed().as_nanos() as i64
    });
    for _ in 0..3 {
        thread::scope(|threads| {
            threads.spawn(|| assert!(poll(future.as_mut()).is_pending()));
        });
        thread::sleep(Duration::from_millis(10));
    }
    open.store(true, Relaxed);
    thread::scope(|threads| {
        threads.spawn(|| assert!(poll(future.as_mut()).is_ready()));
    });
    drop(future);
    let seen = perf_sdk::snapshot();
    let travels = function(&seen, "travels");
    assert_eq!((travels.calls.ok, travels.calls.cancelled, travels.running), (1, 0, 0));
    let totals = travels.future.unwrap_or_default();
    assert_eq!(totals.polls, 5);
    assert!(totals.busy_ns >= 25_000_000, "{totals:?}");
    assert!(totals.idle_ns >= 30_000_000, "{totals:?}");
    assert!(totals.longest_poll_ns >= 5_000_000);
    let total = travels.wall.sum() as u64;
    assert!(total.abs_diff(totals.busy_ns + totals.idle_ns) < 1_000, "{total} {totals:?}");
    assert!(travels.inclusive.wall_ns as u64 >= 25_000_000, "busy time only: {:?}", travels.inclusive);
    assert!((travels.inclusive.wall_ns as u64) < total, "idle time is left out");
    assert!(node(&seen, &["first_poll", "travels"]).is_some(), "its parent is the scope of its first poll");
    assert!(node(&seen, &["travels"]).is_none());
    // The parent gave up the time of the first poll only.
    let first = function(&seen, "first_poll");
    assert!(first.inclusive.wall_ns >= 5_000_000 && first.exclusive.wall_ns >= 0, "{first:?}");
    let given_up = first.inclusive.wall_ns - first.exclusive.wall_ns;
    // By another clock.
    assert!(given_up >= 5_000_000 && given_up <= first_took + first_took / 1_000, "{first:?}, {first_took}");
}

/// Ten calls of one function and twice ten of two that call each other, each within the one before.
fn futures_within_themselves() {
    type Boxed<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;
    fn own(depth: u32, gate: Gate<'_>) -> Boxed<'_> {
        let inner = move || if depth == 0 { Box::pin(gate) as Boxed<'_> } else { own(depth - 1, gate) };
        Box::pin(async move { inner().await }.profiled("own"))
    }
    fn one(depth: u32, gate: Gate<'_>) -> Boxed<'_> {
        Box::pin(async move { other(depth, gate).await }.profiled("one"))
    }
    fn other(depth: u32, gate: Gate<'_>) -> Boxed<'_> {
        let inner = move || if depth == 0 { Box::pin(gate) as Boxed<'_> } else { one(depth - 1, gate) };
        Box::pin(async move { inner().await }.profiled("other"))
    }
    let open = AtomicBool::new(false);
    let gate = || Gate { open: &open, spin: Duration::from_millis(5) };
    let start = Instant::now();
    let mut futures = [own(9, gate()), one(9, gate())];
    for future in &mut futures {
        assert!(poll(future.as_mut()).is_pending());
    }
    thread::sleep(Duration::from_millis(10));
    open.store(true, Relaxed);
    for future in &mut futures {
        assert!(poll(future.as_mut()).is_ready());
    }
    let took = start.elapsed().as_nanos() as u64;
    let seen = perf_sdk::snapshot();
    for name in ["own", "one", "other"] {
        let function = function(&seen, name);
        let totals = function.future.unwrap_or_default();
        assert_eq!((function.calls.ok, totals.polls), (10, 20), "{name}");
        assert!(totals.busy_ns >= 5_000_000 && totals.idle_ns >= 10_000_000, "{name}: {totals:?}");
        // By another clock.
        assert!(totals.busy_ns + totals.idle_ns <= took + took / 100, "{name}: {totals:?} of {took}");
    }
}

fn future_polled_elsewhere() {
    let open = AtomicBool::new(false);
    let mut future = Box::pin(Gate { open: &open, spin: Duration::from_millis(5) }.profiled("moved"));
    perf_sdk::measure("owner", || {
        spin(Duration::from_millis(2));
        assert!(poll(future.as_mut()).is_pending());
    });
    perf_sdk::measure("stranger", || {
        spin(Duration::from_millis(3));
        for _ in 0..4 {
            assert!(poll(future.as_mut()).is_pending());
        }
    });
    let seen = perf_sdk::snapshot();
    let own = |name| function(&seen, name).exclusive.wall_ns;
    assert!(own("owner") >= 2_000_000 && own("stranger") >= 3_000_000 && own("moved") >= 25_000_000);
    // Nothing is lost and nothing counted twice.
    let inclusive = |name| function(&seen, name).inclusive.wall_ns;
    let difference = own("owner") + own("stranger") + own("moved") - inclusive("owner") - inclusive("stranger");
    assert!(difference.abs() < 10, "{difference}");
}

fn future_outcomes() {
    quiet_panics();
    let open = AtomicBool::new(true);
    let gate = || Gate { open: &open, spin: Duration::ZERO };
    assert!(poll(pin!(gate().profiled("completes"))).is_ready());
    drop(gate().profiled("never_polled"));
    let panics = catch_unwind(|| {
        let _ = poll(pin!(async { panic!("in poll") }.profiled("panics")));
    });
    assert!(panics.is_err());
    open.store(false, Relaxed);
    {
        let mut pending = pin!(gate().profiled("concurrent"));
        assert!(poll(pending.as_mut()).is_pending());
        assert_eq!(function(&perf_sdk::snapshot(), "concurrent").running, 1);
    }
    let seen = perf_sdk::snapshot();
    assert_eq!(function(&seen, "completes").calls.ok, 1);
    assert_eq!(function(&seen, "panics").calls.panic, 1);
    assert_eq!(function(&seen, "panics").calls.total(), 1);
    assert_eq!(function(&seen, "concurrent").calls.cancelled, 1);
    assert_eq!(function(&seen, "concurrent").running, 0);
    assert!(seen.functions.iter().all(|f| f.name != "never_polled"));
}

/// Futures that are counted only: outcomes, polls, callers, callees, polls elsewhere, guards that outlive a poll.
fn passed_polls() {
    quiet_panics();
    let handle =
        perf_sdk::builder().listen("off").sample("*counted*", Rate::NEVER).report(false).start().expect("a start");
    let open = AtomicBool::new(true);
    let gate = || Gate { open: &open, spin: Duration::ZERO };
    // A first call decides its own fate; the next ones are counted only.
    for _ in 0..3 {
        assert!(poll(pin!(gate().profiled("counted"))).is_ready());
    }
    assert_eq!(function(&handle.snapshot(), "counted").samples, 0);
    open.store(false, Relaxed);
    {
        let inner = async {
            perf_sdk::measure("callee", || black_box(1));
            gate().profiled("counted_inner").await;
        };
        let mut outer = pin!(inner.profiled("counted_outer"));
        assert!(perf_sdk::measure("caller", || poll(outer.as_mut())).is_pending());
        let seen = handle.snapshot();
        assert_eq!(function(&seen, "counted_outer").running, 1);
        assert_eq!(
            node(&seen, &["caller", "counted_outer", "callee"]).map(|n| n.calls),
            Some(1),
            "callees know their caller"
        );
        // Polled by another scope than the first time, and at last by none.
        assert!(perf_sdk::measure("elsewhere", || poll(outer.as_mut())).is_pending());
        open.store(true, Relaxed);
        assert!(poll(outer.as_mut()).is_ready());
        let seen = handle.snapshot();
        assert_eq!((function(&seen, "counted_outer").calls.ok, function(&seen, "counted_outer").running), (1, 0));
        assert_eq!(function(&seen, "counted_outer").future.map(|future| future.polls), Some(3));
        assert_eq!(node(&seen, &["caller", "counted_outer", "counted_inner"]).map(|n| n.calls), Some(1));
    }
    open.store(false, Relaxed);
    {
        let mut dropped = pin!(gate().profiled("counted"));
        assert!(poll(dropped.as_mut()).is_pending());
    }
    let panics = catch_unwind(|| {
        let _ = poll(pin!(async { panic!("in poll") }.profiled("counted_panics")));
    });
    assert!(panics.is_err());
    // Guards that outlive the poll: a measured call's and one that is counted only.
    let (kept, rate) = (Cell::new(None), [Rate::ALWAYS, Rate::NEVER]);
    for (round, rate) in (1..).zip(rate) {
        use perf_sdk::__private::{Options, Sample, Site, Source, enter};
        static KEPT: Site = Site::new(
            Source { name: Some("kept"), path: || "", ident: "kept", module: "", file: "", line: 0 },
            Options { sample: Sample::Default, ..Options::DEFAULT },
        );
        handle.set_sampling("kept", Some(rate));
        let leaves = async { kept.set(Some(enter(&KEPT))) };
        assert!(poll(pin!(leaves.profiled("counted_leaves"))).is_ready());
        drop(kept.take());
        let seen = handle.snapshot();
        assert_eq!((function(&seen, "kept").calls.ok, function(&seen, "kept").running), (round, 0), "{rate}");
        assert_eq!(
            (function(&seen, "counted_leaves").calls.ok, function(&seen, "counted_leaves").running),
            (round, 0),
            "{rate}"
        );
    }
    let seen = handle.snapshot();
    assert_eq!((function(&seen, "counted").calls.ok, function(&seen, "counted").calls.cancelled), (3, 1));
    assert_eq!(function(&seen, "counted_panics").calls.panic, 1);
    perf_sdk::measure("afterwards", || ());
    assert_eq!(node(&handle.snapshot(), &["afterwards"]).map(|n| n.calls), Some(1), "nothing is left open");
}

fn sleeping_is_off_cpu() {
    warm_up();
    // The kernel's own figures: of what is called, and with what recording it takes.
    let timed = |sum: &mut Duration, call: &dyn Fn()| {
        let start = thread_cpu();
        call();
        *sum += thread_cpu() - start;
    };
    let (slept, worked) = (Cell::new(Duration::ZERO), Cell::new(Duration::ZERO));
    let within = |name: &'static str, sum: &Cell<Duration>, call: &dyn Fn()| {
        perf_sdk::measure(name, || {
            let mut inner = sum.get();
            timed(&mut inner, call);
            sum.set(inner);
        });
    };
    let (mut all, mut longest) = (Duration::ZERO, Duration::ZERO);
    for _ in 0..20 {
        let before = all;
        timed(&mut all, &|| within("sleeps", &slept, &|| thread::sleep(Duration::from_millis(5))));
        longest = longest.max(all - before);
        timed(&mut all, &|| within("works", &worked, &|| burn(Duration::from_millis(5))));
    }
    let [slept, worked, all, longest] = [slept.get(), worked.get(), all, longest].map(|time| time.as_nanos() as i64);
    let seen = perf_sdk::snapshot();
    let (sleeps, works) = (function(&seen, "sleeps").inclusive, function(&seen, "works").inclusive);
    assert!(sleeps.wall_ns >= 100_000_000 && sleeps.cpu_ns <= all - worked, "{sleeps:?} of {slept}");
    assert!(works.wall_ns >= 100_000_000 && works.cpu_ns <= works.wall_ns + works.wall_ns / 500, "{works:?}");
    let (found, used) = (works.cpu_ns + sleeps.cpu_ns, worked + slept);
    assert!(found >= used - used / 50 && found <= all + all / 50, "{found} of {used}, {all} with recording");
    let cpu = function(&seen, "sleeps").cpu.as_ref().and_then(|cpu| cpu.quantile(0.5)).unwrap_or(f64::MAX);
    assert!(cpu <= longest as f64 * 1.05, "median CPU of a sleep: {cpu} ns, at most {longest}");
}

fn allocations() {
    perf_sdk::measure("allocates", || {
        let mut list: Vec<u64> = black_box(Vec::with_capacity(10));
        list.reserve_exact(20);
        perf_sdk::measure("inner", || drop(black_box(Box::new([0u8; 1_000]))));
        drop(list);
    });
    perf_sdk::measure("quiet", || ());
    let seen = perf_sdk::snapshot();
    assert!(seen.has_allocations);
    let outer = function(&seen, "allocates");
    let figures =
        |t: perf_sdk::snapshot::Totals| (t.allocations, t.allocated_bytes, t.frees, t.freed_bytes, t.reallocations);
    assert_eq!(figures(outer.inclusive), (2, 80 + 160 + 1_000, 2, 80 + 160 + 1_000, 1));
    assert_eq!(figures(outer.exclusive), (1, 80 + 160, 1, 80 + 160, 1));
    assert_eq!(figures(function(&seen, "inner").inclusive), (1, 1_000, 1, 1_000, 0));
    assert_eq!(figures(function(&seen, "quiet").inclusive), (0, 0, 0, 0, 0));
    assert_eq!(function(&seen, "inner").bytes.as_ref().map(|b| (b.count(), b.sum())), Some((1, 1_000)));
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

fn exemplars() {
    thread_local! {
        static TRACE: Cell<u8> = const { Cell::new(0) };
    }
    fn current() -> Option<perf_sdk::TraceContext> {
        let n = TRACE.get();
        // A hook may itself be profiled.
        perf_sdk::measure("hook", || ());
        (n > 0).then_some(perf_sdk::TraceContext { trace_id: [n; 16], span_id: [n; 8] })
    }
    perf_sdk::measure("before", || ());
    perf_sdk::set_trace_hook(current);
    perf_sdk::measure("untraced", || ());
    TRACE.set(7);
    // Far from the second one, also on a machine that takes the processor away.
    let traced = eventually(|| {
        static ATTEMPTS: AtomicU64 = AtomicU64::new(0);
        let name: &'static str = format!("traced {}", ATTEMPTS.fetch_add(1, Relaxed)).leak();
        let start = Instant::now();
        perf_sdk::measure(name, || spin(Duration::from_micros(20)));
        let took = start.elapsed();
        perf_sdk::measure(name, || spin(Duration::from_millis(3)));
        if took < Duration::from_millis(1) { Ok(name) } else { Err(format!("{took:?}")) }
    });
    let open = AtomicBool::new(true);
    assert!(poll(pin!(Gate { open: &open, spin: Duration::ZERO }.profiled("traced_future"))).is_ready());
    let seen = perf_sdk::snapshot();
    assert!(function(&seen, "before").exemplars.is_empty());
    assert!(function(&seen, "untraced").exemplars.is_empty());
    let kept = &function(&seen, traced).exemplars;
    assert_eq!(kept.len(), 2, "one a bucket: {kept:?}");
    assert!(kept.iter().all(|e| e.trace_id == "07".repeat(16) && e.span_id == "07".repeat(8)));
    assert!(kept[0].value_ns >= 20_000 && kept[1].value_ns >= 3_000_000);
    assert_eq!(function(&seen, "traced_future").exemplars.len(), 1);
}

fn tracing_layer() {
    use tracing_subscriber::layer::SubscriberExt as _;

    let subscriber = tracing_subscriber::registry().with(perf_sdk::tracing_layer());
    let most = 3 * recorder_ns();
    tracing::subscriber::with_default(subscriber, || {
        let spans = || {
            for _ in 0..3 {
                let outer = tracing::info_span!("outer_span");
                let _entered = outer.enter();
                tracing::info_span!("inner_span").in_scope(|| spin(Duration::from_millis(2)));
            }
        };
        spans();
        let mut before = perf_sdk::snapshot();
        assert_eq!(function(&before, "outer_span").calls.ok, 3);
        assert_eq!(function(&before, "inner_span").calls.ok, 3);
        // Between the two are the recorder, and others that ran meanwhile.
        eventually(|| {
            spans();
            let now = perf_sdk::snapshot();
            let seen = now.subtract(&before);
            before = now;
            let (outer, inner) = (function(&seen, "outer_span"), function(&seen, "inner_span"));
            assert!(inner.inclusive.wall_ns >= 6_000_000);
            let between = outer.inclusive.wall_ns - outer.exclusive.wall_ns - inner.inclusive.wall_ns;
            if between < most { Ok(()) } else { Err(format!("{between} ns of at most {most}")) }
        });
        let open = AtomicBool::new(false);
        let gate = Gate { open: &open, spin: Duration::from_millis(1) };
        let mut future = pin!(tracing::Instrument::instrument(gate, tracing::info_span!("future_span")));
        assert!(poll(future.as_mut()).is_pending());
        thread::sleep(Duration::from_millis(10));
        open.store(true, Relaxed);
        assert!(poll(future.as_mut()).is_ready());
    });
    let seen = perf_sdk::snapshot();
    assert_eq!(function(&seen, "outer_span").module, "scenario");
    assert!(node(&seen, &["outer_span", "inner_span"]).is_some());
    let future = function(&seen, "future_span").future.unwrap_or_default();
    assert!(future.busy_ns >= 2_000_000 && future.idle_ns >= 10_000_000, "{future:?}");
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

/// Spawned tasks stand beneath who spawned them, with what they call and hold, though that has returned long ago.
fn tasks_belong_to_their_spawner() {
    let handle = perf_sdk::builder().listen("off").report(false).budget("off").heap("4KiB").start().expect("a start");
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build().expect("a runtime");
    async fn work(n: u64) -> Vec<Vec<u8>> {
        tokio::time::sleep(Duration::from_millis(1)).await;
        perf_sdk::measure("inner", || {
            burn(Duration::from_millis(1));
            (0..20).map(|_| vec![n as u8; 50_000]).collect()
        })
    }
    let tasks: Vec<_> = runtime.block_on(async {
        perf_sdk::measure("handler", || {
            perf_sdk::measure("spawner", || (0..20).map(|n| perf_sdk::spawn(work(n))).collect())
        })
    });
    let held: Vec<_> = runtime.block_on(async {
        let mut held = Vec::new();
        for task in tasks {
            held.push(task.await.expect("it ends"));
        }
        held
    });
    let scope = perf_sdk::measure("other spawner", perf_sdk::Scope::current);
    thread::spawn(move || {
        let mut future = pin!(scope.inherit(async { perf_sdk::measure("inner", || ()) }));
        assert!(poll(future.as_mut()).is_ready());
    })
    .join()
    .expect("it ends");
    assert!(poll(pin!(perf_sdk::Scope::current().inherit(async {}))).is_ready(), "outside of all scopes");
    drop(runtime);
    let seen = handle.snapshot();
    let at = |path: &[&str]| node(&seen, path).unwrap_or_else(|| panic!("no {path:?}"));
    assert_eq!(at(&["handler", "spawner", "task"]).calls, 20);
    let inner = at(&["handler", "spawner", "task", "inner"]);
    assert_eq!(inner.calls, 20);
    assert!(inner.inclusive.cpu_ns > 19_000_000, "{inner:?}");
    assert!((15 << 20..25 << 20).contains(&inner.live.bytes), "{inner:?}");
    assert!(at(&["handler", "spawner"]).exclusive.wall_ns >= 0, "it does not pay for its tasks");
    assert_eq!(at(&["other spawner", "task", "inner"]).calls, 1);
    assert_eq!(at(&["task"]).calls, 1);
    assert!(node(&seen, &["inner"]).is_none());
    drop(held);
}
