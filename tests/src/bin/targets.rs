//! Programs with targets and alerts: one scenario in each process, named by the argument.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use perf_sdk::alert::{AlertChange, AlertPhase, AlertRule, AlertSeverity};
use perf_sdk::snapshot::{ScalingDirection, Snapshot};
use perf_sdk::target::{Status, Target, Targets};
use perf_sdk::{Handle, Outcome};
use perf_sdk_tests::http::get;
use perf_sdk_tests::{fork, until, wait_for};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let argument = |at: usize| arguments.get(at).map_or("", String::as_str);
    match argument(1) {
        "returns" => {
            drop(worked(&start()));
            return ExitCode::from(argument(2).parse::<u8>().unwrap_or(0));
        }
        "exits" => {
            let perf = start();
            worked(&perf);
            std::process::exit(0)
        }
        "ends_early" => {
            drop(worked(&start()));
            std::thread::sleep(Duration::from_millis(50));
        }
        "child" => child(),
        "starts" => match perf_sdk::builder().listen("off").start() {
            Ok(perf) => drop(perf),
            Err(error) => {
                println!("{error}");
                return ExitCode::FAILURE;
            }
        },
        "code" => code(),
        "serves" => serves(),
        "without" => without(),
        "alarmed" => alarmed(),
        "calm" => calm(),
        "scales" => scales(),
        "logs" => logs(),
        "notifies" => notifies(),
        "errs" => errs(),
        "fires_before_its_end" => fires_before_its_end(),
        "saves" => worked(&start()).write_to(argument(2)).expect("a file"),
        other => panic!("no scenario {other:?}"),
    }
    ExitCode::SUCCESS
}

/// All calls are measured, so quantiles rest on all of them.
fn start() -> Handle {
    perf_sdk::builder().listen("127.0.0.1:0").budget("off").start().unwrap_or_else(|error| panic!("{error}"))
}

/// 60 calls that take no time, and 60 that sleep.
fn worked(perf: &Handle) -> Snapshot {
    for _ in 0..60 {
        perf_sdk::measure("quick", || ());
        perf_sdk::measure("slow", || std::thread::sleep(Duration::from_millis(1)));
    }
    perf.snapshot()
}

/// The child of a program that misses its targets has a status of its own.
fn child() {
    let perf = start();
    worked(&perf);
    assert!(perf.targets().expect("targets").is_missed());
    let child = fork();
    if child == 0 {
        let is_none = perf.targets().is_none() && perf.snapshot().targets.is_none();
        std::process::exit(if is_none { 0 } else { 9 })
    }
    assert_eq!(wait_for(child), 0, "the child's own status");
}

/// Targets made in code, and judged in code.
fn code() {
    let target = |text: &str| Target::new(text).unwrap_or_else(|error| panic!("{error}"));
    let quick = target("p95(quick) < 1h").name("quick").objective(99.0);
    let builder = perf_sdk::builder().listen("off").report(false).budget("off");
    let perf = builder.target(quick).target(target("p95(slow) < 1ns")).target(target("rate(never) > 1/s")).start();
    let perf = perf.unwrap_or_else(|error| panic!("{error}"));
    worked(&perf);
    let judgement = perf.targets().expect("targets");
    let found: Vec<(&str, Status)> =
        judgement.targets.iter().map(|state| (state.name.as_str(), state.status)).collect();
    let expected =
        [("quick", Status::Met), ("p95(\"slow\") < 1ns", Status::Missed), ("rate(\"never\") > 1/s", Status::NoData)];
    assert_eq!(found, expected, "{judgement:?}");
    assert_eq!(judgement.targets[0].events, 60);
    assert!(judgement.targets[2].reason.contains("nothing of this name"), "{:?}", judgement.targets[2]);
    assert_eq!(perf.snapshot().targets.map(|judgement| judgement.targets.len()), Some(3));
    drop(perf);

    // Twice the same name, an objective of what has none, a file beside targets.
    let named = |text: &str| target(text).name("one");
    for (builder, said) in [
        (perf_sdk::builder().target(named("cpu < 5%")).target(named("cpu < 6%")), "a name that no other target has"),
        (perf_sdk::builder().target(target("cpu < 5%").objective(99.0)), "which has an error budget"),
        (perf_sdk::builder().targets("a.toml").target(target("cpu < 5%")), "not both"),
        (perf_sdk::builder().targets("cpu < 5ms"), "targets():1:7 is \"5ms\""),
    ] {
        let error = builder.listen("off").start().map(drop).expect_err(said).to_string();
        assert!(error.contains(said), "{error}");
    }
    let all = Targets::parse("cpu < 500%; resident < 1GB", "here").expect("targets");
    let perf = perf_sdk::builder().listen("off").report(false).targets(all).start().expect("a start");
    assert_eq!(perf.targets().expect("targets").targets.len(), 2);
}

