//! Profiles are pushed to a server that accepts them, refuses them, fails, hangs, or does not
//! exist.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::time::Duration;

use perf_sdk_tests::PATIENCE;
use perf_sdk_tests::http::get;
use perf_sdk_tests::pprof::Profile;
use prost::Message as _;

use super::receiver::{Act, Receiver, Request};
use super::service::{Ended, Service, until};

const TAKE: Act = Act::Answer(200, "");
/// On a slow or loaded machine, there may be no time for the last window at the end of the program,
/// and the first window may begin late. Then the deliveries are incomplete. This does not happen in
/// every attempt, unless the program uses the whole time for its end in every attempt.
const ATTEMPTS: u32 = 4;
/// The time limit for the delivery of the last window at the end of the program.
const END: Duration = Duration::from_millis(1_800);

fn start(url: &str, environment: &[(&str, &str)]) -> Service {
    let own = [("PERF_PUSH", url), ("PERF_PUSH_INTERVAL", "1s")];
    Service::start("deliver", &[&own[..], environment].concat())
}

/// Delivered, lost and waiting profiles.
fn counts(ended: &Ended) -> [u64; 3] {
    let [(by, counts)] = &ended.counts[..] else { panic!("{ended:?}") };
    assert_eq!(by, "push");
    *counts
}

/// Whether nothing was delivered: all profiles are lost, or still wait because the machine is too
/// slow to give up within the time limit.
fn is_lost(ended: &Ended) -> bool {
    let [delivered, lost, waiting] = counts(ended);
    delivered == 0 && lost + waiting > 0
}

fn profiles(requests: &[Request], kind: &str) -> Vec<Profile> {
    let taken = requests.iter().filter(|request| request.is_taken);
    let all = taken.map(|request| Profile::read(&request.body));
    all.filter(|profile| profile.types().contains(&(kind, if kind == "cpu" { "nanoseconds" } else { "bytes" })))
        .collect()
}

/// Whether the profiles together contain every sample, and none twice. Also checks that the samples
/// agree with the CPU time that was used.
fn are_whole(profiles: &[Profile], ended: &Ended) -> bool {
    let sums = profiles.iter().map(|profile| profile.sums_of("fleet::busy"));
    let sums = sums.fold([0, 0], |[samples, ns], of| [samples + of[0], ns + of[1]]);
    assert!(sums[0] <= ended.sampled[0] && sums[1] <= ended.sampled[1], "{sums:?} twice: {ended:?}");
    // The timer of each of the two threads may be late by a period and a tick of the kernel.
    let ([before, used], sampled, late) = (ended.used, ended.sampled[1] as u64, 30_000_000);
    assert!(sampled + late >= (used - before) / 100 * 95, "{ended:?}");
    assert!(sampled <= used / 100 * 103 + late, "{ended:?}");
    sums == ended.sampled
}

/// Repeats the run until everything was delivered before the end.
fn whole(receiver: impl Fn() -> Receiver, run: impl Fn(&Receiver) -> Ended) -> (Receiver, Ended) {
    for attempt in 1.. {
        let receiver = receiver();
        let ended = run(&receiver);
        let requests = receiver.requests();
        let taken = requests.iter().filter(|request| request.is_taken).count() as u64;
        if are_whole(&profiles(&requests, "cpu"), &ended) && counts(&ended) == [taken, 0, 0] {
            return (receiver, ended);
        }
        println!("attempt {attempt}: {taken} taken, {ended:?}");
        if attempt >= ATTEMPTS {
            assert!(ended.took >= END, "something is missing each time: {taken} taken, {ended:?}");
            return (receiver, ended);
        }
    }
    unreachable!("the last attempt returns")
}

