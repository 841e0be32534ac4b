//! Locks that are held while their future waits.

use crate::base::units::{count, time};
use crate::finding::facts::Facts;
use crate::finding::state::{Confidence, Finding, Gain};
use crate::snapshot::LockContention;

pub(super) fn with_a_lock(facts: &Facts<'_>) -> Vec<Finding> {
    let locks = &facts.snapshot.locks;
    let of = |held: &LockContention| {
        let future = held.scope.last()?;
        // Who waited meanwhile: for this lock, held by this future or what it called.
        let is_of_it = |other: &&LockContention| {
            (&other.lock, &other.file, other.line) == (&held.lock, &held.file, held.line)
                && other.scope.starts_with(&held.scope)
        };
        let waits = || locks.holders.iter().filter(is_of_it);
        let waited: u64 = waits().map(|other| other.delay_ns).sum();
        let waiting: u64 = waits().map(|other| other.contentions).sum();
        let lasted = match held.delay_ns {
            0 => "which it has not released yet".to_owned(),
            ns => format!("for {} from then on", time(ns as f64)),
        };
        Some(Finding {
            subject: format!("{} held by {}", held.lock_name(), future.name),
            claim: format!("{} waits for something else while it holds the {}", future.name, held.lock_name()),
            evidence: format!(
                "{} times it was suspended with the lock, {lasted}; {} waits for it of {} in all",
                count(held.contentions as f64),
                count(waiting as f64),
                time(waited as f64),
            ),
            gain: Gain::wait(waited as f64 * 1e-9),
            confidence: Confidence::High,
            next_step: "Drop the guard before the await, or take an async lock: another task of this thread that \
                        wants it stops the thread for ever."
                .into(),
            refuted_by: "What it awaits is always ready: then it is not suspended.".into(),
            link: "debug/pprof/mutex?debug=1".into(),
            ..Finding::default()
        })
    };
    locks.suspended.iter().filter_map(of).collect()
}
