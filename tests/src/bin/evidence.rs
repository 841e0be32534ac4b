//! Programs of which evidence is kept: one scenario in each process, named by the argument.

use std::net::SocketAddr;
use std::panic;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use perf_sdk::Handle;
use perf_sdk::alert::{AlertActionKind, AlertChange, AlertOutcome, AlertRule, AlertRun};
use perf_sdk_tests::http::{Answer, get};
use perf_sdk_tests::{exit_now, fork, until, wait_for};

fn main() -> ExitCode {
    let argument = std::env::args().nth(1).unwrap_or_default();
    match argument.as_str() {
        "starts" => match perf_sdk::builder().listen("off").start() {
            Ok(perf) => drop(perf),
            Err(error) => {
                println!("{error}");
                return ExitCode::FAILURE;
            }
        },
        "alarmed" => alarmed(),
        "asks" => asks(),
        "panics" => panics(),
        "signalled" => signalled(),
        "loses_its_folder" => loses_its_folder(),
        "has_no_place" => has_no_place(),
        "ends" => ends(),
        "forks" => forks(),
        "logs" => logs(),
        "traced" => traced(),
        "off" => off(),
        other => panic!("no scenario {other:?}"),
    }
    ExitCode::SUCCESS
}

static DEPTH: AtomicU64 = AtomicU64::new(0);
static DONE: AtomicBool = AtomicBool::new(false);

fn start() -> Handle {
    perf_sdk::builder().listen("127.0.0.1:0").report(false).start().unwrap_or_else(|error| panic!("{error}"))
}

/// An alert that fires as soon as [`DEPTH`] is more than 5.
fn with_alert() -> (Handle, perf_sdk::instrument::Queue) {
    let jobs = perf_sdk::watch_queue("jobs").depth(|| DEPTH.load(Relaxed));
    let many = AlertRule::new("queue_depth > 5").unwrap_or_else(|error| panic!("{error}"));
    let builder = perf_sdk::builder().listen("127.0.0.1:0").report(false).alerts_shipped(false);
    let perf = builder.alert(many.name("many jobs")).start().unwrap_or_else(|error| panic!("{error}"));
    (perf, jobs)
}

/// Takes all of a processor.
#[inline(never)]
fn burns() {
    while !DONE.load(Relaxed) {
        std::hint::black_box((0..1_000).sum::<u64>());
    }
}

fn ok(address: SocketAddr, target: &str) -> Answer {
    let answer = get(address, target);
    assert_eq!(answer.status, 200, "{target}: {}", answer.text());
    answer
}

fn bundles(address: SocketAddr) -> String {
    ok(address, "/flight?format=json").text()
}

/// Until a bundle is kept.
fn until_kept(address: SocketAddr) -> String {
    until("a bundle", || bundles(address).contains("\"kept\":\"") && !bundles(address).contains("\"kept\":\"\""));
    bundles(address)
}

fn alarmed() {
    let (perf, _jobs) = with_alert();
    let address = perf.address().expect("an address");
    assert!(ok(address, "/flight").text().contains("There are none yet"));
    let working = std::thread::Builder::new().name("burner".to_owned()).spawn(burns).expect("a thread");
    // Samples of the time before.
    until("samples", || perf.snapshot().stacks.is_some_and(|stacks| stacks.samples > 20));
    DEPTH.store(9, Relaxed);
    let list = until_kept(address);
    for part in ["\"trigger\":\"alert\"", "\"what\":\"many jobs\"", "queue_depth is 9 over 1m"] {
        assert!(list.contains(part), "{part}: {list}");
    }
    let events = perf.alerts().expect("a report").events;
    let fired = events.iter().find(|event| event.change == AlertChange::Fired).expect("it fired");
    assert!(!fired.bundle.is_empty());
    assert!(ok(address, "/flight").text().contains(&format!("<a href=\"api/v1/flight/{}\">", fired.bundle)));
    assert!(ok(address, "/alerts").text().contains(&fired.bundle));
    let kept = ok(address, &format!("/api/v1/flight/{}", fired.bundle));
    let scrape = ok(address, "/metrics").text();
    assert!(scrape.contains("evidence_bundles_total{outcome=\"made\"} 1"), "{scrape}");
    println!("{} {}", fired.bundle, kept.body.len());
    DONE.store(true, Relaxed);
    working.join().expect("it ends");
}

