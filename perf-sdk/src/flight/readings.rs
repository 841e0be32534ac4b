//! What became of requests for bundles, as readings.

use std::sync::Arc;
use std::time::Duration;

use crate::reading::{Description, Labels, Place, Renew, Sheet, Unit};

static BUNDLES: Description = Description::counter(
    "evidence_bundles_total",
    Unit::Count,
    "Requests for bundles of evidence: made; joined, to one that was being made or just had been; refused, beyond the \
     number that an alert may have; failed.",
);
static KEPT: Description = Description::gauge(
    "evidence_kept_bytes",
    Unit::Bytes,
    "Bundles of evidence that are kept, when the latest one was made: of this program in the folder, or of this process in memory.",
);

/// All of them.
pub(crate) fn descriptions() -> impl Iterator<Item = &'static Description> {
    [&BUNDLES, &KEPT].into_iter()
}

/// Since the start.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    pub(super) made: u64,
    pub(super) joined: u64,
    pub(super) refused: u64,
    pub(super) failed: u64,
    pub(super) in_folder_bytes: u64,
    pub(super) in_memory_bytes: u64,
}

/// While it exists, the counts are in scrapes.
#[derive(Debug)]
pub(super) struct Shown {
    place: Place,
    labels: [Labels; 4],
}

impl Shown {
    pub(super) fn new() -> Self {
        let labels = ["made", "joined", "refused", "failed"].map(|outcome| Labels::of(&[("outcome", outcome)]));
        Self { place: Place::new("flight", Renew(Arc::new(|| ()))), labels }
    }

    pub(super) fn publish(&self, counts: Counts) {
        let mut sheet = Sheet::default();
        let values = [counts.made, counts.joined, counts.refused, counts.failed];
        for (labels, value) in self.labels.iter().zip(values) {
            sheet.push_of(&BUNDLES, labels, value as f64);
        }
        sheet.push(&KEPT, (counts.in_folder_bytes + counts.in_memory_bytes) as f64);
        self.place.publish(sheet, Duration::MAX);
    }
}
