//! Programs whose flamegraphs are looked at in a browser: one scenario in each process, named by
//! the argument. The second argument is what drives the browser.

use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use perf_sdk::Handle;
use perf_sdk::snapshot::ROOT;
use perf_sdk_tests::http::{get, request};
use perf_sdk_tests::{burn, until};

#[global_allocator]
static ALLOCATOR: perf_sdk::Alloc = perf_sdk::Alloc::new();

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments[1].as_str() {
        "routes" => routes(),
        "served" => served(&arguments[2]),
        "guarded" => guarded(&arguments[2]),
        "slow" => slow(),
        other => panic!("no scenario {other:?}"),
    }
}

static DONE: AtomicBool = AtomicBool::new(false);

#[perf_sdk::profiled(root)]
fn search(length: u32) -> usize {
    let held = rank(length);
    held.len()
}

#[perf_sdk::profiled]
fn rank(length: u32) -> Vec<u64> {
    burn(std::time::Duration::from_millis(u64::from(length)));
    vec![1; 4_096]
}

fn start(guard: &str) -> Handle {
    let builder = perf_sdk::builder().listen("127.0.0.1:0").report(false).budget("off").heap("4KiB");
    builder.token("0123456789abcdef").guard(guard).start().unwrap_or_else(|error| panic!("{error}"))
}

fn busy() -> std::thread::JoinHandle<()> {
    let work = || {
        let mut held = Vec::new();
        while !DONE.load(Relaxed) {
            held.push(rank(1));
            held.truncate(100);
            search(2);
        }
    };
    std::thread::Builder::new().name("worker".to_owned()).spawn(work).expect("a thread")
}

/// Until there are samples of stacks.
fn sampled(perf: &Handle) {
    until("samples", || perf.snapshot().stacks.is_some_and(|stacks| stacks.samples > 30));
}

fn drive(script: &str, scenario: &str, arguments: &[&str]) {
    let status = Command::new("node").args([script, scenario]).args(arguments).status().expect("node");
    assert!(status.success(), "{scenario}");
}

fn served(script: &str) {
    let perf = start("off");
    let working = busy();
    sampled(&perf);
    drive(script, "served", &[&perf.address().expect("an address").to_string()]);
    DONE.store(true, Relaxed);
    working.join().expect("it ends");
}

fn guarded(script: &str) {
    let perf = start("all");
    search(1);
    let address = perf.address().expect("an address");
    let asked = |target: &str, more: &str| {
        request(address, &format!("GET {target} HTTP/1.1\r\nHost: {address}\r\n{more}Connection: close\r\n\r\n"))
    };
    for (target, status) in [
        ("/flame", 200),
        ("/flame?weight=cpu_samples&seconds=3", 200),
        ("/assets/flame.js", 200),
        ("/api/v1/flame", 401),
        ("/api/v1/flame/cpu", 401),
        ("/metrics", 401),
    ] {
        assert_eq!(asked(target, "").status, status, "{target}");
    }
    // A page of another origin may load files, and nothing else.
    let foreign = "Sec-Fetch-Site: cross-site\r\nOrigin: http://evil.example\r\n";
    assert_eq!((asked("/assets/flame.css", foreign).status, asked("/flame", foreign).status), (200, 403));
    drive(script, "guarded", &[&address.to_string(), "0123456789abcdef"]);
}

/// The data routes, their errors, and the files.
fn routes() {
    let perf = start("off");
    let working = busy();
    sampled(&perf);
    let address = perf.address().expect("an address");
    let json = |target: &str| {
        let answer = get(address, target);
        assert_eq!(answer.status, 200, "{target}: {}", answer.text());
        assert_eq!(answer.header("content-type"), Some("application/json"), "{target}");
        answer.text()
    };
    let calls = json("/api/v1/flame");
    assert!(perf.snapshot().tree.iter().any(|node| node.parent != ROOT), "a tree");
    for part in ["\"format\":\"perf-sdk flame 1\"", "viewer::search", "\"name\":\"wall\"", "\"name\":\"live_growth\""] {
        assert!(calls.contains(part), "{part}: {calls}");
    }
    let cpu = json("/api/v1/flame/cpu");
    for part in [
        "\"times\":{\"start_us\":",
        "\"name\":\"cpu_samples\"",
        "samples are kept from",
        "\"function\":\"viewer::search\"",
    ] {
        assert!(cpu.contains(part), "{part}: {cpu}");
    }
    assert!(json("/api/v1/flame/cpu?from=-1s").len() <= cpu.len() * 4);
    assert!(!json("/api/v1/flame/cpu?from=start").contains("\"times\""));
    assert!(json("/api/v1/flame/wall?seconds=0.2").contains("offcpu_samples"));
    assert!(json("/api/v1/flame/heap").contains("heap_live"));
    // Of a time before, there is nothing, and that is no error.
    assert!(json("/api/v1/flame/cpu?from=10&to=20").contains("\"row\":[]"));
    let file = get(address, "/api/v1/flame?download");
    assert_eq!(file.header("content-disposition"), Some("attachment; filename=\"flame-calls.html\""));
    assert!(file.text().starts_with("<!doctype html>") && file.text().contains("viewer::search"));
    for (target, status, parts) in [
        ("/flame?wieght=wall", 400, &["wieght", "weight, colour"][..]),
        ("/api/v1/flame?weight=wall", 400, &["allowed: seconds, download"]),
        ("/api/v1/flame?download=2", 400, &["download is \"2\"", "no value"]),
        ("/api/v1/flame/cpu?from=soon", 400, &["from is \"soon\"", "-30s", "start"]),
        ("/api/v1/flame/cpu?from=-1s&to=-2s", 400, &["from is not before to"]),
        ("/api/v1/flame/cpu?from=start&to=now", 400, &["from=start alone"]),
        ("/api/v1/flame/cpu?seconds=1&from=-5s", 400, &["from is given beside seconds"]),
        ("/assets/flame.js?v=1", 400, &["allowed: none"]),
    ] {
        let answer = get(address, target);
        assert_eq!(answer.status, status, "{target}: {}", answer.text());
        assert!(parts.iter().all(|part| answer.text().contains(part)), "{target}: {}", answer.text());
    }
    let page = get(address, "/flame");
    let policy = page.header("content-security-policy").expect("a policy");
    assert!(policy.contains("connect-src 'self'") && !policy.contains("unsafe"), "{policy}");
    assert!(!page.text().contains("href=\"/") && !page.text().contains("src=\"/"), "a prefix may be before it");
    DONE.store(true, Relaxed);
    working.join().expect("it ends");
}

/// Samples in calls that are slower than the p99 are those in them.
fn slow() {
    let perf = start("off");
    let address = perf.address().expect("an address");
    until("samples", || {
        (0..200).for_each(|_| _ = search(0));
        search(60);
        let text = get(address, "/api/v1/flame/cpu").text();
        let Some((_, slow)) = text.split_once("\"function\":\"viewer::search\",\"p99_ns\":") else { return false };
        let number = |name: &str| -> u64 {
            let (_, rest) = slow.split_once(name).unwrap_or_default();
            rest.split(|c: char| !c.is_ascii_digit()).next().and_then(|digits| digits.parse().ok()).unwrap_or(0)
        };
        let samples = slow.split_once("\"samples\":[").and_then(|(_, rest)| rest.split_once(']'));
        let samples = samples.map_or(0, |(list, _)| list.split(',').filter(|number| !number.is_empty()).count());
        // One of 201 calls burns 60 ms, so the p99 is below that, and six samples are due in it.
        number("\"kept\":") > 0 && number("\"slower\":") > 0 && samples >= 3
    });
}
