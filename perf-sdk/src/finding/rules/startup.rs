//! A start that takes long.

use crate::base::units::time;
use crate::finding::facts::Facts;
use crate::finding::state::{Confidence, Finding, Gain};

const SLOW_SECONDS: f64 = 5.0;

pub(super) fn slow(facts: &Facts<'_>) -> Vec<Finding> {
    let Some(took) = facts.reading("process_startup_seconds").filter(|took| *took >= SLOW_SECONDS) else {
        return Vec::new();
    };
    vec![Finding {
        claim: "The program takes long until it is ready".into(),
        evidence: format!("{} from the start of the process until perf_sdk::ready()", time(took * 1e9)),
        gain: Gain::wait(took.min(facts.seconds)),
        confidence: Confidence::High,
        next_step: "Look at what runs before: flamegraph?weight=wall of a fresh process.".into(),
        refuted_by: "It is started once, and nobody waits for it.".into(),
        link: "flamegraph?weight=wall".into(),
        ..Finding::default()
    }]
}
