//! Findings of this process: with its history.

use std::collections::BTreeSet;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::base::fork::Lock;
use crate::figures::{Live, Now};
use crate::finding::{self, Findings};
use crate::history;
use crate::reading;
use crate::snapshot::Snapshot;

/// Fingerprints of findings that are accepted.
static ACCEPTED: Lock<BTreeSet<String>> = Lock::new(BTreeSet::new());

/// From now on, these are left out.
pub(crate) fn accept_findings(fingerprints: BTreeSet<String>) {
    *ACCEPTED.lock() = fingerprints;
}

/// What somebody should do, by the snapshot and by what was before, without what is accepted.
pub(crate) fn findings(snapshot: &Snapshot) -> Findings {
    let accepted = ACCEPTED.lock().clone();
    let readings = reading::latest();
    let at_unix_ns = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64);
    let now = || Now::new(&readings, super::names::function_names, None);
    let found = history::ask(|history| {
        let figures = Live::new(Some(history), now());
        finding::of_process(snapshot, Some((&figures, at_unix_ns)), &accepted)
    });
    found.unwrap_or_else(|| finding::of_process(snapshot, None, &accepted))
}

/// Their number, without asking the history.
#[cfg(feature = "serve")]
pub(crate) fn number_of_findings(snapshot: &Snapshot) -> usize {
    findings_of(snapshot).findings.len()
}

/// Those that need no history.
#[cfg(feature = "serve")]
pub(crate) fn findings_of(snapshot: &Snapshot) -> Findings {
    let accepted = ACCEPTED.lock().clone();
    finding::of_process(snapshot, None, &accepted)
}
