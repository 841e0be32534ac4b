//! Starts that fail partly, and ends in unusual places: one scenario in each process.

use std::cell::RefCell;
use std::fs;
use std::hint::black_box;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use perf_sdk::{Builder, Handle};
use perf_sdk_tests::http::{self, Answer, get};
use perf_sdk_tests::{
    at_exit, at_key_destruction, default_signals, exit_now, fork, on_signal, on_signal_before, refuse_threads, wait_for,
};

#[global_allocator]
static ALLOCATOR: perf_sdk::Alloc = perf_sdk::Alloc::new();

fn main() {
    let name = std::env::args().nth(1).unwrap_or_default();
    let scenarios: &[(&str, fn())] = &[
        ("refuses_changes", refuses_changes),
        ("allows_changes", allows_changes),
        ("foreign_names", foreign_names),
        ("says_why", says_why),
        ("leaves_its_file", leaves_its_file),
        ("no_threads", no_threads),
        ("no_descriptors", no_descriptors),
        ("starts", starts),
        ("dropped_at_once", dropped_at_once),
        ("main_fails", main_fails),
        ("end_in_on_pressure", end_in_on_pressure),
        ("end_in_on_leak", end_in_on_leak),
        ("end_in_panic_hook", end_in_panic_hook),
        ("end_in_panic_hook_of_a_callback", end_in_panic_hook_of_a_callback),
        ("end_in_thread_local", end_in_thread_local),
        ("end_after_thread_locals", end_after_thread_locals),
        ("end_at_exit", end_at_exit),
        ("all_at_exit", all_at_exit),
        ("all_after_thread_locals", all_after_thread_locals),
        ("end_beside_a_callback_that_waits", end_beside_a_callback_that_waits),
        ("exits_with_a_handle", exits_with_a_handle),
        ("handle_in_a_static", handle_in_a_static),
        ("a_child_exits", a_child_exits),
        ("waits_for_signals", waits_for_signals),
        ("handles_signals_itself", handles_signals_itself),
        ("handles_signals_later", handles_signals_later),
        ("start_in_a_callback_of_the_end", start_in_a_callback_of_the_end),
    ];
    match scenarios.iter().find(|(known, _)| *known == name) {
        Some((_, scenario)) => scenario(),
        None => panic!("no scenario {name:?}"),
    }
}

fn quiet() -> Builder {
    perf_sdk::builder().report(false)
}

fn started() -> (Handle, SocketAddr) {
    let handle = quiet().listen("127.0.0.1:0").start().expect("a start");
    let address = handle.address().expect("an address");
    (handle, address)
}

fn switch_off(address: SocketAddr, header: &str) -> Answer {
    http::request(
        address,
        &format!(
            "POST /api/v1/settings?enabled=off HTTP/1.1\r\nHost: {address}\r\n{header}Content-Length: 0\r\nConnection: close\r\n\r\n"
        ),
    )
}

/// A common mistake: the user means to keep the handle.
fn dropped_at_once() {
    let _ = perf_sdk::builder().listen("127.0.0.1:0").start().expect("a start");
}

/// Ends like `main() -> Result<(), Error>` with an error, and like `unwrap()`.
fn main_fails() {
    let _perf = perf_sdk::builder().listen("127.0.0.1:0").start().unwrap();
}

/// There is no token: routes that only read are answered nevertheless.
fn refuses_changes() {
    let (handle, address) = started();
    assert_eq!(get(address, "/healthz").status, 200);
    for header in ["", "Authorization: Bearer \r\n", "Authorization: Bearer 0123456789abcdef\r\n"] {
        let answer = switch_off(address, header);
        assert_eq!(answer.status, 403, "{}", answer.text());
        assert!(answer.text().contains("PERF_TOKEN"), "{}", answer.text());
    }
    assert!(handle.is_recording());
}

/// Changes need the token from the file or from `PERF_TOKEN`. The token is printed nowhere.
fn allows_changes() {
    let handle = perf_sdk::builder().listen("127.0.0.1:0").start().expect("a start");
    let address = handle.address().expect("an address");
    perf_sdk::measure("outer", || ());
    let token = std::env::var("PERF_TOKEN").unwrap_or_else(|_| {
        let files = own_files();
        assert_eq!(files.len(), 1, "{files:?}");
        fs::read_to_string(&files[0]).expect("the token").trim().to_owned()
    });
    assert_eq!(switch_off(address, "").status, 401);
    let routes = [
        "/",
        "/pages",
        "/api/v1/overview?status=on",
        "/metrics",
        "/snapshot",
        "/leaks",
        "/leaks?format=json",
        "/debug/pprof/",
        "/debug/pprof/cmdline",
    ];
    for route in routes {
        let answer = get(address, route);
        assert!(answer.status == 200 && !answer.text().contains(&token), "{route}: {}", answer.text());
    }
    assert!(!format!("{handle:?}").contains(&token));
    let answer = switch_off(address, &format!("Authorization: Bearer {token}\r\n"));
    assert!(answer.status == 200 && !answer.text().contains(&token), "{}", answer.text());
    assert!(!handle.is_recording());
    println!("{token}");
    drop(handle);
    assert_eq!(own_files(), Vec::<PathBuf>::new());
}

