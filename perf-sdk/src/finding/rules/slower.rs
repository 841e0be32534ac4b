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
const QUANTILES: [f64; 3] = [0.5, 0.95, 0.99];

pub(super) fn than_before(facts: &Facts<'_>) -> Vec<Finding> {
    let Some(past) = &facts.past else { return Vec::new() };
    let of = |function: String| {
        let quantile = |share: f64, (ago, length): (Duration, Duration)| {
            past.calls(&function, CallFigure::Quantile(share), ago, length)
        };
        let both = |share: f64| Some((quantile(share, (NOW, BEFORE))?, quantile(share, (Duration::ZERO, NOW))?));
        let all: Vec<_> = QUANTILES.into_iter().filter_map(both).collect();
        let is_slower = all.len() == QUANTILES.len()
            && all.iter().all(|(before, now)| {
                let is_known = before.events.min(now.events) >= LEAST_CALLS && before.covered >= LEAST_BEFORE;
                is_known && now.value > FACTOR * before.value && now.value > before.value + LEAST
            });
        let [(half_before, half), (_, _), (before, now)] = all.as_slice() else { return None };
        is_slower.then(|| Finding {
            claim: format!("{function} is slower than in the hour before"),
            evidence: format!(
                "p50 {} before, {} in the last 5 minutes; p99 {} before, {} now; {} calls",
                time(half_before.value * 1e9),
                time(half.value * 1e9),
                time(before.value * 1e9),
                time(now.value * 1e9),
                count(now.events as f64),
            ),
            gain: Gain::wait((half.value - half_before.value) * now.events as f64),
            confidence: Confidence::Medium,
            next_step: "Compare a bundle of evidence of now with the time before: cpu-difference.svg, or functions.txt."
                .into(),
            refuted_by: "It is asked for more than before: its callers changed, or its input.".into(),
            link: "flight".into(),
            subject: function,
            ..Finding::default()
        })
    };
    past.functions().into_iter().filter_map(of).collect()
}
