//! Captures wall time by stack, running or waiting.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::code::Names;
use super::sampled::{places, stack};
use crate::base::sort;
use crate::memory;
use crate::snapshot::{Frame, OffCpu, SampledStack, Snapshot, WallProfile};
use crate::stacks::{self, WallPicture, WallWanted, Wish};

/// A window that is being sampled.
#[derive(Debug)]
pub(crate) struct WallWindow {
    wanted: WallWanted,
    before: WallPicture,
    recorded: Snapshot,
}

impl WallWindow {
    /// Begins a window. `None` if stacks are not sampled.
    pub(crate) fn open(hz: u32, threads: &str) -> Option<Self> {
        memory::uncounted(|| {
            let hz = hz.clamp(1, stacks::MAX_WALL_HZ);
            let wanted = stacks::want_wall(Wish { hz, threads: threads.to_owned() })?;
            Some(Self { before: wanted.picture()?, recorded: super::take(), wanted })
        })
    }

    /// What was seen up to now, before the window too.
    #[cfg(feature = "flight")]
    pub(super) fn picture(&self) -> Option<WallPicture> {
        self.wanted.ask();
        self.wanted.picture()
    }

    /// The profile of the window.
    pub(crate) fn close(self, names: Names) -> Option<WallProfile> {
        memory::uncounted(|| {
            self.wanted.ask();
            let now = self.wanted.picture()?;
            let (window_ns, window) = (now.ns_since(&self.before), now.since(&self.before));
            let recorded = super::take().subtract(&self.recorded);
            Some(WallProfile::of(&window, window_ns, self.wanted.wish(), &recorded, names))
        })
    }

    /// [`open`](Self::open) and [`close`](Self::close), with a sleep in between.
    pub(crate) fn of(length: Duration, hz: u32, threads: &str) -> Option<WallProfile> {
        let window = Self::open(hz, threads)?;
        std::thread::sleep(length);
        window.close(Names::LookedUp)
    }
}

impl WallProfile {
    fn of(window: &WallPicture, window_ns: u64, wish: &Wish, recorded: &Snapshot, names: Names) -> Self {
        // Read before the names, because looking them up takes time.
        let taken_at = SystemTime::now();
        let (code, places) = places(&window.stacks, &window.images, names);
        // Other captures at the same time may sample other threads.
        let places = places.into_iter().filter(|(place, _)| wish.means(&place.thread));
        let stacks: Vec<SampledStack> = places.map(stack).collect();
        let sum = |of: fn(&SampledStack) -> u64| stacks.iter().map(of).sum();
        Self {
            taken_at_unix_ns: taken_at.duration_since(UNIX_EPOCH).map_or(0, |time| time.as_nanos() as u64),
            window_ns,
            hz: wish.hz,
            threads_like: wish.threads.clone(),
            threads: window.totals.threads,
            samples: sum(|stack| stack.samples),
            wall_ns: sum(|stack| stack.time_ns),
            off_cpu_ns: sum(|stack| stack.off_cpu_ns),
            unanswered_ns: window.totals.pending_ns + window.totals.unasked_ns,
            lost_ns: window.totals.lost_ns,
            code,
            recorded_off_cpu: off_cpu(recorded),
            stacks,
        }
    }
}

/// The off-CPU time of profiled functions, the longest first.
fn off_cpu(recorded: &Snapshot) -> Vec<OffCpu> {
    let functions = recorded.functions.iter().filter_map(|function| {
        let own_ns = function.exclusive.off_cpu_ns().max(0) as u64;
        (own_ns > 0).then(|| OffCpu {
            scope: Frame {
                name: function.name.clone(),
                module: function.module.clone(),
                file: function.file.clone(),
                line: function.line,
            },
            own_ns,
        })
    });
    let mut functions: Vec<OffCpu> = functions.collect();
    sort::sort_by(&mut functions, |a, b| (b.own_ns, &a.scope).cmp(&(a.own_ns, &b.scope)));
    functions
}
