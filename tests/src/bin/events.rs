//! Programs that read what happens, and in which something is done about alerts: one scenario in
//! each process, named by the argument.

use std::io::{BufRead as _, BufReader, Lines, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use perf_sdk::Rate;
use perf_sdk::alert::{
    AlertAction, AlertActionKind, AlertChange, AlertCommand, AlertOutcome, AlertPhase, AlertRule, AlertRun,
};
use perf_sdk::event::{Event, EventRecord};
use perf_sdk::finding::Remedy;
use perf_sdk_tests::http::{get, request};
use perf_sdk_tests::{PATIENCE, fork, until, wait_for};

fn main() {
    let argument = std::env::args().nth(1).unwrap_or_default();
    match argument.as_str() {
        "reads" => reads(),
        "serves" => serves(),
        "acts" => acts(),
        "optimizes" => optimizes(),
        "commanded" => commanded(),
        "many" => many(),
        other => panic!("no scenario {other:?}"),
    }
}

/// What waits in the queue `jobs`.
static DEPTH: AtomicU64 = AtomicU64::new(0);

fn rule(text: &str) -> AlertRule {
    AlertRule::new(text).unwrap_or_else(|error| panic!("{error}"))
}

/// The next event that `wanted` knows.
fn next<T>(events: &mut perf_sdk::event::Events, wanted: impl Fn(&Event) -> Option<T>) -> T {
    loop {
        let record = events.next_within(PATIENCE).expect("an event");
        if let Some(found) = wanted(&record.event) {
            return found;
        }
    }
}

/// Changes of alerts and flags are read as they happen, by a thread and by a future.
fn reads() {
    let _jobs = perf_sdk::watch_queue("jobs").depth(|| DEPTH.load(Relaxed));
    let many = rule("queue_depth > 5 keep 1s").name("many jobs").flag("fewer jobs").evidence(false);
    let builder = perf_sdk::builder().listen("off").report(false).alerts_shipped(false).alert(many);
    let perf = builder.start().unwrap_or_else(|error| panic!("{error}"));
    let mut events = perf.events();
    assert!(events.try_next().is_none() && events.next_within(Duration::from_millis(1)).is_none());
    DEPTH.store(9, Relaxed);
    let phase = |event: &Event| match event {
        Event::AlertPhase(change) => Some((change.from, change.to)),
        _ => None,
    };
    assert_eq!(next(&mut events, phase), (AlertPhase::Inactive, AlertPhase::Firing));
    let change = |event: &Event| match event {
        Event::Alert(alert) => Some((alert.rule.clone(), alert.change)),
        _ => None,
    };
    assert_eq!(next(&mut events, change), ("many jobs".to_owned(), AlertChange::Fired));
    let flag = |event: &Event| match event {
        Event::Flag(change) => Some((change.flag.clone(), change.on, change.by.clone())),
        _ => None,
    };
    assert_eq!(next(&mut events, flag), ("fewer jobs".to_owned(), true, "alert".to_owned()));
    DEPTH.store(0, Relaxed);
    // Cooling down, unless the next judgement was late.
    assert_eq!(next(&mut events, phase).0, AlertPhase::Firing);
    assert_eq!(next(&mut events, change).1, AlertChange::Resolved);
    assert_eq!(next(&mut events, flag), ("fewer jobs".to_owned(), false, "alert".to_owned()));

    // A flag that is as it was is nothing that happened.
    perf.set_flag("by hand", true);
    perf.set_flag("by hand", true);
    perf.set_flag("by hand", false);
    assert_eq!(next(&mut events, flag), ("by hand".to_owned(), true, "program".to_owned()));
    assert_eq!(next(&mut events, flag), ("by hand".to_owned(), false, "program".to_owned()));
    perf.set_sampling("shop::*", Rate::one_in(8));
    let rates = |event: &Event| match event {
        Event::Rates(rates) if rates.by == "program" => Some(rates.changes.clone()),
        _ => None,
    };
    let changes = next(&mut events, rates);
    assert!(changes.len() == 1 && changes[0].function == "shop::*" && changes[0].now == Some(8), "{changes:?}");

    // A later reader has what came before if it wants to; one that is slow loses the oldest.
    let mut later = perf.events().with_last(1);
    assert_eq!(next(&mut later, rates), changes);
    for turn in 0..600 {
        perf.set_flag("by hand", turn % 2 == 0);
    }
    let record = events.try_next().expect("an event");
    let Event::Lost(lost) = record.event else { panic!("{record:?}") };
    assert!((88..200).contains(&lost), "{lost}");
    let numbers: Vec<u64> = std::iter::from_fn(|| events.try_next()).map(|record| record.number).collect();
    assert!(numbers[0] == record.number + 1 && numbers.is_sorted() && numbers.len() >= 512, "{numbers:?}");

    let child = fork();
    if child == 0 {
        perf.set_flag("by hand", true);
        let is_none = perf.events().with_last(9).next().is_none();
        std::process::exit(if is_none { 0 } else { 9 })
    }
    assert_eq!(wait_for(child), 0, "a child has no events");

    // Both end with the profiler.
    let reader = std::thread::spawn(move || events.last());
    {
        let mut receiving = pin!(later.recv());
        let mut context = Context::from_waker(Waker::noop());
        assert!(matches!(receiving.as_mut().poll(&mut context), Poll::Ready(Some(_))));
    }
    drop(perf);
    let last: Option<EventRecord> = reader.join().expect("no panic");
    assert!(last.is_none_or(|last| last.number >= 600), "what it still had");
    until("the other one to end", || later.next().is_none());
    perf_sdk::measure("work", || ());
}

type Reading = Lines<BufReader<TcpStream>>;

/// Begins to read the stream, with further lines in the head.
fn open(address: SocketAddr, path: &str, head: &str) -> Reading {
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let asked = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nAccept-Encoding: gzip\r\n{head}\r\n");
    stream.write_all(asked.as_bytes()).expect("a request");
    BufReader::new(stream).lines()
}

/// The next line that begins so, without that.
fn line(reading: &mut Reading, begin: &str) -> String {
    loop {
        let line = reading.next().expect("the stream goes on").expect("a line");
        if let Some(rest) = line.strip_prefix(begin) {
            return rest.to_owned();
        }
    }
}

/// The stream of the endpoint: what happens, what happened before, and how many read it.
fn serves() {
    let perf = perf_sdk::builder().listen("127.0.0.1:0").report(false).start().expect("a start");
    let address = perf.address().expect("an address");
    let mut first = open(address, "/api/v1/events", "");
    assert_eq!(line(&mut first, "HTTP/1.1 "), "200 OK");
    assert_eq!(line(&mut first, "content-type: "), "text/event-stream");
    line(&mut first, ":");
    perf.set_flag("wanted", true);
    let id = line(&mut first, "id: ");
    let data = line(&mut first, "data: ");
    for part in ["{\"number\":", "\"event\":{\"flag\":{\"flag\":\"wanted\",\"on\":true,\"by\":\"program\"}}}"] {
        assert!(data.contains(part), "{part}: {data}");
    }
    perf.set_flag("wanted", false);
    // Who comes back has what came meanwhile; who comes from another process all there is.
    let mut again = open(address, "/api/v1/events", &format!("Last-Event-ID: {id}\r\n"));
    assert!(line(&mut again, "data: ").contains("\"on\":false"));
    let mut other = open(address, "/api/v1/events", "Last-Event-ID: 1-1\r\n");
    assert!(line(&mut other, "data: ").contains("\"on\":true"));
    let mut last = open(address, "/api/v1/events?last=1", "");
    assert!(line(&mut last, "data: ").contains("\"on\":false"));

    let more: Vec<Reading> = (0..4).map(|_| open(address, "/api/v1/events", "")).collect();
    let mut more: Vec<Reading> = more
        .into_iter()
        .map(|mut reading| {
            line(&mut reading, ":");
            reading
        })
        .collect();
    let refused = get(address, "/api/v1/events");
    assert!(refused.status == 429 && refused.text().contains("8 readers"), "{}", refused.text());
    // A reader that is gone leaves its place when something is sent to it.
    drop(more.pop());
    until("its place to be free", || {
        perf.set_flag("wanted", true);
        perf.set_flag("wanted", false);
        let mut reading = open(address, "/api/v1/events", "");
        line(&mut reading, "HTTP/1.1 ") == "200 OK"
    });
    for (path, said) in [("?last=x", "last is \"x\""), ("?from=1", "allowed: last")] {
        let wrong = get(address, &format!("/api/v1/events{path}"));
        assert!(wrong.status == 400 && wrong.text().contains(said), "{}", wrong.text());
    }
    // None of them keeps the endpoint from its end.
    drop(perf);
    assert!(TcpStream::connect(address).is_err());
}

/// What is done about alerts, how it is judged, and where that is shown.
fn acts() {
    let _jobs = perf_sdk::watch_queue("jobs").depth(|| DEPTH.load(Relaxed));
    let shell = |text: &str| AlertCommand::new("/bin/sh").arg("-c").arg(text);
    let told = "echo $PERF_ALERT_NAME $PERF_ALERT_STATE $PERF_ALERT_SEVERITY $PERF_ALERT_VALUE";
    let many = rule("queue_depth > 5 keep 1s").name("many jobs").flag("fewer jobs").evidence(false);
    let many = many.action(AlertAction::Command(shell(told).at_end(true))).action(AlertAction::Trim);
    let stays = rule("process_threads > 0 keep 1s").name("stays").judged_after(Duration::from_secs(1));
    let stays = stays.action(AlertAction::Purge).action(AlertAction::Command(shell("exit 7")));
    let asked = rule("rate(asked) > 0/s over 5s keep 1s").name("asked").evidence(false);
    let asked = asked.action(AlertAction::Sampling(Rate::ALWAYS));
    let builder = perf_sdk::builder().listen("127.0.0.1:0").report(false).alerts_shipped(false);
    let perf = builder.alert(many).alert(stays).alert(asked).start().unwrap_or_else(|error| panic!("{error}"));
    let address = perf.address().expect("an address");
    let mut events = perf.events().with_last(100);
    DEPTH.store(9, Relaxed);
    let runs = |rule: &str, action: AlertActionKind| {
        let report = perf.alerts().unwrap_or_default();
        let of = move |run: &AlertRun| run.rule == rule && run.action == action;
        report.runs.into_iter().filter(of).rev().collect::<Vec<AlertRun>>()
    };
    let outcome = |rule: &str, action: AlertActionKind, at: usize| {
        runs(rule, action).get(at).map_or(AlertOutcome::Running, |run| run.outcome)
    };
    use AlertActionKind::{Capture, Command, Flag, Purge, Sampling, Trim};
    until("the command to end", || outcome("many jobs", Command, 0) == AlertOutcome::Done);
    assert_eq!(runs("many jobs", Command)[0].output, "many jobs firing warning 9\n");
    DEPTH.store(0, Relaxed);
    for action in [Command, Flag, Trim] {
        until("it to be judged", || outcome("many jobs", action, 0) == AlertOutcome::Recovered);
    }
    until("the command of the end", || outcome("many jobs", Command, 1) == AlertOutcome::Done);
    assert_eq!(runs("many jobs", Command)[1].output, "many jobs resolved warning 9\n");
    until("the purge to be judged", || outcome("stays", Purge, 0) == AlertOutcome::NoEffect);
    until("the other command to fail", || outcome("stays", Command, 0) == AlertOutcome::Failed);
    let failed = &runs("stays", Command)[0];
    assert!(failed.attempts == 3 && failed.detail == "/bin/sh: it ended with exit status: 7", "{failed:?}");
    until("its evidence to be kept", || outcome("stays", Capture, 0) == AlertOutcome::Done);
    until("the functions to be measured more often", || {
        perf_sdk::measure("asked", || ());
        outcome("asked", Sampling, 0) == AlertOutcome::Done
    });

    let report = perf.alerts().expect("a report");
    let fired = report.events.iter().find(|event| event.rule == "stays").expect("it fired");
    let of_it: Vec<AlertActionKind> = report.runs_of(fired).map(|run| run.action).collect();
    assert_eq!(of_it, [Capture, Purge, Command]);
    let page = get(address, "/alerts").text();
    for part in ["purge: <span class=\"bad\">no effect</span>", "trim: <span class=\"ok\">recovered</span>"] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let json = get(address, "/alerts?format=json").text();
    assert!(json.contains("\"action\":\"purge\",\"outcome\":\"no_effect\""), "{json}");
    until("the metrics to have them", || {
        let scrape = get(address, "/metrics").text();
        // Three of five.
        ["alert_actions_total{action=\"trim\",outcome=\"recovered\"} 1", "alert_actions_recovered_ratio 0.6"]
            .iter()
            .all(|line| scrape.contains(line))
    });
    // Rates go with the alert.
    let rates = |event: &Event| match event {
        Event::Rates(rates) if rates.by == "alert" => Some(rates.changes[0].now),
        _ => None,
    };
    assert_eq!((next(&mut events, rates), next(&mut events, rates)), (Some(1), None));
    let mut later = perf.events().with_last(500);
    let judged = |event: &Event| match event {
        Event::Action(run) if run.outcome == AlertOutcome::NoEffect => Some(run.rule.clone()),
        _ => None,
    };
    assert_eq!(next(&mut later, judged), "stays");
}

/// What can be done about findings is done: here what the program itself can do.
fn optimizes() {
    let perf = perf_sdk::builder().listen("off").report(false).start().unwrap_or_else(|error| panic!("{error}"));
    let is_less = || perf_sdk::flag!("panics");
    assert!(!is_less());
    let calm = perf.optimize();
    assert!(calm.done.is_empty() && calm.not_done.is_empty() && calm.figures.is_empty(), "{calm:?}");
    std::panic::set_hook(Box::new(|_| ()));
    for _ in 0..200 {
        let _ = std::panic::catch_unwind(|| perf_sdk::measure("fails", || panic!("on purpose")));
    }
    until("two seconds to pass", || perf.findings().findings.iter().any(|finding| finding.rule == "panics"));
    let done = perf.optimize();
    assert_eq!(done.done.len(), 1, "{done:?}");
    assert_eq!(done.done[0].remedy, Remedy::Flag("panics".to_owned()));
    assert!(is_less() && done.done[0].detail == "the flag panics is on", "{done:?}");
    let figure = done.figures.iter().find(|figure| figure.name == "flag_on").expect("a figure");
    assert_eq!((figure.before, figure.after), (Some(0.0), Some(1.0)));
    let again = perf.optimize();
    assert!(again.done.is_empty(), "{again:?}");
    let why = again.not_done.iter().find(|not| not.rule == "panics").map(|not| not.why.as_str());
    assert_eq!(why, Some("the flag panics is on already"));
    perf.set_flag("panics", false);
    assert!(!is_less());
}

/// With a rule and a command of the environment. Prints what the command wrote.
fn commanded() {
    let builder = perf_sdk::builder().listen("127.0.0.1:0").report(false).alerts_shipped(false);
    let perf = builder.start().unwrap_or_else(|error| panic!("{error}"));
    let command = || {
        let runs = perf.alerts().unwrap_or_default().runs;
        runs.into_iter().find(|run| run.action == AlertActionKind::Command && run.outcome == AlertOutcome::Done)
    };
    until("the command to end", || command().is_some());
    println!("{}", command().expect("a run").output);
    // Nobody sets one from outside.
    let address = perf.address().expect("an address");
    let set = format!("POST /api/v1/settings?alert_command=x HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n");
    let token = "Authorization: Bearer 0123456789abcdef\r\nContent-Length: 0\r\n\r\n";
    let answer = request(address, &(set + token));
    assert!(answer.status == 400 && answer.text().contains("alert_command"), "{}", answer.text());
}

/// A thousand alerts fire at once, each with an action: all are told, and what has no room is said
/// to be skipped.
fn many() {
    let mut builder = perf_sdk::builder().listen("off").report(false).alerts_shipped(false);
    for number in 0..1_000 {
        let rule = rule(&format!("queue_depth > {number}")).evidence(false).action(AlertAction::Trim);
        builder = builder.alert(rule);
    }
    let _jobs = perf_sdk::watch_queue("jobs").depth(|| DEPTH.load(Relaxed));
    let perf = builder.start().unwrap_or_else(|error| panic!("{error}"));
    DEPTH.store(5_000, Relaxed);
    let report = || perf.alerts().unwrap_or_default();
    until("all to be acted upon", || {
        let runs = report().runs;
        runs.len() == 1_000 && runs.iter().all(|run| run.outcome != AlertOutcome::Running)
    });
    let report = report();
    assert_eq!(report.events.len(), 1_000);
    let is_full = |run: &&AlertRun| run.detail == "100 actions wait already";
    let (skipped, done): (Vec<_>, Vec<_>) = report.runs.iter().partition(|run| run.outcome == AlertOutcome::Skipped);
    assert!(skipped.iter().all(is_full) && !skipped.is_empty(), "{:?}", skipped.first());
    assert!(done.len() >= 100 && done.iter().all(|run| run.outcome == AlertOutcome::Done), "{}", done.len());
}