#[test]
fn every_window_is_ingested_once() {
    let settings = [
        ("PERF_PUSH_NAME", "shop/cart"),
        ("PERF_PUSH_LABELS", "env=test,zone=eu west & north"),
        ("PERF_PUSH_TOKEN", "a-secret"),
        ("PERF_PUSH_TENANT", "team-7"),
    ];
    let run = |receiver: &Receiver| {
        let service = start(&receiver.url("/pyro/"), &settings);
        until("three windows", || {
            ["cpu", "inuse_space"].iter().all(|kind| profiles(&receiver.requests(), kind).len() >= 3)
        });
        let metrics = get(service.address, "/metrics").text();
        let page = get(service.address, "/pages").text();
        assert!(
            metrics.contains("perf_push_total{result=\"ok\",to=\"") && metrics.contains("perf_push_waiting{to=\""),
            "{metrics}"
        );
        assert!(page.contains(" profiles pushed to http://127.0.0.1:") && !page.contains(" lost"), "{page}");
        let ended = service.end();
        for text in [&metrics, &page, &ended.said] {
            assert!(!text.contains("a-secret"), "{text}");
        }
        ended
    };
    // Includes the last window, which was not complete when the program ended.
    let (receiver, ended) = whole(|| Receiver::start(|_| TAKE), run);
    let requests = receiver.requests();
    let mut ended_at = BTreeMap::new();
    for request in &requests {
        assert!(request.path.starts_with("/pyro/ingest?"), "{}", request.path);
        assert_eq!(request.parameter("name").unwrap(), "shop/cart{env=test,zone=eu west & north}");
        assert_eq!(
            (request.parameter("format").unwrap(), request.parameter("spyName").unwrap()),
            ("pprof".into(), "perf-sdk".into())
        );
        let [from, until] = ["from", "until"].map(|name| request.parameter(name).unwrap().parse::<u64>().unwrap());
        let kind = Profile::read(&request.body).types()[0].0.to_owned();
        let before = ended_at.insert(kind, until);
        let before = before.unwrap_or(from);
        assert!(from < until && from == before, "from {from} until {until}, the one before until {before}");
        assert_eq!(request.header("authorization"), Some("Bearer a-secret"));
        assert_eq!(request.header("x-scope-orgid"), Some("team-7"));
        assert_eq!(request.header("content-type"), Some("application/octet-stream"));
        assert_eq!(request.header("content-encoding"), None);
        Profile::read(&request.body).assert_collectable(&request.path);
    }
    // Each profile contains all memory in use, but only the allocations of its own window.
    let heap = profiles(&requests, "inuse_space");
    let held = heap.iter().map(|profile| profile.sums_of("fleet::keep")).map(|of| [of[1], of[3]]);
    let kept: Vec<[i64; 2]> = held.skip_while(|sums| *sums == [0, 0]).collect();
    // At its end, the program frees the memory. The number of windows until then varies.
    let until = kept.iter().position(|sums| *sums == [0, 0]).unwrap_or(kept.len());
    let (holding, after) = kept.split_at(until);
    assert!(holding.len() >= 2 && holding[..until - 1].iter().all(|[_, held]| *held > 5 << 20), "{kept:?}");
    assert!(after.iter().all(|sums| *sums == [0, 0]), "{kept:?}");
    let allocated: i64 = kept.iter().map(|[allocated, _]| allocated).sum();
    assert!((5 << 20..9 << 20).contains(&allocated), "{kept:?}");
    assert!(counts(&ended)[0] <= requests.len() as u64, "{ended:?}");
}

