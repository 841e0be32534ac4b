//! The pressure level as a function of memory in use. Pure.

use std::fmt;

use crate::accounts::Pressure;

/// A level ends when memory in use is below its threshold by this share of the limit.
const HYSTERESIS: f64 = 0.02;

/// Memory in use, and its limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Used {
    pub(crate) used_bytes: u64,
    pub(crate) limit_bytes: u64,
}

/// Thresholds as shares of the limit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Thresholds {
    pub(crate) high: f64,
    pub(crate) critical: f64,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { high: 0.8, critical: 0.95 }
    }
}

impl fmt::Display for Thresholds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%,{}%", self.high * 100.0, self.critical * 100.0)
    }
}

impl Thresholds {
    /// Whether memory in use would have to double before it reaches the lower threshold.
    pub(super) fn are_far(&self, used: Used) -> bool {
        2.0 * used.used_bytes as f64 <= self.high * used.limit_bytes as f64
    }

    pub(super) fn level(&self, used: Used, before: Pressure) -> Pressure {
        let share = used.used_bytes as f64 / (used.limit_bytes as f64).max(1.0);
        let is_above =
            |threshold: f64, level: Pressure| share >= if before >= level { threshold - HYSTERESIS } else { threshold };
        if is_above(self.critical, Pressure::Critical) {
            Pressure::Critical
        } else if is_above(self.high, Pressure::High) {
            Pressure::High
        } else {
            Pressure::Normal
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn up_to_half_of_a_threshold_counts_as_far() {
        let far = |used_bytes, limit_bytes| Thresholds::default().are_far(Used { used_bytes, limit_bytes });
        assert_eq!([0, 40, 41, 80, 200].map(|used| far(used, 100)), [true, true, false, false, false]);
        assert!(!far(1, 0));
    }

    #[test]
    fn levels_do_not_flutter() {
        let thresholds = Thresholds::default();
        let mut level = Pressure::Normal;
        for (used_bytes, expected) in [
            (79, Pressure::Normal),
            (80, Pressure::High),
            (79, Pressure::High),
            (77, Pressure::Normal),
            (96, Pressure::Critical),
            (94, Pressure::Critical),
            (92, Pressure::High),
            (10, Pressure::Normal),
        ] {
            level = thresholds.level(Used { used_bytes, limit_bytes: 100 }, level);
            assert_eq!(level, expected, "{used_bytes}");
        }
    }
}