/// A name made from the process id alone is already taken by another user.
fn foreign_names() {
    fs::create_dir(std::env::temp_dir().join(format!("perf-sdk-{}.token", std::process::id()))).expect("a folder");
    allows_changes();
}

/// Files of this process in the temporary directory.
fn own_files() -> Vec<PathBuf> {
    let begin = format!("perf-sdk-{}-", std::process::id());
    let entries = fs::read_dir(std::env::temp_dir()).into_iter().flatten().flatten();
    entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(&begin)).map(|entry| entry.path()).collect()
}

/// A setting that was given explicitly fails the start.
fn says_why() {
    match quiet().listen("127.0.0.1:0").start() {
        Ok(_) => panic!("it started"),
        Err(error) => println!("{error}"),
    }
}

fn leaves_its_file() {
    let (_handle, _) = started();
    assert_eq!(own_files().len(), 1);
    exit_now(0);
}

fn starts() {
    let handle = quiet().listen("off").start().expect("a start");
    // A regular shutdown would push to a receiver outside of this machine.
    std::mem::forget(handle);
    exit_now(0);
}

fn refused_threads() -> u64 {
    perf_sdk::snapshot().profiler.dropped.get("threads").copied().unwrap_or(0)
}

/// The system refuses new threads.
fn no_threads() {
    if !refuse_threads() {
        return;
    }
    let off = || quiet().listen("off");
    for (named, builder) in [
        ("listen", quiet().listen("127.0.0.1:0")),
        ("budget", off().budget("2%")),
        ("stacks_hz", off().stacks_hz(50)),
        ("pressure", off().pressure("70%,90%")),
        ("leak_window", off().leak_window("10s")),
        ("on_leak", off().on_leak(|_| ())),
        ("push", off().push("http://127.0.0.1:9")),
    ] {
        let error = builder.start().expect_err(named).to_string();
        assert!(error.contains(named) && error.contains("thread"), "{named}: {error}");
    }
    let before = refused_threads();
    let handle = quiet().start().expect("a start");
    assert_eq!(handle.address(), None);
    assert_eq!(refused_threads() - before, 4, "endpoint, callbacks, jobs, stacks");
    perf_sdk::measure("outer", || ());
    let calls = handle.snapshot().functions.iter().find(|f| f.name == "outer").map(|f| f.calls.ok);
    assert_eq!(calls, Some(1));
    println!("started");
}

/// No descriptor is left, so there is no endpoint.
fn no_descriptors() {
    let mut held = Vec::new();
    while let Ok(file) = fs::File::open("/dev/null") {
        held.push(file);
        assert!(held.len() < 100_000, "the limit must be set");
    }
    let handle = quiet().start().expect("a start");
    perf_sdk::measure("outer", || ());
    assert_eq!(handle.address(), None);
    drop(handle);
    drop(held);
}

static PANICS: AtomicU64 = AtomicU64::new(0);
static ENDED: AtomicBool = AtomicBool::new(false);

fn count_panics() {
    std::panic::set_hook(Box::new(|panic| {
        PANICS.fetch_add(1, SeqCst);
        eprintln!("{panic}\n{}", std::backtrace::Backtrace::force_capture());
    }));
}

/// Waits until `is_there` is true, for at most a minute.
fn until(what: &str, is_there: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_there() {
        assert!(start.elapsed() < Duration::from_secs(60), "{what}");
        thread::sleep(Duration::from_millis(1));
    }
}

/// The handle that `end` drops, wherever it is called.
static LAST: Mutex<Option<Handle>> = Mutex::new(None);

fn end() {
    let handle = LAST.lock().unwrap_or_else(PoisonError::into_inner).take();
    if handle.is_some() {
        drop(handle);
        ENDED.store(true, SeqCst);
    }
}

fn keep(handle: Handle) {
    *LAST.lock().unwrap_or_else(PoisonError::into_inner) = Some(handle);
}

