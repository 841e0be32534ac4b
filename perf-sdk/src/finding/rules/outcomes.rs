//! Calls that end otherwise than they should.

use crate::base::units::{count, time};
use crate::finding::facts::Facts;
use crate::finding::state::{Confidence, Finding, Gain};
use crate::snapshot::Function;

const LEAST_CALLS: u64 = 100;
const MANY_CANCELLED: f64 = 0.1;
const MANY_PANICS: f64 = 0.01;

/// The time that such calls took, if they took as long as others.
fn share(function: &Function, number: u64) -> f64 {
    number as f64 / function.calls.total().max(1) as f64
}

pub(super) fn cancelled(facts: &Facts<'_>) -> Vec<Finding> {
    let of = |function: &Function| {
        let number = function.calls.cancelled;
        let is_much = function.calls.total() >= LEAST_CALLS && share(function, number) > MANY_CANCELLED;
        is_much.then(|| {
            let cpu = function.inclusive.cpu_ns.max(0) as f64 * 1e-9 * share(function, number);
            Finding {
                subject: function.name.clone(),
                claim: format!("Much of what {} begins is dropped before its end", function.name),
                evidence: format!(
                    "{} of {} calls were cancelled, {:.0} %; {} of CPU time, if they are like the others",
                    count(number as f64),
                    count(function.calls.total() as f64),
                    share(function, number) * 100.0,
                    time(cpu * 1e9),
                ),
                gain: Gain::cpu(cpu),
                confidence: Confidence::Medium,
                next_step: "Look for who drops it: a timeout that is too short, a select!, clients that go away."
                    .into(),
                refuted_by: "It is meant: a race of which the first one wins.".into(),
                ..Finding::default()
            }
        })
    };
    facts.functions().filter_map(of).collect()
}

pub(super) fn panicking(facts: &Facts<'_>) -> Vec<Finding> {
    let of = |function: &Function| {
        let number = function.calls.panic;
        let is_much = function.calls.total() >= LEAST_CALLS && share(function, number) > MANY_PANICS;
        is_much.then(|| Finding {
            subject: function.name.clone(),
            claim: format!("{} panics again and again", function.name),
            evidence: format!(
                "{} of {} calls unwound, {:.0} %",
                count(number as f64),
                count(function.calls.total() as f64),
                share(function, number) * 100.0
            ),
            gain: Gain::cpu(function.inclusive.cpu_ns.max(0) as f64 * 1e-9 * share(function, number)),
            confidence: Confidence::High,
            next_step: "Return an error: unwinding takes microseconds, and its message goes to stderr.".into(),
            refuted_by: "Somebody tests the program with panics.".into(),
            ..Finding::default()
        })
    };
    facts.functions().filter_map(of).collect()
}
