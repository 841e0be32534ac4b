//! Programs with a history in the file that `PERF_HISTORY` names: one scenario in each process.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use perf_sdk::Handle;
use perf_sdk::snapshot::{HistoryColumns, HistoryQuery};
use perf_sdk_tests::http::get;
use perf_sdk_tests::{eventually, exit_now, fork, until, wait_for};

fn main() {
    let name = std::env::args().nth(1).unwrap_or_default();
    let scenarios: &[(&str, fn())] = &[
        ("fills", fills),
        ("stops", stops),
        ("reads", reads),
        ("starts", starts),
        ("forks", forks),
        ("answers", answers),
        ("allocates", allocates),
    ];
    match scenarios.iter().find(|(known, _)| *known == name) {
        Some((_, scenario)) => scenario(),
        None => panic!("no scenario {name:?}"),
    }
}

/// Allocations of the profiler's thread for jobs.
static OF_JOBS: AtomicU64 = AtomicU64::new(0);

struct Counts;

#[global_allocator]
static ALLOCATOR: Counts = Counts;

// SAFETY: all of it is the system's allocator.
unsafe impl GlobalAlloc for Counts {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let mut name = [0_u8; 16];
        // SAFETY: it writes up to 16 bytes.
        unsafe { libc::prctl(libc::PR_GET_NAME, name.as_mut_ptr()) };
        if name.starts_with(b"perf-sdk-jobs") {
            OF_JOBS.fetch_add(1, Relaxed);
        }
        // SAFETY: the caller upholds what is asked of it.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: it was allocated above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// Once they run, monitors and the history allocate nothing in a window of 21 seconds, although
/// functions are called. Each call takes the same time: one that is new to its function needs
/// memory.
fn allocates() {
    // The budget, leaks, alerts and memory pressure have jobs on the same thread, which make lists
    // and texts.
    let builder = perf_sdk::builder().listen("off").report(false).stacks("off").budget("off");
    let builder = builder.leak_window("off").pressure("off").alerts_shipped(false);
    let handle = builder.start().expect("a start");
    let names: Vec<&str> = (0..60).map(|number| &*format!("function {number}").leak()).collect();
    let mut rounds = 0;
    until("a window without allocations", || {
        let (before, begin) = (OF_JOBS.load(Relaxed), now());
        while now() < begin + 21 {
            for name in &names {
                perf_sdk::record(name, Duration::from_micros(5), perf_sdk::Outcome::Ok);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        rounds += 1;
        let more = OF_JOBS.load(Relaxed) - before;
        println!("{more} allocations in window {rounds}");
        more == 0
    });
    let query = HistoryQuery::new(r#"function_calls_total{function="function 7"}"#).last(Duration::from_secs(21));
    let seen = handle.history(&query.step(Duration::from_secs(1))).expect("a query").expect("a history");
    // It may be among the functions that are read every 10 seconds.
    assert!(known(&seen) >= 1, "{seen:?}");
}

fn start() -> Handle {
    perf_sdk::builder().listen("off").report(false).start().expect("a start")
}

fn work() {
    perf_sdk::measure("work", || std::thread::sleep(Duration::from_millis(2)));
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs()
}

/// The calls of `work` that the history knows, by the second.
fn calls(handle: &Handle) -> Option<HistoryColumns> {
    let query = HistoryQuery::new(r#"function_calls_total{function="work"}"#).last(Duration::from_secs(3_600));
    // It is not a series before the first round.
    handle.history(&query.step(Duration::from_secs(1))).ok().flatten()
}

/// The number of steps that have a value.
fn known(columns: &HistoryColumns) -> usize {
    columns.series.iter().flat_map(|series| &series.mean).flatten().count()
}

fn file() -> String {
    std::env::var("PERF_HISTORY").expect("a file")
}

fn bytes() -> u64 {
    std::fs::metadata(file()).map_or(0, |file| file.len())
}

/// Works until it is killed. Says so when two intervals of 10 seconds are in the file.
fn fills() {
    let handle = start();
    let mut last = bytes();
    let mut written = Vec::new();
    loop {
        work();
        let (size, interval) = (bytes(), now() / 10);
        if size > last && written.last() != Some(&interval) {
            written.push(interval);
            // The first one may be that of a moment, in which no call had ended.
            if written.len() == 3 {
                println!("filled {}", now());
            }
        }
        last = size;
        std::hint::black_box(&handle);
    }
}

/// Works for some seconds and ends in order, with what is not 10 seconds old.
fn stops() {
    let handle = start();
    until("some seconds are known", || {
        work();
        calls(&handle).is_some_and(|columns| known(&columns) >= 3)
    });
    println!("stopped {}", now());
}

/// Says of how many seconds before the start of this process the calls are known, and when the
/// latest of them was.
fn reads() {
    let start_at = now();
    let handle = start();
    let columns = calls(&handle).expect("the series is there");
    let mean = &columns.series[0].mean;
    let before = columns.times.iter().zip(mean).filter(|(at, mean)| u64::from(**at) < start_at && mean.is_some());
    let latest = before.clone().map(|(at, _)| *at).max().unwrap_or(0);
    let rates = before.clone().filter_map(|(_, mean)| *mean);
    // A call takes 2 ms at least. Rounds of two seconds in a row may be nearly two seconds apart.
    assert!(rates.clone().all(|rate| (0.0..=1_000.0).contains(&rate)), "{mean:?}");
    let gaps = mean.windows(2).filter(|two| two[0].is_none() && two[1].is_some()).count();
    let seconds = (rates.clone().count() as u32 * columns.step) as f64;
    let most = 500.0 * (seconds + gaps as f64 + 1.0);
    let sum = rates.sum::<f64>() * f64::from(columns.step);
    assert!(sum > 0.0 && sum <= most, "{sum} of {most}: {mean:?}");
    let quantile = HistoryQuery::new(r#"function_p50_seconds{function="work"}"#).last(Duration::from_secs(3_600));
    let quantile = handle.history(&quantile).expect("a question").expect("a history");
    let values: Vec<f64> = quantile.series[0].mean.iter().flatten().copied().collect();
    assert!(!values.is_empty() && values.iter().all(|median| *median >= 0.001_9), "{values:?}");
    println!("known {} {latest}", before.count() * columns.step as usize);
}

/// Starts, or fails with the error.
fn starts() {
    match perf_sdk::builder().listen("off").report(false).start() {
        Ok(handle) => println!("{}", handle.history_series().len()),
        Err(error) => {
            eprintln!("{error}");
            std::process::exit(3);
        }
    }
}

/// A child has no history, writes nothing to the parent's file, and may have one of its own.
fn forks() {
    let file = std::env::var("FILE_OF_THE_PARENT").expect("a file");
    let builder = || perf_sdk::builder().listen("off").report(false);
    let bytes = || std::fs::metadata(&file).map_or(0, |file| file.len());
    let handle = builder().history(file.as_str()).start().expect("a start");
    let is_in_the_child = |handle: &Handle| {
        let series = handle.history_series();
        series.iter().any(|series| series.labels.get("function").is_some_and(|name| name == "in the child"))
    };
    until("the parent has a history", || {
        work();
        calls(&handle).is_some_and(|columns| known(&columns) > 0)
    });
    let child = fork();
    if child == 0 {
        let is_so = std::panic::catch_unwind(move || {
            assert!(handle.history_series().is_empty());
            assert!(handle.history(&HistoryQuery::new("*")).expect("a question").is_none());
            drop(handle);
            let own = builder().history(true).start().expect("a start");
            until("the child has a history of its own", || {
                perf_sdk::measure("in the child", || ());
                is_in_the_child(&own)
            });
        });
        exit_now(i32::from(is_so.is_err()));
    }
    assert_eq!(wait_for(child), 0);
    let size = bytes();
    until("the parent goes on with its file", || {
        work();
        bytes() > size
    });
    assert!(!is_in_the_child(&handle));
}

/// The route answers what the handle does, and says what is allowed.
fn answers() {
    let handle = perf_sdk::builder().listen("127.0.0.1:0").report(false).start().expect("a start");
    let address = handle.address().expect("an address");
    let say = |what: &str, target: &str| {
        let answer = get(address, target);
        assert_eq!(answer.status, 200, "{}", answer.text());
        println!("{what} {}", answer.text());
    };
    eventually(|| {
        work();
        let calls = calls(&handle).filter(|columns| known(columns) >= 2);
        calls.map(drop).ok_or_else(|| "two seconds are not known yet".to_owned())
    });
    say("list", "/api/v1/history");
    say("columns", "/api/v1/history?names=function_*%7Bfunction%3D%22work%22%7D,process_*&from=-1m&to=now&step=1");
    for (query, said) in [
        ("names=no_such_series", "no_such_series"),
        ("names=a%7B", "names is \"a{\""),
        ("names=process_*&from=tomorrow", "from is \"tomorrow\""),
        ("names=process_*&from=-1m&to=-2m", "a time before to"),
        ("names=process_*&step=0", "step is \"0\""),
        ("names=*&from=-7d&step=1&limit=3", "allowed: names, from, to, step"),
    ] {
        let answer = get(address, &format!("/api/v1/history?{query}"));
        assert!(
            answer.status == 400 && answer.text().contains(said) && answer.text().contains("allowed"),
            "{query}: {}",
            answer.text()
        );
    }
}