fn has_ended_well(panics: u64) {
    until("an end", || ENDED.load(SeqCst));
    // The profiler can be started again.
    let (handle, address) = started();
    assert_eq!(get(address, "/healthz").status, 200);
    drop(handle);
    assert_eq!(PANICS.load(SeqCst), panics);
}

fn end_in_on_pressure() {
    count_panics();
    // The handle is in place before the callback can run.
    let mut slot = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    let _listener = perf_sdk::pool::on_pressure(|_, _, _| end());
    *slot = Some(quiet().listen("127.0.0.1:0").memory_limit("8MiB").start().expect("a start"));
    drop(slot);
    has_ended_well(0);
}

/// Allocates until `done`, for a detector with short windows.
fn leak_until(done: impl Fn() -> bool) {
    until("a leak to be reported", || {
        thread::sleep(Duration::from_millis(1));
        done() || {
            perf_sdk::measure("forgets", || {
                for _ in 0..20 {
                    LEAKED.lock().unwrap_or_else(PoisonError::into_inner).push(black_box(vec![1; 2_000]));
                }
            });
            false
        }
    });
}

static LEAKED: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

fn looking_for_leaks() -> Builder {
    quiet().listen("127.0.0.1:0").heap("4KiB").leak_window("10ms").leak_floor("32KiB")
}

fn end_in_on_leak() {
    count_panics();
    let mut slot = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    *slot = Some(looking_for_leaks().on_leak(|_| end()).start().expect("a start"));
    drop(slot);
    leak_until(|| ENDED.load(SeqCst));
    has_ended_well(0);
}

fn end_in_panic_hook() {
    std::panic::set_hook(Box::new(|_| {
        PANICS.fetch_add(1, SeqCst);
        end();
    }));
    keep(started().0);
    let panicked = thread::spawn(|| perf_sdk::measure("panics", || panic!("planned")));
    assert!(panicked.join().is_err());
    has_ended_well(1);
}

/// The hook runs on a thread of the profiler.
fn end_in_panic_hook_of_a_callback() {
    std::panic::set_hook(Box::new(|_| {
        PANICS.fetch_add(1, SeqCst);
        end();
    }));
    let mut slot = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    let _listener = perf_sdk::pool::on_pressure(|_, _, _| {
        // The callback may be called a second time before the end.
        if !ENDED.load(SeqCst) {
            panic!("planned");
        }
    });
    *slot = Some(quiet().listen("127.0.0.1:0").memory_limit("8MiB").start().expect("a start"));
    drop(slot);
    has_ended_well(1);
}

