//! Verdicts of the leak detector.

use crate::base::units::bytes;
use crate::finding::facts::Facts;
use crate::finding::state::{Confidence, Finding, Gain};
use crate::snapshot::{LeakFinding, Verdict};

fn about(leak: &LeakFinding, claim: &str, gain: u64, confidence: Confidence) -> Finding {
    let scopes = leak.scopes.join(" > ");
    let place = if scopes.is_empty() { leak.watched.to_string() } else { scopes };
    Finding {
        claim: format!("{claim}: {place}"),
        subject: place,
        evidence: format!("{}; {} held", leak.evidence, bytes(leak.bytes as f64)),
        gain: Gain::memory(gain as f64),
        confidence,
        link: "leaks".into(),
        ..Finding::default()
    }
}

fn all<'a>(facts: &'a Facts<'_>, verdicts: &'static [Verdict]) -> impl Iterator<Item = &'a LeakFinding> {
    let findings = facts.snapshot.leaks.iter().flat_map(|leaks| &leaks.findings);
    findings.filter(|leak| verdicts.contains(&leak.verdict))
}

pub(super) fn verdicts(facts: &Facts<'_>) -> Vec<Finding> {
    let of = |leak: &LeakFinding| {
        let is_confirmed = leak.verdict == Verdict::Confirmed;
        let (claim, confidence) = if is_confirmed {
            ("What is allocated is never freed", Confidence::High)
        } else {
            ("What is allocated is kept for long, and grows", Confidence::Medium)
        };
        Finding {
            next_step: "Look for who keeps it: debug/pprof/heap has the stacks of its allocation.".into(),
            refuted_by: "It is a cache that fills: declare its bound, and it is judged by it.".into(),
            ..about(leak, claim, leak.retained_bytes, confidence)
        }
    };
    all(facts, &[Verdict::Suspect, Verdict::Confirmed]).map(of).collect()
}

pub(super) fn retained(facts: &Facts<'_>) -> Vec<Finding> {
    let of = |leak: &LeakFinding| Finding {
        next_step: "Return pages to the system: a purge of the allocator, fewer arenas, another decay time.".into(),
        refuted_by: "It is used again at the next peak of the load.".into(),
        ..about(leak, "The allocator keeps memory that is not allocated", leak.bytes, Confidence::Medium)
    };
    all(facts, &[Verdict::Retention]).map(of).collect()
}
