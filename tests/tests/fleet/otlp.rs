//! Metrics are sent as OTLP to a server that takes them, refuses them, asks for time, or hangs.
//! What it gets is read by OpenTelemetry's own messages, in Python.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use perf_sdk_tests::has;
use perf_sdk_tests::http::get;
use serde_json::Value;

use super::receiver::{Act, Receiver, Request};
use super::service::{Ended, Service, until};

const TAKE: Act = Act::Answer(200, "");
/// The time limit for the end of the program.
const END: Duration = Duration::from_millis(2_500);

fn start(receiver: &Receiver, environment: &[(&str, &str)]) -> Service {
    let url = receiver.url("/otlp");
    let own = [("PERF_OTLP", url.as_str()), ("PERF_OTLP_INTERVAL", "1s")];
    Service::start("deliver", &[&own[..], environment].concat())
}

fn has_reader() -> bool {
    has("python3", &["-c", "import opentelemetry.proto.metrics.v1"], "pip install opentelemetry-proto")
}

fn taken(receiver: &Receiver) -> Vec<Request> {
    receiver.requests().into_iter().filter(|request| request.is_taken).collect()
}

/// Delivered, lost and waiting: data points, and requests.
fn counts(ended: &Ended) -> [u64; 3] {
    let [(by, counts)] = &ended.counts[..] else { panic!("{ended:?}") };
    assert_eq!(by, "otlp");
    *counts
}

/// The metrics of each request, by name, and the attributes of the resource.
struct Read {
    metrics: BTreeMap<String, Value>,
    resource: BTreeMap<String, String>,
}

/// What a script says of requests, each of which is a file in a folder of this name.
fn python(name: &str, script: &str, requests: &[Request]) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("otlp").join(script);
    let mut command = Command::new("python3");
    command.arg(script);
    for (number, request) in requests.iter().enumerate() {
        let file = folder.join(format!("{number}.pb.gz"));
        fs::write(&file, &request.body).unwrap();
        command.arg(file);
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

fn read(requests: &[Request], name: &str) -> Vec<Read> {
    let all: Vec<Value> = serde_json::from_slice(&python(name, "metrics.py", requests)).unwrap();
    let read = all.iter().map(|request| {
        let [of_resource] = request["resourceMetrics"].as_array().unwrap().as_slice() else { panic!("{request}") };
        let metrics = of_resource["scopeMetrics"][0]["metrics"].as_array().unwrap();
        let named = metrics.iter().map(|metric| (metric["name"].as_str().unwrap().to_owned(), metric.clone()));
        let (number, metrics) = (metrics.len(), named.collect::<BTreeMap<_, _>>());
        assert_eq!(metrics.len(), number, "a name for each metric");
        Read { metrics, resource: attributes(&of_resource["resource"]) }
    });
    read.collect()
}

fn attributes(of: &Value) -> BTreeMap<String, String> {
    let all = of["attributes"].as_array().map(Vec::as_slice).unwrap_or_default();
    let pair = |one: &Value| {
        (one["key"].as_str().unwrap().to_owned(), one["value"]["stringValue"].as_str().unwrap().to_owned())
    };
    all.iter().map(pair).collect()
}

/// The data points of a metric with this attribute.
fn points<'a>(metric: &'a Value, kind: &str, name: &str, value: &str) -> Vec<&'a Value> {
    let points = metric[kind]["dataPoints"].as_array().unwrap_or_else(|| panic!("{metric}"));
    points.iter().filter(|point| attributes(point).get(name).is_some_and(|found| found == value)).collect()
}

/// The name that a server makes for Prometheus: it adds the unit if it is missing.
fn in_prometheus(metric: &Value) -> String {
    let name = metric["name"].as_str().unwrap();
    let unit = match metric["unit"].as_str().unwrap_or_default() {
        "s" => "_seconds",
        "By" => "_bytes",
        "Hz" => "_hertz",
        "1" => "_ratio",
        _ => "",
    };
    let is_counter = metric["sum"]["isMonotonic"].as_bool() == Some(true);
    let unit = if name.ends_with(unit) { "" } else { unit };
    format!("{name}{unit}{}", if is_counter { "_total" } else { "" })
}

/// Names of OpenTelemetry's own.
const MAPPED: [(&str, &str); 5] = [
    ("process.cpu.time_seconds_total", "process_cpu_seconds_total"),
    ("process.unix.file_descriptor.count", "process_open_fds"),
    ("process.memory.usage_bytes", "process_resident_memory_bytes"),
    ("process.thread.count", "process_threads"),
    ("process.memory.virtual_bytes", "process_virtual_memory_bytes"),
];

