//! The lists in the documents agree with the code. `UPDATE_DOCUMENTS=1` rewrites the lists.

mod grafana;
mod house;
mod prose;
mod surface;
mod words;

use std::fs;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::task::{Context, Waker};

use perf_sdk::FutureExt as _;
use perf_sdk::alert::{AlertActionTotal, AlertRuleState, AlertState};
use perf_sdk::pool::{Arena, BumpPool, Pool};
use perf_sdk::snapshot::{AbsentReading, CountingCost, Delivery, DeliveryKind, InstrumentUse, LeakFinding};
use perf_sdk::target::{ErrorBudget, TargetState};

#[global_allocator]
static ALLOC: perf_sdk::Alloc = perf_sdk::Alloc::new();

fn document(name: &str) -> (PathBuf, String) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").join(name);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
    (path, text)
}

/// Checks that the part of `document` between two marks is `expected`.
fn hold(name: &str, marks: [&str; 2], expected: &str) {
    let (path, text) = document(name);
    let start = text.find(marks[0]).unwrap_or_else(|| panic!("{name}: no {:?}", marks[0])) + marks[0].len();
    let end = start + text[start..].find(marks[1]).unwrap_or_else(|| panic!("{name}: no {:?}", marks[1]));
    if std::env::var_os("UPDATE_DOCUMENTS").is_some() {
        let new = format!("{}{expected}{}", &text[..start], &text[end..]);
        fs::write(path, new).expect("a writable document");
    } else {
        assert_eq!(&text[start..end], expected, "{name}: rewrite it with UPDATE_DOCUMENTS=1");
    }
}

#[test]
fn settings_of_the_table() {
    let mut table = String::from("\n| variable | method | allowed | default | |\n|---|---|---|---|---|\n");
    for s in perf_sdk::SETTINGS {
        let changes = if s.changes { "; `Handle::set` changes it" } else { "" };
        table +=
            &format!("| `{}` | `{}` | {} | {} | {}{changes} |\n", s.variable, s.key, s.allowed, s.default, s.meaning);
    }
    hold("docs/settings.md", ["<!-- settings -->", "<!-- end of settings -->"], &table);
}

#[test]
fn metric_functions_of_targets() {
    let mut table = String::from("\n| function | argument | limit | what it is | from |\n|---|---|---|---|---|\n");
    for f in perf_sdk::target::FUNCTIONS {
        let (argument, limit, from) = (f.argument(), f.units(), f.computed_from());
        table += &format!("| `{}` | {argument} | {limit} | {} | {from} |\n", f.name, f.meaning);
    }
    hold("docs/targets.md", ["<!-- functions -->", "<!-- end of functions -->"], &table);
}

#[test]
fn alerts_that_are_shipped() {
    let mut table = String::from("\n| alert | rule | severity | explained by |\n|---|---|---|---|\n");
    for rule in perf_sdk::alert::AlertRules::shipped().iter() {
        let parent = rule.parent().unwrap_or("–");
        table += &format!("| {} | `{rule}` | {} | {parent} |\n", rule.title(), rule.first_severity());
    }
    hold("docs/alerts.md", ["<!-- shipped -->", "<!-- end of shipped -->"], &table);
}

#[test]
fn program_of_the_readme() {
    let (_, quickstart) = document("examples/quickstart.rs");
    assert!(quickstart.lines().count() < 30);
    hold("README.md", ["```rust\n", "```"], &quickstart);
}

#[test]
fn metrics_of_the_scrape() {
    // A family without samples is not written, so there is one sample of each. The budget is first
    // evaluated after a quarter of a second.
    let perf = perf_sdk::builder().listen("off").report(false).start().expect("a start");
    perf_sdk_tests::until("the budget to be evaluated", || perf.snapshot().profiler.budget.is_some());
    perf_sdk::measure("call", || drop(vec![0_u8; 10]));
    let future = pin!(async {}.profiled("future"));
    assert!(future.poll(&mut Context::from_waker(Waker::noop())).is_ready());
    let mut text = Vec::new();
    let exposition = perf_sdk::export::Exposition::new();
    let arena = Arena::builder("arena").soft_limit(1 << 20, |_, _| {}).hard_limit(2 << 20).build().expect("an arena");
    let pool = Pool::new("pool", || 1).expect("a pool");
    let requests = BumpPool::new("requests").expect("a pool");
    requests.get().alloc(1);
    let taken = pool.get();
    let mut snapshot = perf_sdk::snapshot();
    drop((taken, arena));
    let call = snapshot.functions.iter_mut().find(|function| function.name == "call").expect("a call");
    call.lock_contentions = 1;
    let mut used = InstrumentUse::default();
    (used.operations, used.bytes) = (1, 1);
    call.instruments.push(used);
    call.estimated_calls = 1;
    (call.stack_samples, call.sampled_cpu_ns, call.exclusive.cpu_ns) = (100, 1, 1);
    snapshot.profiler.counted.push(CountingCost::default());
    for by in [DeliveryKind::Push, DeliveryKind::Files, DeliveryKind::Webhook, DeliveryKind::Otlp] {
        let mut delivery = Delivery::default();
        delivery.by = by;
        snapshot.profiler.deliveries.push(delivery);
    }
    snapshot.pressure.get_or_insert_default().reliefs = 1;
    // Those of this machine are only some of them.
    snapshot.readings = perf_sdk::__readings();
    snapshot.distributions = perf_sdk::__distributions();
    snapshot.absent_readings = vec![AbsentReading::default()];
    let mut finding = LeakFinding::default();
    finding.below_bytes = 64;
    snapshot.leaks.get_or_insert_default().findings.push(finding);
    let (mut target, mut budget) = (TargetState::default(), ErrorBudget::default());
    budget.remaining = Some(1.0);
    (target.current, target.upper, target.budget) = (Some(1.0), Some(1.0), Some(budget));
    snapshot.targets.get_or_insert_default().targets.push(target);
    let mut rule = AlertRuleState::default();
    rule.alerts.push(AlertState::default());
    let alerts = snapshot.alerts.get_or_insert_default();
    alerts.rules.push(rule);
    alerts.actions.push(AlertActionTotal::default());
    exposition.write(perf_sdk::export::Format::Text, &snapshot, None, &mut text).expect("a scrape into memory");
    let text = String::from_utf8(text).expect("text");
    let mut table = String::from("\n| metric | type | |\n|---|---|---|\n");
    let mut help = "";
    for line in text.lines() {
        if let Some((_, words)) = line.strip_prefix("# HELP ").and_then(|rest| rest.split_once(' ')) {
            help = words;
        } else if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
            table += &format!("| `{name}` | {kind} | {help} |\n");
        }
    }
    hold("docs/metrics.md", ["<!-- metrics -->", "<!-- end of metrics -->"], &table);
}
