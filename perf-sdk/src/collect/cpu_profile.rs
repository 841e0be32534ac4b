//! Captures CPU time by stack.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::code::Names;
use super::sampled::{places, stack};
use crate::clock;
use crate::memory;
use crate::snapshot::{Code, CpuProfile, SampledStack};
use crate::stacks::{self, Picture, Wanted};

impl CpuProfile {
    /// All samples since the start. `None` if stacks are not sampled, see
    /// [`ProfilerStats::stacks`](crate::snapshot::ProfilerStats::stacks).
    ///
    /// **Cost.** For images with new addresses, debug information is read: tens of milliseconds,
    /// more for large programs.
    #[must_use]
    pub fn take() -> Option<Self> {
        memory::uncounted(|| Some(Self::of(stacks::picture()?, None, Names::LookedUp)))
    }

    fn of(now: Picture, before: Option<&Picture>, names: Names) -> Self {
        // Read before the names, because looking them up takes time.
        let taken_at_unix_ns = unix_ns();
        let window = now.since(before);
        let (code, places) = places(&window.stacks, &window.images, names);
        Self::new(&window, taken_at_unix_ns, code, places.into_iter().map(stack).collect())
    }

    /// Of a window that ended at that time.
    pub(super) fn new(window: &Picture, taken_at_unix_ns: u64, code: Code, stacks: Vec<SampledStack>) -> Self {
        Self {
            taken_at_unix_ns,
            window_ns: clock::wall().ns(window.totals.at),
            engine: window.engine.name().to_owned(),
            hz: window.hz,
            samples: window.totals.samples,
            sampled_ns: window.totals.sampled_ns,
            process_ns: window.totals.process_ns,
            dropped: window.totals.dropped,
            dropped_ns: window.totals.dropped_ns,
            cut: window.totals.cut,
            leaf_only: window.totals.leaf_only,
            folded: window.totals.folded,
            handler_ns: window.totals.handler_ns,
            handler_median_ns: window.totals.handler_median_ns(),
            phases: window.totals.phases,
            threads: window.totals.threads,
            refused: window.totals.refused,
            code,
            stacks,
        }
    }
}

pub(super) fn unix_ns() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_nanos() as u64)
}

/// A window that is being sampled.
#[derive(Debug)]
pub(crate) struct Window {
    before: Picture,
    #[expect(dead_code, reason = "for what its drop does")]
    wanted: Wanted,
}

impl Window {
    /// Begins a window, with at least `hz` samples per second of CPU time. `None` for `hz` means
    /// the usual rate. Returns `None` if stacks are not sampled.
    pub(crate) fn open(hz: Option<u32>) -> Option<Self> {
        memory::uncounted(|| {
            let wanted = stacks::want(hz)?;
            Some(Self { before: stacks::picture()?, wanted })
        })
    }

    /// The profile of the window.
    pub(crate) fn close(self, names: Names) -> Option<CpuProfile> {
        memory::uncounted(|| Some(CpuProfile::of(stacks::picture()?, Some(&self.before), names)))
    }

    /// The profile of the window, which begins anew. No sample is lost in between, and none is in
    /// both windows.
    #[cfg(feature = "push")]
    pub(crate) fn turn(&mut self) -> Option<CpuProfile> {
        memory::uncounted(|| {
            let now = stacks::picture()?;
            let before = std::mem::replace(&mut self.before, now.clone());
            Some(CpuProfile::of(now, Some(&before), Names::LookedUp))
        })
    }

    /// [`open`](Self::open) and [`close`](Self::close), with a sleep in between.
    pub(crate) fn of(length: Duration, hz: Option<u32>) -> Option<CpuProfile> {
        let window = Self::open(hz)?;
        std::thread::sleep(length);
        window.close(Names::LookedUp)
    }
}

/// The names of the functions at code addresses. Unknown addresses are omitted.
#[cfg(feature = "serve")]
pub(crate) fn names_of(addresses: &[u64]) -> Vec<(u64, String)> {
    memory::uncounted(|| {
        let Some(picture) = stacks::picture() else { return Vec::new() };
        let lines = stacks::resolve(&picture.images, addresses.iter().map(|address| (*address, false)));
        let name = |address: &u64| Some((*address, (*lines.get(address)?.last()?.function).to_owned()));
        addresses.iter().filter_map(name).collect()
    })
}
