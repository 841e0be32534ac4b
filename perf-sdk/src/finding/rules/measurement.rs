//! Doubts about the measurement itself.

use crate::base::units::count;
use crate::finding::facts::Facts;
use crate::finding::state::{Confidence, Finding, Remedy};
use crate::rate::Rate;
use crate::snapshot::Function;

/// Of the calls that were dropped, this share matters.
const DROPPED: f64 = 0.01;
/// What the budget says is of the last minutes, in which somebody may have asked for pages. It
/// matters if the profiler also took this part of a core in all of the time, of which the start is
/// a small part.
const LEAST_CORES: f64 = 0.01;
const SETTLED_SECONDS: f64 = 30.0;

pub(super) fn doubts(facts: &Facts<'_>) -> Vec<Finding> {
    let profiler = &facts.snapshot.profiler;
    let mut found = Vec::new();
    let taken: u64 = profiler.overhead_parts.values().sum();
    let takes_much = facts.seconds >= SETTLED_SECONDS && taken as f64 * 1e-9 > LEAST_CORES * facts.seconds;
    if let Some(said) = profiler.over_budget().filter(|_| takes_much) {
        found.push(Finding {
            subject: "budget".into(),
            claim: "The profiler takes more than its budget".into(),
            evidence: format!("{said}; since recording began, {}", profiler.spent_said(facts.snapshot.window_ns)),
            confidence: Confidence::High,
            next_step: "See what it was for: annotate fewer functions, sample stacks less often (PERF_STACKS_HZ), push less often.".into(),
            refuted_by: "PERF_BUDGET=off, and the program takes as much CPU time as before.".into(),
            remedy: less_sampling(facts),
            ..Finding::default()
        });
    }
    let calls: u64 = facts.functions().map(|function| function.calls.total()).sum();
    let dropped: u64 = profiler.dropped.values().sum();
    if dropped as f64 > DROPPED * (calls + dropped) as f64 {
        let reasons: Vec<String> = profiler
            .dropped
            .iter()
            .filter(|(_, number)| **number > 0)
            .map(|(reason, number)| format!("{} by {reason}", count(*number as f64)))
            .collect();
        found.push(Finding {
            subject: "dropped".into(),
            claim: "Much of what happened is not in the figures".into(),
            evidence: format!("dropped: {}; {} calls were recorded", reasons.join(", "), count(calls as f64)),
            confidence: Confidence::High,
            next_step: "Raise PERF_MEMORY, or annotate fewer functions.".into(),
            refuted_by: "perf_dropped_total stays as it is.".into(),
            ..Finding::default()
        });
    }
    if let Some(but) = profiler.stacks.but() {
        found.push(Finding {
            subject: "stacks".into(),
            claim: "Samples of stacks are restricted".into(),
            evidence: but.to_owned(),
            confidence: Confidence::High,
            next_step: "Choose another engine: PERF_STACKS.".into(),
            refuted_by: "stack_coverage_ratio is near 1.".into(),
            ..Finding::default()
        });
    }
    found
}

/// The function that is measured most often is measured more seldom, if measuring is what takes
/// most.
fn less_sampling(facts: &Facts<'_>) -> Option<Remedy> {
    const LESS: u32 = 8;
    let parts = &facts.snapshot.profiler.overhead_parts;
    let (most, _) = parts.iter().max_by_key(|(_, ns)| **ns)?;
    if most != "measuring" {
        return None;
    }
    let is_measured = |function: &&Function| (1..Rate::MAX).contains(&function.one_in);
    let function = facts.functions().filter(is_measured).max_by_key(|function| function.samples)?;
    let path = format!("{}::{}", function.module, function.name);
    let pattern = path.strip_prefix("::").unwrap_or(&path).to_owned();
    Some(Remedy::Sampling { pattern, one_in: Rate::MAX.min(function.one_in * LESS) })
}
