//! A quota of CPU time that stops the process.

use crate::base::units::{count, time};
use crate::finding::facts::Facts;
use crate::finding::state::{Confidence, Finding, Gain};

/// Of the periods.
const SHARE: f64 = 0.25;
const LEAST_PERIODS: f64 = 100.0;

pub(super) fn by_quota(facts: &Facts<'_>) -> Vec<Finding> {
    let sum = |name| facts.reading(name).unwrap_or(0.0);
    let (periods, stopped) = (sum("container_cpu_cfs_periods_total"), sum("container_cpu_cfs_throttled_periods_total"));
    if periods < LEAST_PERIODS || stopped < SHARE * periods {
        return Vec::new();
    }
    let waited = sum("container_cpu_cfs_throttled_seconds_total");
    vec![Finding {
        claim: "The control group's quota stops the process".into(),
        evidence: format!("in {} of {} periods, for {}", count(stopped), count(periods), time(waited * 1e9)),
        gain: Gain::wait(waited.min(facts.seconds)),
        confidence: Confidence::High,
        next_step: "Raise the quota, or use as many threads as it allows.".into(),
        refuted_by: "Nobody waits for the program.".into(),
        ..Finding::default()
    }]
}