/// Alerts of the program, which fire and are over: page, JSON, metrics, snapshot and handle.
fn alarmed() {
    let rule = |text: &str| AlertRule::new(text).unwrap_or_else(|error| panic!("{error}"));
    static DEPTH: AtomicU64 = AtomicU64::new(0);
    let _jobs = perf_sdk::watch_queue("jobs").depth(|| DEPTH.load(Relaxed));
    let many = rule("queue_depth > 5 keep 1s").name("many jobs").summary("Start more workers.").flag("fewer jobs");
    let has_fewer = || perf_sdk::flag!("fewer jobs");
    let builder = perf_sdk::builder().listen("127.0.0.1:0").report(false).alerts_shipped(false);
    let perf = builder.alert(many.severity(AlertSeverity::Critical)).alert(rule("rate(nothing) > 1/s"));
    let perf = perf.start().unwrap_or_else(|error| panic!("{error}"));
    let address = perf.address().expect("an address");
    let phase = || {
        let report = perf.alerts()?;
        let alert = report.now.rules.first()?.alerts.first()?;
        Some(alert.phase)
    };
    until("the first judgement", || perf.alerts().is_some());
    assert_eq!(phase(), None);
    assert!(!has_fewer());
    DEPTH.store(9, Relaxed);
    until("it to fire", || phase() == Some(AlertPhase::Firing));
    let json = text(address, "/alerts?format=json");
    for part in ["\"name\":\"many jobs\"", "\"phase\":\"firing\"", "\"severity\":\"critical\"", "\"change\":\"fired\""]
    {
        assert!(json.contains(part), "{part}: {json}");
    }
    let page = text(address, "/alerts");
    for part in [
        "<span class=\"bad\">firing</span>",
        "queue_depth is 9 over 1m, which is &gt; 5",
        "Start more workers.",
        "not judged",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(text(address, "/pages").contains("<a href=\"alerts\">alerts</a><span class=\"bad\">1 firing</span>"));
    let scrape = text(address, "/metrics");
    let line = "alerts{alertname=\"many jobs\",alertstate=\"firing\",severity=\"critical\"} 1";
    assert!(scrape.contains(line), "{line}: {scrape}");
    assert!(has_fewer());
    assert!(scrape.contains("flag_on{flag=\"fewer jobs\"} 1"), "{scrape}");
    assert_eq!(perf.snapshot().alerts.map(|alerts| alerts.in_phase(AlertPhase::Firing).count()), Some(1));

    DEPTH.store(0, Relaxed);
    until("it to be over", || phase().is_none());
    until("the flag to be off", || !has_fewer());
    let events = perf.alerts().expect("a report").events;
    let changes: Vec<AlertChange> = events.iter().map(|event| event.change).collect();
    assert_eq!(changes, [AlertChange::Resolved, AlertChange::Fired], "the latest comes first");
    assert!(text(address, "/alerts").contains("resolved after"));

    let child = fork();
    if child == 0 {
        let is_none = perf.alerts().is_none() && perf.snapshot().alerts.is_none();
        std::process::exit(if is_none { 0 } else { 9 })
    }
    assert_eq!(wait_for(child), 0, "a child has no alerts");
}

/// Tells of an alert that fires, and of its end, and waits for both to be delivered. Asks the
/// Alertmanager, if there is one, what it knows meanwhile. Prints the counts.
fn notifies() {
    static DEPTH: AtomicU64 = AtomicU64::new(0);
    let _jobs = perf_sdk::watch_queue("jobs").depth(|| DEPTH.load(Relaxed));
    let many = AlertRule::new("queue_depth > 5 keep 1s").unwrap_or_else(|error| panic!("{error}"));
    let many = many.name("many jobs").summary("Start more workers.").severity(AlertSeverity::Critical);
    let builder = perf_sdk::builder().listen("127.0.0.1:0").report(false).alerts_shipped(false);
    let perf = builder.alert(many).start().unwrap_or_else(|error| panic!("{error}"));
    let counts = || {
        let deliveries = perf.snapshot().profiler.deliveries;
        deliveries.first().map(|one| (one.ok, one.failed, one.waiting, one.clone()))
    };
    let done = |number: u64| counts().is_some_and(|(ok, failed, waiting, _)| ok + failed >= number && waiting == 0);
    until("the first judgement", || perf.alerts().is_some());
    DEPTH.store(9, Relaxed);
    until("what fires to be delivered", || done(1));
    if let Some(server) =
        std::env::var("PERF_ALERTMANAGER").ok().and_then(|url| url.strip_prefix("http://").map(str::to_owned))
    {
        let alertmanager = server.parse().expect("an address");
        until("the Alertmanager to know it", || text(alertmanager, "/api/v2/alerts").contains("many jobs"));
        println!("{}", text(alertmanager, "/api/v2/alerts").trim());
    }
    DEPTH.store(0, Relaxed);
    until("its end to be delivered", || done(2));
    let (ok, failed, waiting, one) = counts().expect("a delivery");
    println!("{}", format!("{} {ok} {failed} {waiting} {}", one.by, one.last_error).trim());
}

/// A function of which each second call fails, until the input ends. Prints the address, and at the
/// end the alerts that fire, one in a line.
fn errs() {
    static IS_OVER: AtomicBool = AtomicBool::new(false);
    let perf = perf_sdk::builder().listen("127.0.0.1:0").report(false).alerts_shipped(false).start();
    let perf = perf.unwrap_or_else(|error| panic!("{error}"));
    println!("address {}", perf.address().expect("an address"));
    std::thread::spawn(|| {
        let _ = std::io::stdin().lines().count();
        IS_OVER.store(true, Relaxed);
    });
    while !IS_OVER.load(Relaxed) {
        for outcome in [Outcome::Ok, Outcome::Error] {
            perf_sdk::record("asked", Duration::from_millis(1), outcome);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let report = perf.alerts().expect("a report");
    report.now.active().for_each(|(rule, _)| println!("{}", rule.name));
}

/// Alerts that are shipped, in a program that is well.
fn calm() {
    let perf = perf_sdk::builder().listen("127.0.0.1:0").report(false).start().expect("a start");
    let address = perf.address().expect("an address");
    until("the first judgement", || perf.alerts().is_some());
    let report = perf.alerts().expect("a report");
    assert!(report.now.rules.len() >= 10 && report.now.rules.iter().all(|rule| rule.is_shipped), "{report:?}");
    assert!(report.events.is_empty() && report.now.rules.iter().all(|rule| rule.alerts.is_empty()), "{report:?}");
    assert!(text(address, "/alerts").contains("firing: 0"));
    drop(perf);
    let perf = perf_sdk::builder().listen("127.0.0.1:0").report(false).alerts_shipped(false).start().expect("a start");
    let address = perf.address().expect("an address");
    until("the budget to be evaluated", || perf.snapshot().profiler.budget.is_some());
    assert!(perf.alerts().is_none() && text(address, "/alerts").contains("PERF_ALERTS="));
    assert!(!text(address, "/pages").contains("href=\"alerts\""));
}

/// Ends while an alert fires. Prints since when it does.
fn fires_before_its_end() {
    let perf = perf_sdk::builder().listen("off").report(false).start().unwrap_or_else(|error| panic!("{error}"));
    let firing = || perf.alerts().and_then(|report| Some(report.now.rules.first()?.alerts.first()?.clone()));
    until("it to fire", || firing().is_some_and(|alert| alert.phase == AlertPhase::Firing));
    println!("{}", firing().expect("an alert").since_unix_ns / 1_000_000_000);
}

/// Keeps the texts of events.
struct Logger(Mutex<Vec<String>>);

impl tracing::Subscriber for &'static Logger {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        struct Message(String);
        impl tracing::field::Visit for Message {
            fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
                self.0 += &format!(" {}={value:?}", field.name());
            }
        }
        let mut message = Message(event.metadata().level().to_string());
        event.record(&mut message);
        self.0.lock().expect("nobody panicked").push(message.0);
    }

    fn enter(&self, _: &tracing::span::Id) {}

    fn exit(&self, _: &tracing::span::Id) {}
}

