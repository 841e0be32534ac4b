//! Futures whose polls take long.

use crate::base::units::{count, time};
use crate::finding::facts::{Facts, seconds};
use crate::finding::state::{Confidence, Finding, Gain};

/// A poll of this length keeps its worker from all other tasks.
const LONG_NS: u64 = 50_000_000;
/// Of the time inside polls.
const BLOCKED: f64 = 0.5;
/// In a poll, on average.
const BLOCKED_SECONDS: f64 = 1e-3;
/// A poll that computes for longer than a time slice is preempted where others want the processor.
/// Then it blocks only if it is off the CPU for nearly all of the time.
const SLICE_SECONDS: f64 = 3e-3;
const NEARLY_ALL: f64 = 0.9;
/// Of fewer polls, one that was preempted for long is most of the time.
const LEAST_POLLS: u64 = 20;
/// Of the recorded time.
const MUCH: f64 = 0.05;

/// Polls that wait: what is within a poll should compute.
pub(super) fn in_polls(facts: &Facts<'_>) -> Vec<Finding> {
    let of = |function: &crate::snapshot::Function| {
        let future = function.future.as_ref().filter(|future| future.polls >= LEAST_POLLS)?;
        function.cpu.as_ref()?;
        let own = function.exclusive;
        let off = seconds(own.off_cpu_ns());
        let may_be_preempted = seconds(own.cpu_ns) > SLICE_SECONDS * future.polls as f64;
        let blocked = if may_be_preempted { NEARLY_ALL } else { BLOCKED };
        let is_much = off > blocked * seconds(own.wall_ns) && off > MUCH * facts.seconds;
        // What preemption takes is not the function's doing. It is short on average.
        let is_long = off >= BLOCKED_SECONDS * future.polls as f64;
        (is_much && is_long).then(|| Finding {
            subject: function.name.clone(),
            claim: format!("{} blocks its thread inside of polls", function.name),
            evidence: format!(
                "{} of {} in its own polls off the CPU; the longest poll took {}; {} polls",
                time(off * 1e9),
                time(own.wall_ns.max(0) as f64),
                time(future.longest_poll_ns as f64),
                count(future.polls as f64),
            ),
            gain: Gain::wait(off),
            confidence: Confidence::Medium,
            next_step: "Await it: an async lock, an async client, or spawn_blocking around what blocks.".into(),
            refuted_by: "Other processes take the processors: host and pressure figures say so.".into(),
            link: "flamegraph?weight=offcpu".into(),
            ..Finding::default()
        })
    };
    facts.functions().filter_map(of).collect()
}

/// Polls that compute for long.
pub(super) fn long_polls(facts: &Facts<'_>) -> Vec<Finding> {
    let of = |function: &crate::snapshot::Function| {
        let future = function.future.as_ref().filter(|future| future.longest_poll_ns >= LONG_NS)?;
        let busy = future.busy_ns as f64 / future.polls.max(1) as f64;
        // One long poll among many short ones is chance, such as a page fault or preemption.
        let is_usual = busy >= LONG_NS as f64 / 10.0;
        let own = seconds(function.exclusive.cpu_ns);
        (is_usual && own > MUCH * facts.seconds).then(|| Finding {
            subject: function.name.clone(),
            claim: format!("Polls of {} keep their worker from other tasks", function.name),
            evidence: format!(
                "a poll takes {} on average and {} at most; {} polls",
                time(busy),
                time(future.longest_poll_ns as f64),
                count(future.polls as f64),
            ),
            gain: Gain::wait(own),
            confidence: Confidence::High,
            next_step: "Compute on a thread of its own (spawn_blocking, rayon), or yield in between.".into(),
            refuted_by: "No other task waits: tokio_global_queue_depth stays at 0.".into(),
            link: "flamegraph?weight=cpu".into(),
            ..Finding::default()
        })
    };
    facts.functions().filter_map(of).collect()
}
