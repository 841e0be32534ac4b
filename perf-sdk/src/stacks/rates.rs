//! How often stacks are sampled, and threads looked at.

use std::time::Duration;

/// Samples per second of CPU time, if nobody says otherwise.
pub(crate) const USUAL_HZ: u32 = 99;
/// The same, at most.
pub(crate) const MAX_HZ: u32 = 4_000;
/// Looks at wall time per second, at most.
pub(crate) const MAX_WALL_HZ: u32 = 100;
/// Between two looks, at least.
pub(super) const LEAST_LOOK: Duration = Duration::from_millis(5);
