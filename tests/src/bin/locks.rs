//! Scenarios of locks of `perf_sdk::sync`, one in each process.

use std::io::Read as _;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use perf_sdk::Handle;
use perf_sdk::snapshot::{LockContention, Snapshot};
use perf_sdk::sync::{Arc, Mutex};
use perf_sdk_tests::http::get;
use perf_sdk_tests::{function, is_asleep, thread_id, until};

const HOLD: Duration = Duration::from_millis(20);

fn main() {
    let name = std::env::args().nth(1).unwrap_or_default();
    let scenarios: &[(&str, fn())] =
        &[("routes", routes), ("recording_off", recording_off), ("forked_child", forked_child), ("serve", serve)];
    match scenarios.iter().find(|(known, _)| *known == name) {
        Some((_, scenario)) => scenario(),
        None => panic!("no scenario {name:?}"),
    }
}

fn started() -> Handle {
    perf_sdk::builder().listen("127.0.0.1:0").report(false).start().expect("a start")
}

#[perf_sdk::profiled]
fn holds(store: &Mutex<u32>, during: impl FnOnce()) {
    let mut guard = store.lock().expect("nobody panics");
    during();
    thread::sleep(HOLD);
    *guard += 1;
}

#[perf_sdk::profiled]
fn waits(store: &Mutex<u32>, is_wanted: impl FnOnce()) {
    is_wanted();
    *store.lock().expect("nobody panics") += 1;
}

/// Produces one wait of `waits` for `holds`.
fn contend() {
    let store = Arc::new(Mutex::new(0));
    let ((is_held, held), (is_wanted, wanted)) = (channel(), channel());
    let theirs = Arc::clone(&store);
    let waiter = thread_id();
    let holder = thread::spawn(move || {
        holds(&theirs, || {
            is_held.send(()).expect("somebody waits");
            wanted.recv().expect("somebody waits");
            // The waiter may be off the CPU between its message and its wait.
            until("the other thread to wait", || is_asleep(waiter));
        });
    });
    held.recv().expect("it is held");
    waits(&store, || is_wanted.send(()).expect("it is held"));
    holder.join().expect("it ends");
    assert_eq!(*store.lock().expect("nobody panics"), 2);
}

/// Number and time of waits. The innermost scope must be this one, in the only entry.
fn only(entries: &[LockContention], name: &str) -> (u64, Duration) {
    assert_eq!(entries.len(), 1, "{entries:?}");
    let one = &entries[0];
    assert_eq!(one.scope.last().map(|frame| frame.name.as_str()), Some(name), "{one:?}");
    assert!(one.lock_name().starts_with("Mutex at tests/src/bin/locks.rs:"), "{}", one.lock_name());
    (one.contentions, Duration::from_nanos(one.delay_ns))
}

fn routes() {
    let handle = started();
    let address = handle.address().expect("an address");
    const TIMES: u32 = 3;
    (0..TIMES).for_each(|_| contend());
    let seen = handle.snapshot();
    let (contentions, delay) = only(&seen.locks.waiters, "waits");
    assert_eq!(contentions, u64::from(TIMES));
    assert!(delay > HOLD, "{delay:?}");
    assert_eq!(only(&seen.locks.holders, "holds"), (contentions, delay));
    assert_eq!(seen.profiler.dropped.get("locks"), Some(&0));

    let waits = function(&seen, "waits");
    assert_eq!((waits.lock_contentions, Duration::from_nanos(waits.lock_wait_ns)), (contentions, delay));
    assert!(waits.exclusive.wall_ns >= waits.lock_wait_ns as i64, "{waits:?}");
    let text = get(address, "/metrics").text();
    let value = |name: &str| {
        let line = text.lines().find(|line| line.starts_with(name) && line.contains("function=\"waits\""));
        line.and_then(|line| line.rsplit(' ').next()).and_then(|value| value.parse::<f64>().ok())
    };
    assert_eq!(value("function_lock_contentions_total{"), Some(f64::from(TIMES)), "{text}");
    assert_eq!(value("function_lock_wait_seconds_total{"), Some(delay.as_nanos() as f64 / 1e9));
    assert!(!text.lines().any(|line| line.starts_with("function_lock") && line.contains("\"holds\"")), "{text}");

    // Written to a file and read back.
    let path = std::env::temp_dir().join(format!("perf-sdk-locks-{}.json", std::process::id()));
    seen.write_to(&path).expect("a file");
    assert_eq!(Snapshot::read_from(&path).expect("the same").locks, seen.locks);
    std::fs::remove_file(&path).expect("the file exists");
    let window = handle.snapshot().subtract(&seen);
    assert!(window.locks.waiters.is_empty() && window.locks.holders.is_empty(), "{:?}", window.locks);

    for route in ["mutex", "block", "mutex?seconds=0.1", "block?debug=0"] {
        let answer = get(address, &format!("/debug/pprof/{route}"));
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/octet-stream")), "{route}");
        assert_eq!(answer.body[..2], [0x1f, 0x8b], "gzip");
    }
    // Text for `debug=1`, and an error for an unknown value.
    for (route, begins) in [("mutex", "--- mutex:\n"), ("block", "--- contention:\n")] {
        let answer = get(address, &format!("/debug/pprof/{route}?debug=1"));
        assert!(answer.status == 200 && answer.text().starts_with(begins), "{}", answer.text());
        assert!(answer.text().contains("locks::") && answer.text().contains("Mutex at "), "{}", answer.text());
    }
    let answer = get(address, "/debug/pprof/mutex?debug=7");
    assert!(answer.status == 400 && answer.text().contains("allowed: "), "{}", answer.text());
    let index = get(address, "/debug/pprof/").text();
    assert!(
        index.contains("href=\"debug/pprof/mutex\"") && index.contains("href=\"debug/pprof/block?seconds=30\""),
        "{index}"
    );
}

fn recording_off() {
    let handle = started();
    handle.set_recording(false);
    contend();
    assert_eq!(handle.snapshot().locks, Default::default());
    handle.set_recording(true);
    contend();
    assert_eq!(only(&handle.snapshot().locks.waiters, "waits").0, 1);
}

/// A forked child starts from zero, and its own waits are recorded.
fn forked_child() {
    let handle = started();
    contend();
    let child = perf_sdk_tests::fork();
    if child == 0 {
        let passed = std::panic::catch_unwind(|| {
            assert_eq!(perf_sdk::snapshot().locks, Default::default());
            contend();
            let seen = perf_sdk::snapshot();
            assert_eq!((only(&seen.locks.waiters, "waits").0, only(&seen.locks.holders, "holds").0), (1, 1));
        });
        perf_sdk_tests::exit_now(i32::from(passed.is_err()));
    }
    assert_eq!(perf_sdk_tests::wait_for(child), 0);
    assert_eq!(only(&handle.snapshot().locks.waiters, "waits").0, 1);
}

/// Contends until standard input ends.
fn serve() {
    let handle = started();
    println!("{}", handle.address().expect("an address"));
    thread::spawn(|| {
        loop {
            contend();
        }
    });
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
}
