//! Locks for which others wait.

use crate::base::units::{count, time};
use crate::finding::facts::Facts;
use crate::finding::state::{Confidence, Finding, Gain};
use crate::snapshot::LockContention;

/// Of the recorded time: on average one thread in ten waits.
const MUCH: f64 = 0.1;

pub(super) fn held(facts: &Facts<'_>) -> Vec<Finding> {
    let of = |held: &LockContention| {
        let waited = held.delay_ns as f64 * 1e-9;
        (waited > MUCH * facts.seconds).then(|| {
            let holder = held.scope.last().map_or("code outside of profiled functions", |frame| frame.name.as_str());
            Finding {
                subject: format!("{} held by {holder}", held.lock_name()),
                claim: format!("Others wait for the {} while {holder} holds it", held.lock_name()),
                evidence: format!("{} waits of {} in all", count(held.contentions as f64), time(held.delay_ns as f64)),
                gain: Gain::wait(waited),
                confidence: Confidence::High,
                next_step: "Hold it for less: compute before, do I/O after; or split it, or read with an RwLock."
                    .into(),
                refuted_by: "What waits has nothing else to do: no request is slower for it.".into(),
                link: "debug/pprof/mutex?debug=1".into(),
                ..Finding::default()
            }
        })
    };
    facts.snapshot.locks.holders.iter().filter_map(of).collect()
}
