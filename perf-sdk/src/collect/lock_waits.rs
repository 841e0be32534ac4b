//! Waits for locks as readings: of the whole process, at intervals.

use crate::reading::{Description, Producer, Sheet, Unit};
use crate::record::lock_waits;

static WAITS: Description = Description::counter(
    "lock_contentions_total",
    Unit::Count,
    "Waits for a Mutex or an RwLock of perf_sdk::sync, of all functions.",
);
static SECONDS: Description = Description::counter(
    "lock_wait_seconds_total",
    Unit::Seconds,
    "Time spent waiting for a Mutex or an RwLock of perf_sdk::sync, of all functions.",
);

/// All of them.
pub(crate) fn lock_descriptions() -> impl Iterator<Item = &'static Description> {
    [&WAITS, &SECONDS].into_iter()
}

/// Reads the sums. They are absent before the first wait.
#[derive(Debug)]
pub(crate) struct LockMonitor;

impl Producer for LockMonitor {
    fn name(&self) -> &'static str {
        "locks"
    }

    fn runs_anywhere(&self) -> bool {
        true
    }

    fn read(&mut self, into: &mut Sheet) {
        let (contentions, delay_ns) = lock_waits();
        if contentions > 0 {
            into.push(&WAITS, contentions as f64);
            into.push(&SECONDS, delay_ns as f64 * 1e-9);
        }
    }
}