/// Of two that ask for the same at a time, one makes it and both get it.
fn asks() {
    #[perf_sdk::profiled(root)]
    fn job() {
        burns();
    }

    let perf = start();
    let address = perf.address().expect("an address");
    let working = std::thread::spawn(job);
    until("samples", || perf.snapshot().stacks.is_some_and(|stacks| stacks.samples > 20));
    DONE.store(true, Relaxed);
    working.join().expect("it ends");
    let ask = || ok(address, "/api/v1/flight?last=20s");
    let answers = std::thread::scope(|scope| {
        let asked = [scope.spawn(ask), scope.spawn(ask)];
        asked.map(|asked| asked.join().expect("an answer"))
    });
    assert_eq!(answers[0].body, answers[1].body);
    let joined = answers.iter().filter_map(|answer| answer.header("x-perf-joined")).count();
    assert_eq!(joined, 1, "one of them made it");
    assert_eq!(answers[0].header("content-type"), Some("application/gzip"));
    let bundle = perf.evidence(Duration::from_secs(20)).expect("the same again");
    assert_eq!(bundle.bytes(), answers[0].body);
    assert!(bundles(address).contains("\"kept\":\"\""), "handed out, not kept: {}", bundles(address));
    for (target, status, said) in [
        ("/api/v1/flight?last=0s", 400, "last is \"0s\"; allowed: a whole number with s, min or h"),
        ("/api/v1/flight?last=soon", 400, "last is \"soon\""),
        ("/api/v1/flight?first=1s", 400, "parameter \"first\" is not known"),
        ("/api/v1/flight/none.tar.gz", 404, "there is no bundle \"none.tar.gz\""),
        ("/api/v1/flight/..%2f..%2fetc%2fpasswd", 404, "there is no bundle"),
    ] {
        let answer = get(address, target);
        assert_eq!(answer.status, status, "{target}: {}", answer.text());
        assert!(answer.text().contains(said), "{target}: {}", answer.text());
    }
    std::fs::write(std::env::args().nth(2).expect("a file"), bundle.bytes()).expect("a file");
}

/// With `PERF_EVIDENCE_PANIC`.
fn panics() {
    static CALLED: AtomicU64 = AtomicU64::new(0);
    panic::set_hook(Box::new(|_| {
        CALLED.fetch_add(1, Relaxed);
    }));
    let perf = start();
    let address = perf.address().expect("an address");
    for n in 0..2 {
        let _ = panic::catch_unwind(|| panic!("nothing works, number {n}"));
        let list = until_kept(address);
        assert!(list.contains("\"kept\":\"memory\"") && list.contains("nothing works, number 0"), "{list}");
    }
    let list = bundles(address);
    assert_eq!(list.matches("\"name\":").count(), 1, "the second joined the first: {list}");
    assert!(list.contains("\"joined\":[\"panic: "), "{list}");
    assert_eq!(CALLED.load(Relaxed), 2, "the hook of before is called too");
    drop(perf);
    let _ = panic::catch_unwind(|| panic!("after the end"));
    assert_eq!(CALLED.load(Relaxed), 3);
}

/// With `PERF_EVIDENCE_SIGNAL`.
fn signalled() {
    let perf = start();
    let address = perf.address().expect("an address");
    // The job takes the signal over: without it, the program would end.
    until("the handler", || {
        let status = std::fs::read_to_string("/proc/self/status").expect("the kernel's file");
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).expect("a line");
        u64::from_str_radix(caught.trim(), 16).expect("a mask") & 1 << (libc::SIGUSR2 - 1) != 0
    });
    // SAFETY: a signal to this process, which has a handler for it.
    unsafe { libc::raise(libc::SIGUSR2) };
    let list = until_kept(address);
    assert!(list.contains("\"trigger\":\"signal\"") && list.contains("\"what\":\"SIGUSR2\""), "{list}");
    drop(perf);
    let child = fork();
    if child == 0 {
        // SAFETY: as above; it has its default effect again, which ends the child.
        unsafe { libc::raise(libc::SIGUSR2) };
        exit_now(0);
    }
    assert_ne!(wait_for(child), 0, "the signal is the program's own again");
}

/// With a folder that is deleted meanwhile.
fn loses_its_folder() {
    let (perf, _jobs) = with_alert();
    let address = perf.address().expect("an address");
    std::fs::remove_dir(std::env::var("PERF_EVIDENCE").expect("a folder")).expect("it was empty");
    DEPTH.store(9, Relaxed);
    let list = until_kept(address);
    assert!(list.contains("\"kept\":\"memory\"") && list.contains("cannot be written: "), "{list}");
    let run = capture(&perf);
    assert!(run.outcome == AlertOutcome::Done && run.detail.contains(", in memory: "), "{run:?}");
}

/// What became of the capture of an alert, once that is known.
fn capture(perf: &Handle) -> AlertRun {
    let run = || {
        let runs = perf.alerts().unwrap_or_default().runs;
        runs.into_iter().find(|run| run.action == AlertActionKind::Capture && run.outcome != AlertOutcome::Running)
    };
    until("the capture to end", || run().is_some());
    run().expect("a run")
}

