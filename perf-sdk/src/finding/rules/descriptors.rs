//! File descriptors that are nearly used up.

use crate::base::units::count;
use crate::finding::facts::Facts;
use crate::finding::state::{Confidence, Finding};

const SHARE: f64 = 0.8;

pub(super) fn nearly_used_up(facts: &Facts<'_>) -> Vec<Finding> {
    let (Some(open), Some(most)) = (facts.reading("process_open_fds"), facts.reading("process_max_fds")) else {
        return Vec::new();
    };
    if most <= 0.0 || open < SHARE * most {
        return Vec::new();
    }
    vec![Finding {
        claim: "The process can open hardly any more files and connections".into(),
        evidence: format!("{} of {} descriptors are open", count(open), count(most)),
        confidence: Confidence::High,
        next_step: "Look for what is not closed (/proc/PID/fd), or raise the limit (ulimit -n).".into(),
        refuted_by: "The number is steady: it is the connections that are served.".into(),
        ..Finding::default()
    }]
}
