//! The same moment on two clocks.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::clock::Wall;

/// The number of readings, of which the most exact one counts.
const READINGS: usize = 5;

/// Now, in wall ticks and in nanoseconds since the Unix epoch. A thread may lose its processor
/// between both readings: that reading is not taken.
pub(super) fn moment(wall: &Wall) -> (u64, u64) {
    closest((0..READINGS).map(|_| {
        let before = wall.ticks();
        let unix = SystemTime::now().duration_since(UNIX_EPOCH);
        (before, unix.map_or(0, |since| since.as_nanos() as u64), wall.ticks())
    }))
}

/// Of readings between two ticks the one that took the least time, in its middle.
fn closest(readings: impl Iterator<Item = (u64, u64, u64)>) -> (u64, u64) {
    let closest = readings.min_by_key(|(before, _, after)| after.saturating_sub(*before));
    closest.map_or((0, 0), |(before, unix_ns, after)| (before + after.saturating_sub(before) / 2, unix_ns))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interrupted_reading_does_not_count() {
        assert_eq!(closest([(10, 1, 9_000), (9_010, 2, 9_030), (9_040, 3, 9_100)].into_iter()), (9_020, 2));
    }
}
