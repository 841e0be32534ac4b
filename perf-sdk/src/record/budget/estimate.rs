//! Estimated calls of nodes whose calls are not counted.

use std::collections::HashMap;

use crate::base::fork::Lock;
use crate::record::store::thread::ThreadRecord;

/// Keyed by the address of the node.
pub(super) static ESTIMATED: Lock<Option<HashMap<usize, Estimate>>> = Lock::new(None);

/// Estimated calls of a node that were not counted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Estimate {
    pub(super) calls: f64,
    /// Calls per nanosecond of CPU time since then. 0: they are counted.
    pub(super) rate: f64,
    pub(super) thread: Thread,
    pub(super) from_ns: u64,
    /// The value that readers were last given. A counter must not decrease when fewer calls came
    /// than expected.
    pub(super) told: u64,
}

impl Estimate {
    pub(super) fn until(&self, now_ns: Option<u64>) -> f64 {
        self.calls + self.rate * now_ns.map_or(0, |now_ns| now_ns.saturating_sub(self.from_ns)) as f64
    }
}

/// The uncounted calls of each node, keyed by its address: as estimated up to the latest
/// evaluation, and extrapolated at the same rate since.
pub(crate) fn estimated_calls() -> HashMap<usize, u64> {
    let mut estimated = ESTIMATED.lock();
    let mut now_ns: HashMap<u32, Option<u64>> = HashMap::new();
    let calls = |(node, estimate): (&usize, &mut Estimate)| {
        let thread = estimate.thread;
        let now_ns =
            if estimate.rate > 0.0 { *now_ns.entry(thread.owner).or_insert_with(|| thread.cpu_ns()) } else { None };
        estimate.told = estimate.told.max(estimate.until(now_ns) as u64);
        (*node, estimate.told)
    };
    estimated.iter_mut().flatten().map(calls).collect()
}

/// One owner of a record.
#[derive(Clone, Copy, Debug)]
pub(super) struct Thread {
    pub(super) record: &'static ThreadRecord,
    pub(super) owner: u32,
}

impl Thread {
    pub(super) fn of(record: &'static ThreadRecord) -> Option<Self> {
        Some(Self { record, owner: record.owner()? })
    }

    pub(super) fn cpu_ns(&self) -> Option<u64> {
        self.record.cpu_ns_of(self.owner)
    }
}
