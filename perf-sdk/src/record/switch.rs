//! Switches recording on and off.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use crate::clock;
use crate::memory;

static OFF: AtomicBool = AtomicBool::new(false);
/// The time that passed while recording was off, up to the last time it was switched on.
static PASSED: Passed = Passed { cpu_ns: AtomicU64::new(0), ticks: AtomicU64::new(0) };
/// The time at which it was last switched off.
static SINCE: Passed = Passed { cpu_ns: AtomicU64::new(0), ticks: AtomicU64::new(0) };

struct Passed {
    cpu_ns: AtomicU64,
    ticks: AtomicU64,
}

/// A time on a clock that stops while recording is off.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::record) struct Moment {
    /// CPU time of the process.
    pub(in crate::record) cpu_ns: u64,
    pub(in crate::record) ticks: u64,
}

impl Passed {
    fn set(&self, moment: Moment) {
        self.cpu_ns.store(moment.cpu_ns, Relaxed);
        self.ticks.store(moment.ticks, Relaxed);
    }

    fn get(&self) -> Moment {
        Moment { cpu_ns: self.cpu_ns.load(Relaxed), ticks: self.ticks.load(Relaxed) }
    }

    fn add(&self, passed: Moment) {
        self.cpu_ns.fetch_add(passed.cpu_ns, Relaxed);
        self.ticks.fetch_add(passed.ticks, Relaxed);
    }
}

impl Moment {
    /// The current time; while recording is off, the time at which it was switched off. `None` if
    /// the system does not provide the CPU time.
    pub(in crate::record) fn now() -> Option<Self> {
        let now = if is_off() { SINCE.get() } else { Self::outside()? };
        Some(now.since(PASSED.get()))
    }

    pub(in crate::record) fn since(self, earlier: Self) -> Self {
        Self { cpu_ns: self.cpu_ns.saturating_sub(earlier.cpu_ns), ticks: self.ticks.saturating_sub(earlier.ticks) }
    }

    /// The time on a clock that never stops.
    fn outside() -> Option<Self> {
        Some(Self { cpu_ns: clock::process_cpu_ns()?, ticks: clock::wall().ticks() })
    }
}

/// Whether calls that begin now are not recorded. Costs one load of a word that rarely changes.
#[inline(always)]
pub(crate) fn is_off() -> bool {
    OFF.load(Relaxed)
}

/// Switches recording. When it is off, calls are not even counted. Calls that are open end as they
/// began.
pub(crate) fn set_recording(on: bool) {
    let now = Moment::outside().unwrap_or_default();
    match (on, OFF.load(Relaxed)) {
        (false, false) => SINCE.set(now),
        (true, true) => PASSED.add(now.since(SINCE.get())),
        _ => {}
    }
    OFF.store(!on, Relaxed);
    memory::pause_heap(!on);
}
