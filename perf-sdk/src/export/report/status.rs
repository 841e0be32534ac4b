//! Targets, alerts, findings and leaks in short, and the state of the measurement.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::alert::{AlertPhase, AlertRuleState, AlertState, Alerts};
use crate::finding::Finding;
use crate::snapshot::{Budget, LeakFinding, Leaks, Snapshot};
use crate::target::{Judgement, TargetState};

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Status {
    /// Whether allocations are counted.
    has_allocations: bool,
    functions: usize,
    threads: u64,
    window_ns: u64,
    cpu_ns: u64,
    /// Absent without targets, and before the first judgement.
    targets: Option<List<Target>>,
    /// Absent without rules, and before the first judgement.
    alerts: Option<List<Alert>>,
    /// Those that need no history; the page has all.
    findings: List<Finding>,
    /// Absent before the first evaluation.
    leaks: Option<List<Leak>>,
    measurement: Measurement,
}

/// The first ones, and how many there are.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
struct List<T> {
    all: usize,
    first: Vec<T>,
}

impl<T> List<T> {
    fn of(all: impl Iterator<Item = T>, most: usize) -> Self {
        let mut first: Vec<T> = all.collect();
        let all = first.len();
        first.truncate(most);
        Self { all, first }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct Target {
    name: String,
    metric: String,
    target: String,
    status: &'static str,
    shown: String,
    reason: String,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct Alert {
    rule: String,
    subject: String,
    phase: &'static str,
    severity: &'static str,
    evidence: String,
    summary: String,
    since_unix_ns: u64,
    bundle: String,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct Leak {
    verdict: &'static str,
    subject: &'static str,
    function: String,
    module: String,
    bytes: u64,
    objects: u64,
    bytes_per_hour: f64,
    evidence: String,
}

/// How well the profiler measures, and what is missing.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
struct Measurement {
    overhead_ns: u64,
    /// The same in words, with the time in which it was spent.
    spent: String,
    budget: Option<Budget>,
    /// The same in words.
    budget_said: Option<String>,
    /// What could not be recorded, by reason, if anything.
    dropped: BTreeMap<String, u64>,
    over_budget: Option<String>,
    cpu_clock: String,
    heap: String,
    stacks: String,
}

impl Status {
    /// With at most so many entries of each list.
    pub(crate) fn of(snapshot: &Snapshot, findings: Vec<Finding>, most: usize) -> Self {
        let targets = |judged: &Judgement| List::of(judged.targets.iter().map(target), most);
        let alerts = |alerts: &Alerts| {
            let is_so = |(_, state): &(&AlertRuleState, &AlertState)| state.phase != AlertPhase::Inactive;
            let all = alerts.rules.iter().flat_map(|rule| rule.alerts.iter().map(move |state| (rule, state)));
            List::of(all.filter(is_so).map(alert), most)
        };
        Self {
            has_allocations: snapshot.has_allocations,
            functions: snapshot.functions.len(),
            threads: snapshot.profiler.threads,
            window_ns: snapshot.window_ns,
            cpu_ns: snapshot.cpu_ns,
            targets: snapshot.targets.as_ref().map(targets),
            alerts: snapshot.alerts.as_ref().map(alerts),
            findings: List::of(findings.into_iter(), most),
            leaks: snapshot.leaks.as_ref().map(|found| leaks(found, most)),
            measurement: measurement(snapshot),
        }
    }
}

fn target(state: &TargetState) -> Target {
    Target {
        name: state.name.clone(),
        metric: state.metric.clone(),
        target: state.target.clone(),
        status: state.status.name(),
        shown: state.shown.clone(),
        reason: state.reason.clone(),
    }
}

fn alert((rule, state): (&AlertRuleState, &AlertState)) -> Alert {
    Alert {
        rule: rule.name.clone(),
        subject: state.subject.clone(),
        phase: state.phase.name(),
        severity: state.severity.name(),
        evidence: state.evidence.clone(),
        summary: rule.summary.clone(),
        since_unix_ns: state.since_unix_ns,
        bundle: state.bundle.clone(),
    }
}

fn leaks(leaks: &Leaks, most: usize) -> List<Leak> {
    let leak = |finding: &LeakFinding| Leak {
        verdict: finding.verdict.name(),
        subject: finding.watched.name(),
        function: finding.function.clone(),
        module: finding.module.clone(),
        bytes: finding.bytes,
        objects: finding.objects,
        bytes_per_hour: finding.bytes_per_hour,
        evidence: finding.evidence.clone(),
    };
    List::of(leaks.findings.iter().map(leak), most)
}

fn measurement(snapshot: &Snapshot) -> Measurement {
    let profiler = &snapshot.profiler;
    let dropped = profiler.dropped.iter().filter(|(_, number)| **number > 0);
    Measurement {
        overhead_ns: profiler.overhead_ns,
        spent: profiler.spent_said(snapshot.window_ns),
        budget: profiler.budget,
        budget_said: profiler.budget.map(|budget| budget.said()),
        dropped: dropped.map(|(reason, number)| (reason.clone(), *number)).collect(),
        over_budget: profiler.over_budget(),
        cpu_clock: profiler.cpu_clock.clone(),
        heap: profiler.heap.to_string(),
        stacks: profiler.stacks.to_string(),
    }
}