/// With a folder that is deleted meanwhile, and no memory for a bundle.
fn has_no_place() {
    let (perf, _jobs) = with_alert();
    let address = perf.address().expect("an address");
    std::fs::remove_dir(std::env::var("PERF_EVIDENCE").expect("a folder")).expect("it was empty");
    // What a bundle has of each function is more than memory has room for.
    for at in 0..3_000_u64 {
        let name: &'static str = format!("function {:x}", at.wrapping_mul(0x9e37_79b9_7f4a_7c15)).leak();
        perf_sdk::measure(name, || ());
    }
    DEPTH.store(9, Relaxed);
    let run = capture(&perf);
    assert_eq!(run.outcome, AlertOutcome::Failed, "{run:?}");
    assert!(run.detail.contains("cannot be written: ") && run.detail.contains("memory has no room for"), "{run:?}");
    let list = bundles(address);
    assert!(list.contains("\"kept\":\"\"") && list.contains("memory has no room for"), "{list}");
    let scrape = ok(address, "/metrics").text();
    for line in
        ["alert_actions_total{action=\"capture\",outcome=\"failed\"} 1", "evidence_bundles_total{outcome=\"failed\"} 1"]
    {
        assert!(scrape.contains(line), "{line}: {scrape}");
    }
}

/// The bundle of an alert that has just fired is complete when the program has ended.
fn ends() {
    let (perf, _jobs) = with_alert();
    DEPTH.store(9, Relaxed);
    let fired = || perf.alerts().is_some_and(|report| report.events.iter().any(|event| !event.bundle.is_empty()));
    until("it to fire", fired);
}

/// A child of a program that makes bundles makes its own.
fn forks() {
    let perf = start();
    perf.evidence(Duration::from_secs(10)).expect("a bundle");
    let child = fork();
    if child == 0 {
        let none = perf.evidence(Duration::from_secs(10)).expect_err("it does not run here");
        drop(perf);
        let own = start();
        let bundle = own.evidence(Duration::MAX).expect("a bundle of its own");
        let is_own = bundle.name().contains(&format!("-{}-", std::process::id()));
        exit_now(if none.to_string().contains("does not run") && is_own { 0 } else { 9 });
    }
    assert_eq!(wait_for(child), 0, "the child's bundle");
    perf.evidence(Duration::from_secs(20)).expect("the parent's goes on");
}

/// What the program logs through tracing is in the bundle.
fn logs() {
    use tracing_subscriber::layer::SubscriberExt as _;

    let perf = start();
    let subscriber = tracing_subscriber::registry().with(perf_sdk::tracing_layer());
    tracing::subscriber::with_default(subscriber, || {
        perf_sdk::measure("checkout", || tracing::warn!(attempt = 3, "the bank is slow"));
        tracing::error!("no bank");
        tracing::info!("nothing happened");
    });
    let bundle = perf.evidence(Duration::from_secs(60)).expect("a bundle");
    std::fs::write(std::env::args().nth(2).expect("a file"), bundle.bytes()).expect("a file");
}

/// What runs within a span has its trace in the bundle.
fn traced() {
    use tracing_subscriber::layer::SubscriberExt as _;

    fn hook() -> Option<perf_sdk::TraceContext> {
        Some(perf_sdk::TraceContext { trace_id: [0xab; 16], span_id: [0xcd; 8] })
    }
    let perf = start();
    perf_sdk::set_trace_hook(hook);
    let subscriber = tracing_subscriber::registry().with(perf_sdk::tracing_layer());
    tracing::subscriber::set_global_default(subscriber).expect("the only one");
    let working = std::thread::spawn(|| tracing::info_span!("request").in_scope(burns));
    until("samples", || perf.snapshot().stacks.is_some_and(|stacks| stacks.samples > 20));
    let bundle = perf.evidence(Duration::from_secs(60)).expect("a bundle");
    DONE.store(true, Relaxed);
    working.join().expect("it ends");
    std::fs::write(std::env::args().nth(2).expect("a file"), bundle.bytes()).expect("a file");
}

/// With `PERF_FLIGHT=off`.
fn off() {
    let perf = start();
    let address = perf.address().expect("an address");
    let answer = get(address, "/api/v1/flight");
    assert_eq!(answer.status, 503);
    assert!(answer.text().contains("PERF_FLIGHT is off"), "{}", answer.text());
    let error = perf.evidence(Duration::from_secs(1)).expect_err("it is off");
    assert!(error.to_string().contains("PERF_FLIGHT is off"), "{error}");
    assert!(!ok(address, "/metrics").text().contains("evidence_bundles_total"));
}
