//! Memory that is lost between allocations.

use crate::base::units::bytes;
use crate::finding::facts::Facts;
use crate::finding::state::{Confidence, Finding, Gain, Remedy};

/// Of the active pages.
const SHARE: f64 = 0.3;
const LEAST_BYTES: f64 = (64 << 20) as f64;

pub(super) fn of_jemalloc(facts: &Facts<'_>) -> Vec<Finding> {
    let Some(allocator) = &facts.snapshot.allocator else { return Vec::new() };
    let lost = allocator.active_bytes.saturating_sub(allocator.allocated_bytes) as f64;
    if lost < LEAST_BYTES || lost < SHARE * allocator.active_bytes as f64 {
        return Vec::new();
    }
    vec![Finding {
        claim: "Much of the allocator's pages is not allocated".into(),
        evidence: format!(
            "{} of {} in active pages are between allocations",
            bytes(lost),
            bytes(allocator.active_bytes as f64)
        ),
        gain: Gain::memory(lost),
        confidence: Confidence::High,
        next_step: "Allocate what lives long apart from what does not: an arena of its own (perf_sdk::pool).".into(),
        refuted_by: "The program has just freed much, and will allocate it again.".into(),
        remedy: Some(Remedy::Purge),
        ..Finding::default()
    }]
}
