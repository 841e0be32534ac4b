//! Pools of connections in which somebody waits, or soon will.

use std::time::Duration;

use crate::base::units::{count, time};
use crate::finding::facts::Facts;
use crate::finding::state::{Confidence, Finding, Gain};

/// Of the recorded time: on average one caller in ten waits.
const MUCH: f64 = 0.1;

pub(super) fn waited_for(facts: &Facts<'_>) -> Vec<Finding> {
    let of = |pool: &&str| {
        let sum = |name| facts.sum_of(name, "pool", pool);
        let (waited, timeouts) = (sum("connection_pool_wait_seconds_total"), sum("connection_pool_timeouts_total"));
        (waited > MUCH * facts.seconds || timeouts > 0.0).then(|| Finding {
            subject: (*pool).to_owned(),
            claim: format!("Callers wait for connections of the pool {pool}"),
            evidence: format!(
                "{} waited for {} checkouts, {} timeouts; {} of {} connections are in use now",
                time(waited * 1e9),
                count(sum("connection_pool_checkouts_total")),
                count(timeouts),
                count(sum("connection_pool_in_use")),
                count(sum("connection_pool_size")),
            ),
            gain: Gain::wait(waited),
            confidence: Confidence::High,
            next_step: "Keep connections for less time, or allow more of them.".into(),
            refuted_by: "The database is what is slow: its statements take as long as callers wait.".into(),
            ..Finding::default()
        })
    };
    facts.subjects("connection_pool_checkouts_total", "pool").iter().filter_map(of).collect()
}

/// More than this share of a pool is in use on average, in that time, of which so much must be
/// known.
const NEARLY_ALL: f64 = 0.7;
const LATELY: Duration = Duration::from_secs(300);
const LEAST: Duration = Duration::from_secs(15);

pub(super) fn full(facts: &Facts<'_>) -> Vec<Finding> {
    let Some(past) = &facts.past else { return Vec::new() };
    let of = |pool: &&str| {
        // Not the first seconds, of which nothing is known.
        let length = LATELY.min(Duration::from_secs_f64((facts.seconds - 5.0).max(1.0)));
        let mean = |name| past.mean(name, ("pool", pool), length);
        let (used, size) = (mean("connection_pool_in_use")?, mean("connection_pool_size")?);
        let is_full = used.covered >= LEAST && size.value > 1.0 && used.value > NEARLY_ALL * size.value;
        is_full.then(|| Finding {
            subject: (*pool).to_owned(),
            claim: format!("Nearly all connections of the pool {pool} are always in use"),
            evidence: format!(
                "{:.1} of {:.1} on average in the last {}, {} checkouts",
                used.value,
                size.value,
                time(used.covered.as_nanos() as f64),
                count(facts.sum_of("connection_pool_checkouts_total", "pool", pool)),
            ),
            confidence: Confidence::Medium,
            next_step: "Look who keeps connections without using them, or allow more of them.".into(),
            refuted_by: "Connections are returned soon, and the pool is meant to be that small.".into(),
            ..Finding::default()
        })
    };
    facts.subjects("connection_pool_in_use", "pool").iter().filter_map(of).collect()
}
