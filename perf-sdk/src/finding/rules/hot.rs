//! A function that takes most of the CPU time.

use crate::base::units::time;
use crate::finding::facts::{Facts, seconds};
use crate::finding::state::{Confidence, Finding, Gain};

/// Of the process's CPU time.
const SHARE: f64 = 0.6;
/// A process that takes less than this part of a core has nothing to win.
const LEAST_CORES: f64 = 0.5;

pub(super) fn functions(facts: &Facts<'_>) -> Vec<Finding> {
    if facts.cpu_seconds < LEAST_CORES * facts.seconds {
        return Vec::new();
    }
    let of = |function: &crate::snapshot::Function| {
        let own = seconds(function.exclusive.cpu_ns);
        let error = function.exclusive_error_ns as f64 * 1e-9;
        (own - 2.0 * error > SHARE * facts.cpu_seconds).then(|| Finding {
            subject: function.name.clone(),
            claim: format!("{} takes most of the CPU time", function.name),
            evidence: format!(
                "{} of {} in the function itself, {:.0} %",
                time(own * 1e9),
                time(facts.cpu_seconds * 1e9),
                own / facts.cpu_seconds * 100.0
            ),
            gain: Gain::cpu(own),
            confidence: Confidence::Medium,
            next_step: "Look at its stacks: debug/pprof/profile, or flamegraph?weight=cpu_samples.".into(),
            refuted_by: "It is what the program is for, and as fast as it can be.".into(),
            link: "flamegraph?weight=cpu".into(),
            ..Finding::default()
        })
    };
    facts.functions().filter_map(of).collect()
}
