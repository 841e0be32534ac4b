//! What the verdicts rest on, as the user may choose it.

/// What the verdicts rest on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct LeakSettings {
    pub(crate) window_ns: u64,
    /// What lives longer is leaked. At least [`LEAST_HORIZON`](Self::LEAST_HORIZON) windows.
    pub(crate) horizon_ns: u64,
    /// Places that hold less that is old are not spoken of.
    pub(crate) floor_bytes: u64,
    /// Every cache is annotated with its bound: what keeps all of its objects leaks, then.
    pub(crate) caches_are_declared: bool,
    /// What the process may hold.
    pub(crate) limit_bytes: Option<u64>,
}

impl LeakSettings {
    /// In windows.
    pub(crate) const LEAST_HORIZON: u32 = 40;
    pub(crate) const MOST_HORIZON: u32 = 480;

    pub(crate) fn horizon(&self) -> u32 {
        let windows = self.horizon_ns / self.window_ns.max(1);
        u32::try_from(windows).unwrap_or(u32::MAX).clamp(Self::LEAST_HORIZON, Self::MOST_HORIZON)
    }

    /// From how many windows on something is old, in three grades: a twelfth, a sixth and a third of the horizon.
    pub(crate) fn old(&self) -> [u32; 3] {
        let horizon = self.horizon();
        [horizon / 12, horizon / 6, horizon / 3]
    }

    pub(super) fn hours(&self) -> f64 {
        self.window_ns as f64 / 3.6e12
    }
}
