//! Large blocks that are allocated again and again.

use crate::base::units::{bytes, count};
use crate::finding::facts::Facts;
use crate::finding::state::{Confidence, Finding, Gain};
use crate::snapshot::{Function, LargeBlocks};

/// Blocks that are allocated and freed, in a minute. A shorter time must have as many.
const MANY: f64 = 100.0;
/// So that the number is above that, by two standard errors.
const LEAST_SAMPLES: u64 = 10;
const MINUTE: f64 = 60.0;
/// CPU time of an allocation and its free beyond the caches of a thread, and of each page that is
/// written for the first time, rounded up.
const BLOCK_SECONDS: f64 = 1e-6;
const PAGE_SECONDS: f64 = 250e-9;
const PAGE_BYTES: f64 = 4_096.0;

pub(super) fn worth_a_pool(facts: &Facts<'_>) -> Vec<Finding> {
    let of = |function: &Function, blocks: &LargeBlocks| {
        // What is kept cannot be reused.
        let reused = blocks.allocations.min(blocks.frees) as f64;
        let error = reused / (blocks.samples.max(1) as f64).sqrt();
        let minutes = (facts.seconds / MINUTE).max(1.0);
        if blocks.samples < LEAST_SAMPLES || reused - 2.0 * error <= MANY * minutes {
            return None;
        }
        let size = blocks.largest_bytes;
        let most = count(blocks.most_living.max(1) as f64);
        Some(Finding {
            subject: format!("{}: {}", function.name, bytes(blocks.class_bytes as f64)),
            claim: format!("{} allocates large blocks again and again", function.name),
            evidence: format!(
                "some {} blocks of {} to {}, {} a minute, of which {most} live at a time; estimated from {} samples",
                count(reused.round()),
                bytes(blocks.class_bytes as f64),
                bytes(size as f64),
                count((reused / facts.seconds * MINUTE).round()),
                count(blocks.samples as f64),
            ),
            gain: Gain::cpu(reused * (BLOCK_SECONDS + PAGE_SECONDS * size as f64 / PAGE_BYTES)),
            confidence: Confidence::Medium,
            next_step: format!(
                "Take them from a perf_sdk::pool::BufferPool with .sizes([{size}]).max_idle({most}), or keep one."
            ),
            refuted_by:
                "The allocator has the pages at hand: there are few page faults, and the CPU time is elsewhere.".into(),
            link: "flamegraph?weight=bytes".into(),
            ..Finding::default()
        })
    };
    facts.functions().flat_map(|function| function.large_blocks.iter().filter_map(|all| of(function, all))).collect()
}