#[derive(Clone, PartialEq, prost::Message)]
struct PushRequest {
    #[prost(message, repeated, tag = "1")]
    series: Vec<Series>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Series {
    #[prost(message, repeated, tag = "1")]
    labels: Vec<Label>,
    #[prost(message, repeated, tag = "2")]
    samples: Vec<Sample>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Label {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    value: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Sample {
    #[prost(bytes = "vec", tag = "1")]
    profile: Vec<u8>,
    #[prost(string, tag = "2")]
    id: String,
}

#[test]
fn the_push_protocol_delivers_each_profile_with_its_own_id() {
    let receiver = Receiver::start(|_| TAKE);
    let service = start(&receiver.url(""), &[("PERF_PUSH_PROTOCOL", "push"), ("PERF_PUSH_LABELS", "env=test")]);
    until("two windows", || receiver.requests().len() >= 4);
    let of_request = |body: &[u8]| Profile::read(&PushRequest::decode(body).unwrap().series[0].samples[0].profile);
    for function in ["fleet::busy", "fleet::keep"] {
        until(function, || {
            let has = |profile: Profile| profile.sums_of(function).iter().any(|sum| *sum > 0);
            receiver.requests().iter().any(|request| has(of_request(&request.body)))
        });
    }
    let ended = service.end();
    let (mut ids, mut metrics) = (Vec::new(), Vec::new());
    for request in receiver.requests() {
        assert_eq!(request.path, "/push.v1.PusherService/Push");
        assert_eq!(request.header("content-type"), Some("application/proto"));
        assert_eq!(request.header("connect-protocol-version"), Some("1"));
        assert_eq!((request.header("authorization"), request.header("x-scope-orgid")), (None, None));
        let message = PushRequest::decode(request.body.as_slice()).unwrap();
        let [series] = &message.series[..] else { panic!("{}", message.series.len()) };
        let [sample] = &series.samples[..] else { panic!("{}", series.samples.len()) };
        let labels: Vec<(&str, &str)> = series.labels.iter().map(|l| (l.name.as_str(), l.value.as_str())).collect();
        let [("__delta__", "false"), ("__name__", metric), ("env", "test"), ("service_name", "fleet")] = labels[..]
        else {
            panic!("{labels:?}")
        };
        let profile = Profile::read(&sample.profile);
        profile.assert_collectable(metric);
        let kind = if metric == "process_cpu" { ("cpu", "nanoseconds") } else { ("inuse_space", "bytes") };
        assert!(profile.types().contains(&kind), "{metric}");
        assert_eq!(sample.id.len(), 36);
        ids.push(sample.id.clone());
        metrics.push(metric.to_owned());
    }
    let all = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), all, "each profile has its own id");
    assert!(["process_cpu", "memory"].iter().all(|metric| metrics.iter().any(|seen| seen == metric)), "{metrics:?}");
    // On a slow machine, there may be no time to deliver the last window, or to count its answer.
    let ([delivered, lost, waiting], all) = (counts(&ended), all as u64);
    assert!((all - 1..=all).contains(&delivered) && lost + waiting <= 3, "{all}: {ended:?}");
}

#[test]
fn failed_deliveries_are_repeated() {
    let act = |number| match number {
        0 => Act::Answer(503, "no room\r\n"),
        1 => Act::Close,
        2 => Act::Answer(429, ""),
        _ => TAKE,
    };
    let run = |receiver: &Receiver| {
        let service = start(&receiver.url(""), &[]);
        until("the server to recover", || profiles(&receiver.requests(), "cpu").len() >= 5);
        service.end()
    };
    let (receiver, _) = whole(|| Receiver::start(act), run);
    let requests = receiver.requests();
    let refused = &requests[0];
    assert_eq!(refused.path, requests[2].path, "the same profile again");
    assert_eq!((refused.is_taken, &refused.body), (false, &requests[2].body));
}

/// Runs against `receiver` until it got this number of requests. Returns the last error and the
/// results.
fn against(receiver: &Receiver, requests: usize) -> (String, Ended) {
    let service = start(&receiver.url(""), &[]);
    until("requests", || receiver.requests().len() >= requests);
    let ended = service.end();
    // Without a time limit, a server that hangs would delay the end of the program by as long as
    // the test runs.
    assert!(ended.took < PATIENCE, "{ended:?}");
    let error = ended.said.lines().last().unwrap_or_default().rsplit(" | ").next().unwrap_or_default().to_owned();
    (error, ended)
}

#[test]
fn refused_profiles_are_lost_and_not_repeated() {
    let receiver = Receiver::start(|_| Act::Answer(400, "name: invalid\nservice name"));
    let (error, ended) = against(&receiver, 4);
    assert_eq!(error, "answered 400: name: invalid service name");
    let requests = receiver.requests();
    // On a slow machine, there may be no time to deliver the last window, or to count its answer.
    let ([delivered, lost, waiting], all) = (counts(&ended), requests.len() as u64);
    assert!(delivered == 0 && lost + waiting >= all && lost + waiting <= all + 2, "{all}: {ended:?}");
    let mut bodies: Vec<&Vec<u8>> = requests.iter().map(|request| &request.body).collect();
    bodies.sort();
    bodies.dedup();
    assert_eq!(bodies.len(), requests.len(), "each once");
    let elsewhere = Receiver::start(|_| Act::Say("HTTP/1.1 301 Moved\r\nLocation: http://192.0.2.1/\r\n\r\n"));
    let (error, ended) = against(&elsewhere, 2);
    assert!(error == "answered 301: redirects are not followed" && counts(&ended)[0] == 0, "{ended:?}");
}

#[test]
fn an_invalid_answer_is_an_error() {
    let receiver =
        Receiver::start(|number| Act::Say(["SSH-2.0-x\r\n", "", "HTTP/1.1 two hundred\r\n\r\n"][number % 3]));
    let (error, ended) = against(&receiver, 3);
    assert!(error.starts_with("no answer: "), "{ended:?}");
    assert!(is_lost(&ended), "{ended:?}");
}

#[test]
fn a_hanging_server_does_not_delay_the_end() {
    let receiver = Receiver::start(|_| Act::Hang);
    let (error, ended) = against(&receiver, 1);
    assert!(error.contains("not in time"), "{ended:?}");
    assert!(is_lost(&ended), "{ended:?}");
}

#[test]
fn an_unreachable_server_is_reported() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let service = start(&format!("http://{free}"), &[]);
    until("an error on the page", || {
        get(service.address, "/pages").text().contains("no connection: Connection refused")
    });
    until("waiting profiles to be counted", || {
        let metrics = get(service.address, "/metrics").text();
        let waits = metrics.lines().find(|line| line.starts_with("perf_push_waiting{")).unwrap_or_default();
        waits.rsplit(' ').next().is_some_and(|n| n.parse::<f64>().unwrap() > 0.0)
    });
    let ended = service.end();
    assert!(ended.took < PATIENCE && is_lost(&ended), "{ended:?}");
}

#[test]
fn a_forked_child_pushes_nothing() {
    let run = |receiver: &Receiver| {
        let url = receiver.url("");
        let service = Service::start("fork", &[("PERF_PUSH", &url), ("PERF_PUSH_INTERVAL", "1s")]);
        until("two windows", || profiles(&receiver.requests(), "cpu").len() >= 2);
        let ended = service.end();
        assert!(ended.said.contains("children [0, 0, 0, 0, 0]"), "{ended:?}");
        ended
    };
    let receiver = Receiver::start(|_| TAKE);
    let ended = run(&receiver);
    // No sample is delivered twice.
    are_whole(&profiles(&receiver.requests(), "cpu"), &ended);
}
