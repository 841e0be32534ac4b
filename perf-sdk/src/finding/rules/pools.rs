//! Pools of connections in which somebody waits.

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
