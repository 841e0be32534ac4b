//! Rates of sampling.

use std::time::Duration;

/// The default samples per second of CPU time.
pub(crate) const USUAL_HZ: u32 = 99;
/// The maximum samples per second of CPU time.
pub(crate) const MAX_HZ: u32 = 4_000;
/// The maximum wall-time samples per second of each thread.
pub(crate) const MAX_WALL_HZ: u32 = 100;
/// The minimum time between two evaluations.
pub(super) const LEAST_LOOK: Duration = Duration::from_millis(5);
