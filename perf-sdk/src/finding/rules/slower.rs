//! Functions that are slower than they were.

use std::time::Duration;

use crate::base::units::{count, time};
use crate::expression::CallFigure;
use crate::finding::facts::Facts;
use crate::finding::state::{Confidence, Finding, Gain};

/// The latest calls, and those before, of which the older half of an hour counts at least.
const NOW: Duration = Duration::from_secs(300);
const BEFORE: Duration = Duration::from_secs(3_600);
const LEAST_BEFORE: Duration = Duration::from_secs(1_800);
/// A quantile needs so many calls.
const LEAST_CALLS: u64 = 200;
/// Slower by this factor and by this time, of all of these quantiles: so that a few calls, or
/// another mix of them, is no finding.
const FACTOR: f64 = 1.5;
const LEAST: f64 = 0.001;
const HALF: f64 = 0.5;
const MANY: f64 = 0.95;
const MOST: f64 = 0.99;

pub(super) fn than_before(facts: &Facts<'_>) -> Vec<Finding> {
    let Some(past) = &facts.past else { return Vec::new() };
    let of = |function: String| {
        let quantile = |share: f64, (ago, length): (Duration, Duration)| {
            past.calls(&function, CallFigure::Quantile(share), ago, length)
        };
        // Most functions are done with the first question: those that are too short to matter.
        let both = |share: f64| {
            let now = quantile(share, (Duration::ZERO, NOW)).filter(|now| now.value > LEAST)?;
            let before = quantile(share, (NOW, BEFORE)).filter(|before| before.covered >= LEAST_BEFORE)?;
            let is_slower = now.value > FACTOR * before.value && now.value > before.value + LEAST;
            (is_slower && measured(facts, &function, before.events.min(now.events)) >= LEAST_CALLS)
                .then_some((before, now))
        };
        let [(half_before, half), _, (before, now)] = [both(HALF)?, both(MANY)?, both(MOST)?];
        Some(Finding {
            claim: format!("{function} is slower than in the hour before"),
            evidence: format!(
                "p50 {} before, {} in the last 5 minutes; p99 {} before, {} now; {} calls",
                time(half_before.value * 1e9),
                time(half.value * 1e9),
                time(before.value * 1e9),
                time(now.value * 1e9),
                count(now.events as f64),
            ),
            // As if it had been so all the time.
            gain: Gain::wait((half.value - half_before.value) * now.events as f64 * facts.seconds / NOW.as_secs_f64()),
            confidence: Confidence::Medium,
            next_step:
                "Compare a bundle of evidence of now with the time before: cpu-difference.svg, or functions.txt.".into(),
            refuted_by: "It is asked for more than before: its callers changed, or its input.".into(),
            link: "flight".into(),
            subject: function,
            ..Finding::default()
        })
    };
    past.functions().into_iter().filter_map(of).collect()
}

/// The number of these calls that were measured: the history has each with its weight.
fn measured(facts: &Facts<'_>, name: &str, events: u64) -> u64 {
    let function = facts.functions().find(|function| function.name == name);
    let share = function.map_or(1.0_f64, |function| {
        let calls = function.calls.total();
        if calls == 0 { 1.0 } else { function.informative_samples() as f64 / calls as f64 }
    });
    (events as f64 * share.min(1.0)) as u64
}
