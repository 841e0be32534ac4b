//! Functions that allocate much of their time.

use crate::base::units::{bytes, count, time};
use crate::finding::facts::{Facts, seconds};
use crate::finding::state::{Confidence, Finding, Gain};

/// CPU time of an allocation and its free, with what they cost in caches: what common allocators
/// take for small sizes, rounded up.
const PAIR_SECONDS: f64 = 50e-9;
/// A reallocation copies.
const GROWTH_SECONDS: f64 = 150e-9;
/// Of the function's own CPU time.
const SHARE_OF_FUNCTION: f64 = 0.25;
/// Of the process's CPU time.
const SHARE_OF_PROCESS: f64 = 0.05;
/// Of each call.
const MANY_GROWTHS: f64 = 4.0;

pub(super) fn many(facts: &Facts<'_>) -> Vec<Finding> {
    if !facts.snapshot.has_allocations {
        return Vec::new();
    }
    let of = |function: &crate::snapshot::Function| {
        let (number, own) = (function.exclusive.allocations.max(0) as f64, seconds(function.exclusive.cpu_ns));
        let won = (number * PAIR_SECONDS).min(own);
        let is_much = won > SHARE_OF_FUNCTION * own && won > SHARE_OF_PROCESS * facts.cpu_seconds;
        let calls = function.calls.total().max(1) as f64;
        is_much.then(|| Finding {
            subject: function.name.clone(),
            claim: format!("{} allocates for much of its time", function.name),
            evidence: format!(
                "{} allocations a call, {} in {} of its own CPU time; {} in all",
                count((number / calls).round()),
                count(number),
                time(own * 1e9),
                bytes(function.exclusive.allocated_bytes.max(0) as f64),
            ),
            gain: Gain::cpu(won),
            confidence: Confidence::Medium,
            next_step: "Reuse buffers, or take them from a pool (perf_sdk::pool), or borrow instead of cloning.".into(),
            refuted_by: format!("An allocation and its free take much less than {} here.", time(PAIR_SECONDS * 1e9)),
            link: "flamegraph?weight=allocations".into(),
            ..Finding::default()
        })
    };
    facts.functions().filter_map(of).collect()
}

pub(super) fn growing(facts: &Facts<'_>) -> Vec<Finding> {
    let of = |function: &crate::snapshot::Function| {
        let (number, own) = (function.exclusive.reallocations.max(0) as f64, seconds(function.exclusive.cpu_ns));
        let won = (number * GROWTH_SECONDS).min(own);
        let calls = function.calls.total().max(1) as f64;
        let is_much = number > MANY_GROWTHS * calls && won > SHARE_OF_PROCESS * facts.cpu_seconds;
        is_much.then(|| Finding {
            subject: function.name.clone(),
            claim: format!("{} lets what it fills grow step by step", function.name),
            evidence: format!("{} reallocations a call, {} in all", count((number / calls).round()), count(number)),
            gain: Gain::cpu(won),
            confidence: Confidence::Medium,
            next_step: "Say the size at the start: with_capacity, reserve.".into(),
            refuted_by: "The size is not known, and buffers are reused.".into(),
            link: "flamegraph?weight=allocations".into(),
            ..Finding::default()
        })
    };
    facts.functions().filter_map(of).collect()
}