#[test]
fn metrics_are_those_of_a_scrape() {
    if !has_reader() {
        return;
    }
    let receiver = Receiver::start(|_| TAKE);
    let settings = [
        ("PERF_PUSH_NAME", "shop/cart"),
        ("PERF_OTLP_ATTRIBUTES", "deployment.environment.name=test"),
        ("PERF_OTLP_HEADERS", "Authorization=Bearer a-secret"),
        ("OTEL_RESOURCE_ATTRIBUTES", "service.name=other,cloud.region=eu%20west"),
    ];
    let service = start(&receiver, &settings);
    until("three requests", || taken(&receiver).len() >= 3);
    let (before, scrape) = (taken(&receiver).len(), get(service.address, "/metrics").text());
    until("a later request", || taken(&receiver).len() > before + 1);
    let ended = service.end();
    let requests = taken(&receiver);
    for request in &requests {
        assert_eq!(request.path, "/otlp/v1/metrics");
        assert_eq!(request.header("content-type"), Some("application/x-protobuf"));
        assert_eq!(request.header("content-encoding"), Some("gzip"));
        assert_eq!(request.header("authorization"), Some("Bearer a-secret"));
    }
    assert!(!ended.said.contains("a-secret"), "{ended:?}");
    let all = read(&requests, "otlp-scrape");
    let Read { metrics, resource } = &all[before + 1];
    for (name, value) in [
        ("service.name", "shop/cart"),
        ("deployment.environment.name", "test"),
        ("cloud.region", "eu west"),
        ("telemetry.sdk.name", "perf-sdk"),
    ] {
        assert_eq!(resource.get(name).map(String::as_str), Some(value), "{resource:?}");
    }
    let scraped: BTreeSet<&str> =
        scrape.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    let sent: BTreeSet<String> = metrics.values().map(in_prometheus).collect();
    let sent: BTreeSet<&str> = sent
        .iter()
        .map(|name| MAPPED.iter().find(|(theirs, _)| theirs == name).map_or(name.as_str(), |(_, ours)| ours))
        .collect();
    let missing: Vec<_> = scraped.difference(&sent).collect();
    assert!(missing.is_empty() && scraped.len() > 60, "{missing:?} of {}", scraped.len());
    let cumulative = "AGGREGATION_TEMPORALITY_CUMULATIVE";
    let calls = &metrics["function_calls"];
    assert_eq!(calls["sum"]["aggregationTemporality"], cumulative);
    let kept: Vec<_> = points(calls, "sum", "function", "keep");
    let sum: f64 = kept.iter().map(|point| point["asDouble"].as_f64().unwrap()).sum();
    assert_eq!(sum, 1.0, "{kept:?}");
    let durations = &metrics["function_calls_duration_seconds"];
    assert_eq!(durations["unit"], "s");
    let [kept] = points(durations, "exponentialHistogram", "function", "keep")[..] else { panic!("{durations}") };
    assert_eq!((kept["count"].as_str(), kept["scale"].as_i64()), (Some("1"), Some(5)));
    let counts_of_buckets = kept["positive"]["bucketCounts"].as_array().unwrap();
    assert_eq!(counts_of_buckets, &[Value::from("1")], "one duration is in one bucket");
    // (2^(offset/32), 2^((offset + 1)/32)] has it.
    let (sum, offset) = (kept["sum"].as_f64().unwrap(), kept["positive"]["offset"].as_i64().unwrap() as f64);
    assert!(offset <= 32.0 * sum.log2() && 32.0 * sum.log2() <= offset + 1.0, "{kept}");
    assert_eq!(metrics["kept"]["sum"]["dataPoints"][0]["asDouble"], 100.0, "the program's own");
    let [delivered, lost, waiting] = counts(&ended);
    assert!(delivered > 1_000 && lost == 0 && waiting == 0, "{ended:?}");
}

#[test]
fn differences_sum_up_to_what_a_scrape_says() {
    if !has_reader() {
        return;
    }
    let receiver = Receiver::start(|_| TAKE);
    let service = start(&receiver, &[("PERF_OTLP_TEMPORALITY", "delta")]);
    until("three requests", || taken(&receiver).len() >= 3);
    let ended = service.end();
    assert_eq!(counts(&ended)[1..], [0, 0], "{ended:?}");
    let (mut sum, mut until_ns) = (0.0, None);
    for Read { metrics, .. } in read(&taken(&receiver), "otlp-deltas") {
        let busy = &metrics["function_sampled_cpu_seconds"];
        assert_eq!(busy["sum"]["aggregationTemporality"], "AGGREGATION_TEMPORALITY_DELTA");
        for point in points(busy, "sum", "function", "busy") {
            let [from, to] = ["startTimeUnixNano", "timeUnixNano"].map(|name| point[name].as_str().unwrap().to_owned());
            assert!(until_ns.as_ref().is_none_or(|end| *end == from), "{point} after {until_ns:?}");
            until_ns = Some(to);
            sum += point["asDouble"].as_f64().unwrap_or(0.0);
        }
    }
    let sampled = ended.sampled[1] as f64 / 1e9;
    assert!(sum > 0.0 && sum <= sampled * 1.000_001, "{sum} of {sampled}");
}

