//! Workers of which some do most of the work.

use crate::base::units::time;
use crate::finding::facts::Facts;
use crate::finding::state::{Confidence, Finding, Gain};

/// The busiest ÷ the average.
const UNEVEN: f64 = 1.5;
/// The busiest worker's share of the recorded time.
const BUSY: f64 = 0.7;
const LEAST_WORKERS: usize = 2;

pub(super) fn uneven(facts: &Facts<'_>) -> Vec<Finding> {
    const NAME: &str = "tokio_worker_busy_seconds_total";
    let of = |runtime: &&str| {
        let is_of_it = |labels: &std::collections::BTreeMap<String, String>| {
            labels.get("runtime").is_some_and(|known| known == runtime)
        };
        let all = facts.snapshot.readings.iter().filter(|reading| reading.name == NAME && is_of_it(&reading.labels));
        let busy: Vec<f64> = all.map(|reading| reading.value).collect();
        let average = busy.iter().sum::<f64>() / busy.len().max(1) as f64;
        let most = busy.iter().copied().fold(0.0, f64::max);
        let is_uneven = busy.len() >= LEAST_WORKERS && most > UNEVEN * average && most > BUSY * facts.seconds;
        is_uneven.then(|| Finding {
            subject: (*runtime).to_owned(),
            claim: format!("One worker of the runtime {runtime} does most of the work"),
            evidence: format!(
                "it was busy for {}, {:.1} times the average of {} workers",
                time(most * 1e9),
                most / average,
                busy.len()
            ),
            gain: Gain::wait(most - average),
            confidence: Confidence::Medium,
            next_step: "Split the work into more tasks, or look for one that never yields.".into(),
            refuted_by: "There is one task only.".into(),
            ..Finding::default()
        })
    };
    facts.subjects(NAME, "runtime").iter().filter_map(of).collect()
}
