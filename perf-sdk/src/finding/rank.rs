//! Which finding comes first.

use std::collections::BTreeSet;

use super::facts::{Facts, Past};
use super::rules;
use super::state::{Finding, Findings, Gain};
use crate::base::hash::fnv1a;
use crate::base::sort;
use crate::snapshot::Snapshot;
use crate::target::Figures;

/// The maximum number of findings of one rule.
const MOST_OF_A_RULE: usize = 5;

/// What the snapshot says that somebody should do. What matters most comes first: doubts about the
/// measurement itself, then by what could be won back.
///
/// CPU time counts by the cores that it takes, waiting by a half of the calls that wait at a time,
/// and memory by its share of what the process has: so 1 is one core, two calls that always wait,
/// or all memory.
///
/// A snapshot of less than two seconds has no findings. That of a window
/// ([`subtract`](Snapshot::subtract)) has those of the window.
///
/// **Cost.** Linear in functions, statements, locks and readings.
#[must_use]
pub fn of(snapshot: &Snapshot) -> Findings {
    ranked(snapshot, None, &BTreeSet::new())
}

/// As [`of`], with what was before, if the process has a history that is asked, and without what is
/// accepted.
pub(crate) fn of_process(
    snapshot: &Snapshot,
    past: Option<(&dyn Figures, u64)>,
    accepted: &BTreeSet<String>,
) -> Findings {
    ranked(snapshot, past.map(|(figures, at_unix_ns)| Past { figures, at_unix_ns }), accepted)
}

fn ranked(snapshot: &Snapshot, past: Option<Past<'_>>, accepted: &BTreeSet<String>) -> Findings {
    let mut findings = Vec::new();
    let mut number_accepted = 0;
    if let Some(facts) = Facts::of(snapshot, past) {
        for (name, rule) in rules::ALL {
            let mut found: Vec<Finding> = rule(&facts);
            let all = found.len();
            found.retain(|finding| !accepted.contains(&fingerprint(name, &finding.subject)));
            number_accepted += (all - found.len()) as u64;
            sort::sort_by(&mut found, |a, b| weight(&b.gain, &facts).total_cmp(&weight(&a.gain, &facts)));
            found.truncate(MOST_OF_A_RULE);
            findings.extend(found.into_iter().map(|finding| Finding {
                rule: (*name).to_owned(),
                fingerprint: fingerprint(name, &finding.subject),
                ..finding
            }));
        }
        let is_doubt = |finding: &Finding| finding.rule == rules::MEASUREMENT;
        sort::sort_by(&mut findings, |a, b| {
            let by_gain = weight(&b.gain, &facts).total_cmp(&weight(&a.gain, &facts));
            is_doubt(b).cmp(&is_doubt(a)).then(by_gain).then(b.confidence.cmp(&a.confidence))
        });
    }
    Findings {
        at_unix_ns: snapshot.taken_at_unix_ns,
        window_ns: snapshot.window_ns,
        findings,
        accepted: number_accepted,
    }
}

fn weight(gain: &Gain, facts: &Facts<'_>) -> f64 {
    let memory = facts.reading("process_resident_memory_bytes").unwrap_or(f64::INFINITY).max(1.0);
    gain.cpu_seconds / facts.seconds + gain.wait_seconds / facts.seconds / 2.0 + gain.bytes / memory
}

fn fingerprint(rule: &str, subject: &str) -> String {
    format!("{:016x}", fnv1a(rule.bytes().chain([0]).chain(subject.bytes())))
}