/// A program that logs through `tracing` has its alerts there, and not on stderr.
fn logs() {
    let logger: &'static Logger = Box::leak(Box::new(Logger(Mutex::default())));
    tracing::subscriber::set_global_default(logger).expect("the only one");
    let builder = perf_sdk::builder().listen("off").report(false).alerts_shipped(false);
    let rule = AlertRule::new("process_threads > 0").unwrap_or_else(|error| panic!("{error}"));
    let rule = rule.severity(AlertSeverity::Critical).summary("There are some.");
    let _perf = builder.alert(rule).start().unwrap_or_else(|error| panic!("{error}"));
    let is_alert = |line: &String| {
        line.starts_with("ERROR message=\"alert (critical): process_threads > 0: process_threads is ")
            && line.contains("There are some.\" rule=\"process_threads > 0\" change=\"fired\" evidence=")
    };
    until("the alert to be logged", || logger.0.lock().expect("nobody panicked").iter().any(is_alert));
}

/// Rules of scaling: one asks for more, one has nothing to say.
fn scales() {
    let rules = "20% < cpu < 10000% over 1m; process_threads < 2 over 1m; mean(no_such_reading) < 3 over 1m";
    let builder = perf_sdk::builder().scaling(rules).listen("127.0.0.1:0").report(false);
    let perf = builder.start().unwrap_or_else(|error| panic!("{error}"));
    let address = perf.address().expect("an address");
    assert_eq!(get(address, "/api/v1/scaling").status, 404, "nothing is decided yet");
    until("a decision", || perf.scaling().is_some_and(|said| said.direction == ScalingDirection::Out));
    let said = perf.scaling().expect("a decision");
    assert_eq!((said.desired_replicas, said.rule.as_str()), (2.0, "process_threads < 2 over 1m"));
    assert!(said.reason.starts_with("process_threads is ") && said.reason.ends_with("above 2"), "{}", said.reason);
    assert!(said.rules.iter().all(|rule| rule.forecast.is_none()), "{said:?}");
    assert!(said.rules[2].value.is_none() && !said.rules[2].absent.is_empty(), "{said:?}");
    let json = text(address, "/api/v1/scaling");
    assert!(json.contains("\"desired_replicas\":2,") && json.contains("\"direction\":\"out\""), "{json}");
    let metrics = text(address, "/metrics");
    let asked = "scaling_reason{direction=\"out\",rule=\"process_threads < 2 over 1m\"} 1";
    let has = |line: &str| metrics.lines().any(|found| found.starts_with(line));
    assert!(has("scaling_desired_replicas 2") && has(asked), "{metrics}");
    assert_eq!(get(address, "/api/v1/scaling?x=1").status, 400);
}

