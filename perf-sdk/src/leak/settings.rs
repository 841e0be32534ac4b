//! The detector's configuration.

use std::time::Duration;

use crate::settings::{LEAK_WINDOWS, LeakCaches, Settings};

/// The detector's configuration.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct LeakSettings {
    pub(crate) window_ns: u64,
    /// Objects that live longer count as leaked. At least [`LEAST_HORIZON`](Self::LEAST_HORIZON)
    /// windows.
    pub(crate) horizon_ns: u64,
    /// Places with fewer old bytes are not reported.
    pub(crate) floor_bytes: u64,
    /// Whether every cache is annotated with its bound. Then a place that keeps all of its objects
    /// leaks.
    pub(crate) caches_are_declared: bool,
    /// The memory limit of the process.
    pub(crate) limit_bytes: Option<u64>,
}

impl LeakSettings {
    /// The minimum horizon, in windows.
    pub(crate) const LEAST_HORIZON: u32 = *LEAK_WINDOWS.start();
    const MOST_HORIZON: u32 = *LEAK_WINDOWS.end();

    /// The configuration by the program's settings. `None` if the detector is off.
    pub(crate) fn of(settings: &Settings) -> Option<Self> {
        let window = settings.leak_window?;
        let ns = |duration: Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        Some(Self {
            window_ns: ns(window),
            horizon_ns: ns(settings.leak_horizon?),
            floor_bytes: settings.leak_floor.as_bytes(),
            caches_are_declared: settings.leak_caches == LeakCaches::Declared,
            limit_bytes: settings.memory_limit.map(|limit| limit.as_bytes()),
        })
    }

    pub(crate) fn window(&self) -> Duration {
        Duration::from_nanos(self.window_ns)
    }

    pub(crate) fn horizon(&self) -> u32 {
        let windows = self.horizon_ns / self.window_ns.max(1);
        u32::try_from(windows).unwrap_or(u32::MAX).clamp(Self::LEAST_HORIZON, Self::MOST_HORIZON)
    }

    /// The ages in windows from which an object is old, in three grades: a twelfth, a sixth and a
    /// third of the horizon.
    pub(crate) fn old(&self) -> [u32; 3] {
        let horizon = self.horizon();
        [horizon / 12, horizon / 6, horizon / 3]
    }

    pub(super) fn hours(&self) -> f64 {
        self.window_ns as f64 / 3.6e12
    }
}