fn end_in_thread_local() {
    struct Late(#[expect(dead_code, reason = "held for its drop")] Handle);
    impl Drop for Late {
        fn drop(&mut self) {
            ENDED.store(true, SeqCst);
        }
    }
    thread_local! {
        static LATE: RefCell<Option<Late>> = const { RefCell::new(None) };
    }
    count_panics();
    let worker = thread::spawn(|| {
        LATE.with(|late| *late.borrow_mut() = Some(Late(started().0)));
        perf_sdk::measure("usual", || ());
    });
    assert!(worker.join().is_ok());
    has_ended_well(0);
}

/// After the destructors of thread locals.
fn end_after_thread_locals() {
    count_panics();
    let worker = thread::spawn(|| {
        perf_sdk::measure("usual", || ());
        keep(started().0);
        at_key_destruction(end);
    });
    assert!(worker.join().is_ok());
    has_ended_well(0);
}

fn end_at_exit() {
    count_panics();
    at_exit(|| {
        end();
        if PANICS.load(SeqCst) > 0 || !ENDED.load(SeqCst) {
            exit_now(3);
        }
        println!("ended at exit");
    });
    let handle = perf_sdk::builder().listen("127.0.0.1:0").profiles(std::env::temp_dir()).start().expect("a start");
    perf_sdk::measure("usual", || ());
    keep(handle);
}

fn all() {
    let (handle, address) = started();
    perf_sdk::measure("late", || drop(black_box(vec![1_u8; 100])));
    assert_eq!(get(address, "/healthz").status, 200);
    assert!(handle.cpu_profile(Duration::from_millis(50), None).is_some());
    assert!(get(address, "/metrics").text().contains("late"));
    drop(handle);
}

/// The very first use of the profiler.
fn all_at_exit() {
    count_panics();
    at_exit(|| {
        if std::panic::catch_unwind(all).is_err() || PANICS.load(SeqCst) > 0 {
            exit_now(3);
        }
        println!("all at exit");
    });
}

fn all_after_thread_locals() {
    count_panics();
    static PASSED: AtomicBool = AtomicBool::new(false);
    let worker = thread::spawn(|| {
        at_key_destruction(|| PASSED.store(std::panic::catch_unwind(all).is_ok(), SeqCst));
    });
    assert!(worker.join().is_ok() && PASSED.load(SeqCst));
    ENDED.store(true, SeqCst);
    has_ended_well(0);
}

/// The callback waits for a lock, which is held by the thread that stops the profiler.
fn end_beside_a_callback_that_waits() {
    static LOCK: Mutex<()> = Mutex::new(());
    static WAITS: AtomicBool = AtomicBool::new(false);
    count_panics();
    let held = LOCK.lock().unwrap_or_else(PoisonError::into_inner);
    let _listener = perf_sdk::pool::on_pressure(|_, _, _| {
        WAITS.store(true, SeqCst);
        drop(LOCK.lock().unwrap_or_else(PoisonError::into_inner));
    });
    keep(quiet().listen("127.0.0.1:0").memory_limit("8MiB").start().expect("a start"));
    until("the callback", || WAITS.load(SeqCst));
    end();
    drop(held);
    has_ended_well(0);
}

/// A callback that requests another handle while the last one ends gets a running profiler or an
/// error, but there is no deadlock.
fn start_in_a_callback_of_the_end() {
    count_panics();
    static CALLED: AtomicBool = AtomicBool::new(false);
    static DROPPED: AtomicBool = AtomicBool::new(false);
    static RETURNED: AtomicBool = AtomicBool::new(false);
    let _listener = perf_sdk::pool::on_pressure(|_, _, _| {
        while !DROPPED.load(SeqCst) {
            drop(quiet().listen("off").start());
            CALLED.store(true, SeqCst);
        }
        RETURNED.store(true, SeqCst);
    });
    let handle = quiet().listen("127.0.0.1:0").memory_limit("8MiB").start().expect("a start");
    until("the callback", || CALLED.load(SeqCst));
    drop(handle);
    DROPPED.store(true, SeqCst);
    until("the callback's end", || RETURNED.load(SeqCst));
    ENDED.store(true, SeqCst);
    has_ended_well(0);
}

fn reporting() -> Handle {
    let handle = perf_sdk::builder().listen("127.0.0.1:0").start().expect("a start");
    perf_sdk::measure("usual", || ());
    handle
}

fn exits_with_a_handle() {
    let _handle = reporting();
    perf_sdk::measure("within", || std::process::exit(3));
}

static KEPT: Mutex<Option<Handle>> = Mutex::new(None);

fn handle_in_a_static() {
    *KEPT.lock().unwrap_or_else(PoisonError::into_inner) = Some(reporting());
}

/// The exit of a child does not end anything of its parent, and does not wait.
fn a_child_exits() {
    let handle = reporting();
    let child = fork();
    if child == 0 {
        std::process::exit(7);
    }
    assert_eq!(wait_for(child), 7);
    let address = handle.address().expect("an address");
    assert_eq!(get(address, "/healthz").status, 200);
    println!("the parent goes on");
}

/// The child of this process also waits, for a longer time.
fn waits_for_signals() {
    default_signals();
    let handle = reporting();
    let child = fork();
    if child == 0 {
        loop {
            thread::sleep(Duration::from_secs(1));
        }
    }
    println!("{child}");
    let ended = wait_for(child);
    let address = handle.address().expect("an address");
    assert_eq!(get(address, "/healthz").status, 200);
    println!("{ended}");
    loop {
        thread::sleep(Duration::from_secs(1));
    }
}

fn handles_signals_itself() {
    on_signal(|| exit_now(4));
    let _handle = reporting();
    println!("ready");
    loop {
        thread::sleep(Duration::from_secs(1));
    }
}

/// Like a signal library: the previous handler is called first.
fn handles_signals_later() {
    default_signals();
    let handle = reporting();
    static HEARD: AtomicU64 = AtomicU64::new(0);
    on_signal_before(|| _ = HEARD.fetch_add(1, SeqCst));
    println!("ready");
    for heard in 1..=3 {
        until("the signal", || HEARD.load(SeqCst) >= heard);
        // No signal is repeated, and the profiler goes on.
        thread::sleep(Duration::from_millis(50));
        assert_eq!(HEARD.load(SeqCst), heard);
        assert_eq!(get(handle.address().expect("an address"), "/healthz").status, 200);
        println!("{heard}");
    }
}