#[test]
fn profiles_are_sent_where_they_are_asked_for() {
    let probe = "import opentelemetry.proto.collector.profiles.v1development.profiles_service_pb2";
    if !has("python3", &["-c", probe], "pip install opentelemetry-proto") {
        return;
    }
    let receiver = Receiver::start(|_| TAKE);
    let service = start(&receiver, &[("PERF_OTLP_PROFILES", "true")]);
    let profiles = || {
        let all = taken(&receiver).into_iter();
        all.filter(|request| request.path == "/otlp/v1development/profiles").collect::<Vec<_>>()
    };
    until("two profiles", || profiles().len() >= 2);
    let ended = service.end();
    let seconds: f64 = profiles()
        .iter()
        .zip(0..)
        .map(|(request, at)| {
            let said = python(&format!("otlp-profile-{at}"), "profile.py", std::slice::from_ref(request));
            let of_busy: Value = serde_json::from_slice(&said).unwrap();
            assert_eq!(of_busy["type"], "cpu nanoseconds");
            of_busy["seconds"].as_f64().unwrap()
        })
        .sum();
    let sampled = ended.sampled[1] as f64 / 1e9;
    assert!(seconds > 0.0 && seconds <= sampled * 1.000_001, "{seconds} of {sampled}");
}

#[test]
fn what_a_server_has_no_time_for_is_sent_again() {
    let later = "HTTP/1.1 503 Busy\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    let receiver = Receiver::start(move |number| if number == 0 { Act::Say(later) } else { TAKE });
    let service = start(&receiver, &[]);
    until("two requests that are taken", || taken(&receiver).len() >= 2);
    let ended = service.end();
    let requests = receiver.requests();
    assert_eq!(requests[0].body, requests[1].body, "the same again");
    assert!(requests[2..].iter().all(|request| request.body != requests[1].body));
    let [delivered, lost, waiting] = counts(&ended);
    assert!(delivered > 0 && lost == 0 && waiting == 0, "{ended:?}");
}

#[test]
fn what_a_server_refuses_is_lost_and_said() {
    let refused = Act::Answer(400, "too many labels");
    let receiver = Receiver::start(move |_| refused);
    let service = start(&receiver, &[]);
    until("two requests", || receiver.requests().len() >= 2);
    let page = get(service.address, "/pages").text();
    assert!(page.contains("data points sent"), "{page}");
    let ended = service.end();
    let [delivered, lost, _] = counts(&ended);
    assert!(delivered == 0 && lost > 100, "{ended:?}");
    assert!(ended.said.contains("answered 400: too many labels"), "{ended:?}");
    let bodies: BTreeSet<_> = receiver.requests().into_iter().map(|request| request.body).collect();
    assert_eq!(bodies.len(), receiver.requests().len(), "none was sent twice");
}

#[test]
fn data_points_that_a_server_refuses_are_counted() {
    // `partial_success`: three data points, and why.
    let partial =
        "HTTP/1.1 200 OK\r\nContent-Length: 13\r\nConnection: close\r\n\r\n\n\u{b}\u{8}\u{3}\u{12}\u{7}too old";
    let receiver = Receiver::start(move |_| Act::Say(partial));
    let service = start(&receiver, &[]);
    until("two requests", || receiver.requests().len() >= 2);
    let ended = service.end();
    let requests = receiver.requests().len() as u64;
    let [delivered, lost, waiting] = counts(&ended);
    assert!(delivered > 100 && waiting == 0, "{ended:?}");
    assert!(lost % 3 == 0 && lost > 0 && lost <= 3 * requests, "{lost} of {requests} requests");
    assert!(ended.said.contains("the server refused 3 data points: too old"), "{ended:?}");
}

#[test]
fn a_server_that_hangs_does_not_keep_the_program() {
    let receiver = Receiver::start(|_| Act::Hang);
    let service = start(&receiver, &[]);
    until("a request", || !receiver.requests().is_empty());
    let ended = service.end();
    assert!(ended.took < END, "{ended:?}");
    let [delivered, lost, waiting] = counts(&ended);
    assert!(delivered == 0 && lost > 0 && waiting == 0, "{ended:?}");
}
