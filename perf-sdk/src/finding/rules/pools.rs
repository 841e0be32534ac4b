//! Pools of connections in which somebody waits, or soon will, or never would.

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

/// At most this share of a pool's connections was ever in use at once, in that time, of which so
/// much must be known. A pool of fewer connections is small enough.
const FEW: f64 = 0.25;
const LEAST_CONNECTIONS: f64 = 10.0;
const LONG: Duration = Duration::from_secs(3_600);
const LEAST_OF_LONG: Duration = Duration::from_secs(300);

pub(super) fn oversized(facts: &Facts<'_>) -> Vec<Finding> {
    let Some(past) = &facts.past else { return Vec::new() };
    let of = |pool: &&str| {
        let sum = |name| facts.sum_of(name, "pool", pool);
        let mean = |name| past.mean(name, ("pool", pool), LONG);
        let most = past.peak("connection_pool_in_use", ("pool", pool), LONG)?;
        // Those that are open: a pool that may have more costs nothing.
        let open = mean("connection_pool_idle")?.value + mean("connection_pool_in_use")?.value;
        let has_waited = sum("connection_pool_timeouts_total") > 0.0 || sum("connection_pool_waiting") > 0.0;
        let is_too_large = open >= LEAST_CONNECTIONS && most.value < FEW * open && most.covered >= LEAST_OF_LONG;
        (is_too_large && !has_waited).then(|| Finding {
            subject: (*pool).to_owned(),
            claim: format!("The pool {pool} keeps many more connections than are used"),
            evidence: format!(
                "at most {} of {open:.0} open connections were in use at once in the last {}; it may have {}",
                count(most.value.ceil()),
                time(most.covered.as_nanos() as f64),
                count(sum("connection_pool_size")),
            ),
            confidence: Confidence::Medium,
            next_step: format!(
                "Allow fewer: {} are twice what was used. Each one takes memory here and a process or a thread there.",
                count((most.value * 2.0).ceil().max(2.0)),
            ),
            refuted_by: "There are peaks between two readings, a second apart, or less often than once an hour.".into(),
            ..Finding::default()
        })
    };
    facts.subjects("connection_pool_in_use", "pool").iter().filter_map(of).collect()
}