fn text(address: SocketAddr, path: &str) -> String {
    let answer = get(address, path);
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    answer.text()
}

/// Page, JSON, metrics and snapshot have the judgement of the job.
fn serves() {
    let perf = start();
    let address = perf.address().expect("an address");
    worked(&perf);
    until("the job to judge", || text(address, "/targets?format=json").contains("\"status\":\"missed\""));
    let json = text(address, "/targets?format=json");
    for part in ["\"metric\":\"p95(\\\"quick\\\")\"", "\"status\":\"met\"", "\"reason\"", "\"burn_rates\":["] {
        assert!(json.contains(part), "{part}: {json}");
    }
    let page = text(address, "/targets");
    assert!(page.contains("<span class=\"bad\">missed</span>") && page.contains("p95(&quot;slow&quot;)"), "{page}");
    let index = text(address, "/pages");
    assert!(index.contains("<a href=\"targets\">targets</a><span class=\"bad\">1 missed</span>"), "{index}");
    let scrape = text(address, "/metrics");
    for line in [
        "target_status{target=\"p95(\\\"slow\\\") < 1ns\",status=\"missed\"} 1",
        "target_status{target=\"p95(\\\"slow\\\") < 1ns\",status=\"met\"} 0",
        "target_ratio{target=\"p95(\\\"quick\\\") < 1h\",bound=\"max\"} ",
    ] {
        assert!(scrape.contains(line), "{line}: {scrape}");
    }
    assert!(text(address, "/snapshot").contains("\"targets\":{"));
    let wrong = get(address, "/targets?format=xml");
    assert!(wrong.status == 400 && wrong.text().contains("html, json"), "{}", wrong.text());
}

/// Nothing is judged where there are no targets.
fn without() {
    let perf = perf_sdk::builder().listen("127.0.0.1:0").start().expect("a start");
    let address = perf.address().expect("an address");
    until("the budget to be evaluated", || perf.snapshot().profiler.budget.is_some());
    assert!(perf.targets().is_none() && perf.snapshot().targets.is_none());
    assert_eq!(text(address, "/targets?format=json").trim(), "{\"at_unix_ns\":0,\"targets\":[]}");
    assert!(text(address, "/targets").contains("PERF_TARGETS="));
    assert!(!text(address, "/pages").contains("href=\"targets\""));
    let scrape = text(address, "/metrics");
    assert!(!scrape.contains("target_status"), "{scrape}");
    let spent = scrape.lines().find(|line| line.starts_with("perf_overhead_seconds_total{part=\"targets\"}"));
    assert!(spent.is_none_or(|line| line.ends_with(" 0")), "{spent:?}");
}
