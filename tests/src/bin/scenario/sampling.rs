//! Sampling rates, and the memory limit of the recorder.

use std::cell::Cell;
use std::hint::black_box;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use perf_sdk::{FutureExt as _, Rate};
use perf_sdk_tests::{function, node, process_cpu, until};

use super::common::{Done, Gate, counted, poll, quiet_panics, spin};

pub(crate) const SCENARIOS: &[(&str, fn())] = &[
    ("exact_counts_sampled", exact_counts_sampled),
    ("skipped_calls", skipped_calls),
    ("skipped_polls", skipped_polls),
    ("budget", budget),
    ("counters_only_grow", counters_only_grow),
    ("memory_limit", memory_limit),
    ("names_without_end", names_without_end),
    ("switched_off", switched_off),
];

/// Counts are exact at any sampling rate, even while the rate changes.
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

/// Skipped calls, which are count-only: their scope, callers, running calls, guards dropped out of
/// order.
fn skipped_calls() {
    let handle =
        perf_sdk::builder().listen("off").sample("*outer", Rate::NEVER).report(false).start().expect("a start");
    // The first call looks up its rate; the next ones are skipped on the fast path.
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

    // The outer guard drops first, with a measured and a skipped call above it.
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

/// Count-only futures: outcomes, polls, callers, callees, polls in other scopes, guards that
/// outlive a poll.
fn skipped_polls() {
    quiet_panics();
    let handle =
        perf_sdk::builder().listen("off").sample("*counted*", Rate::NEVER).report(false).start().expect("a start");
    let open = AtomicBool::new(true);
    let gate = || Gate { open: &open, spin: Duration::ZERO };
    // The first call looks up its rate; the next ones are count-only on the fast path.
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
        // Polled in another scope than the first time, and finally outside of any scope.
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
    // Guards that outlive the poll: of a measured call and of a count-only call.
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

/// The rate of a function that is called millions of times a second is reduced, that of a slow one
/// is not. Afterwards, both are as before.
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
            // Slow calls cost next to nothing, so all are measured. On a loaded machine, the budget
            // is a share of less CPU time, and reading the CPU time after each absence from the CPU
            // is expensive. Then the rate of slow calls is reduced too, but far less than that of
            // the hot ones.
            let cores = (process_cpu() - cpu).as_secs_f64() / start.elapsed().as_secs_f64();
            let most = if cores < 1.6 { u32::MAX } else { 1 };
            let rates = [one_in(&seen, "hot"), one_in(&seen, "slow")];
            if rates[0] > 1 && rates[1] <= most.min(rates[0] / 64) && now.achieved - now.floor <= 1.5 * now.allowed {
                break seen;
            }
            assert!(start.elapsed() < perf_sdk_tests::PATIENCE, "{now:?}, hot and slow 1 in {rates:?}");
        };
        let now = kept.profiler.budget.unwrap_or_default();
        // At least one evaluation of 250 ms on two threads, each on a processor for half of it.
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

/// A counter never decreases from one scrape to the next, however the rates change in between.
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

/// Beyond the memory limit, threads share records: no call is lost, and the recorder stays within
/// the limit.
fn memory_limit() {
    // The maximum that fits beside the stack sampler, which uses a megabyte.
    const NAMES: usize = 1_200;
    const THREADS: usize = 8;
    const ROUNDS: u64 = 3;
    let handle = perf_sdk::builder().listen("off").report(false).budget("off").memory("8MiB").start().expect("a start");
    let names: Vec<&'static str> = (0..NAMES).map(|n| &*format!("function {n}").leak()).collect();
    // All threads have a record before the first one has used all the memory.
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
                // The open calls when a scope ends out of order, and running calls.
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
        // A count-only call of a future has no duration.
        let durations = function.wall.count();
        assert!(durations == function.calls.total() || (at == NAMES - 1 && durations >= ok - each), "{function:?}");
    }
    assert_eq!(function(&seen, "recorded").calls.error, each);
    let outermost = function(&seen, names[2]);
    assert!(outermost.bytes.as_ref().is_some_and(|bytes| bytes.sum() == each * 10), "{outermost:?}");
    assert!(seen.profiler.memory_bytes <= 8 << 20, "{}", seen.profiler.memory_bytes);
    assert!(dropped("shared") > 1_000 && dropped("memory") == 0, "{:?}", seen.profiler.dropped);
    // The tree contains all of the time: that of calls without a place in it is in the overflow
    // entry.
    assert!(node(&seen, &["(other)"]).is_some_and(|other| other.inclusive.wall_ns > 0));
}

/// Names made from data end in one overflow entry.
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

/// With `PERF_ENABLED=0` in the environment, nothing is recorded until the handle enables it. A
/// call that is open when recording is switched ends as it began: recorded or not.
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
    assert_eq!(
        (seen.profiler.heap.to_string().as_str(), seen.heap.map(|heap| heap.unowned.allocated_bytes)),
        ("off", Some(0))
    );
    handle.set_recording(true);
    drop(black_box(vec![1_u8; 64 << 20]));
    let seen = handle.snapshot();
    assert_eq!(seen.profiler.heap.to_string(), "on");
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
