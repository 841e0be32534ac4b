//! What is observed of resting functions in the moments in which they are counted, and what follows
//! for the time outside of them.

/// A thread with less CPU time in moments has no estimate yet.
const LEAST_NS: f64 = 100_000.0;
/// The minimum calls of the caller in moments, because the ends of moments cut off some; and the
/// CPU time in moments from which fewer calls must suffice.
const LEAST_CALLERS: u64 = 20;
const ENOUGH_NS: f64 = 10_000_000.0;
/// Counting is assumed to take at most the rest of a moment beyond this share.
const LEAST_PART: f64 = 0.1;

/// What was observed in the moments of one period.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Moments {
    /// The thread's CPU time when the period began: when the function began to rest, or when its
    /// calls were last estimated.
    pub(super) from_ns: u64,
    /// The part of the CPU time since then that was in moments.
    pub(super) in_them_ns: u64,
    /// How long these moments would have taken without counting.
    pub(super) plain_ns: f64,
    /// Calls in these moments, and calls of the caller that does not rest.
    pub(super) calls: u64,
    pub(super) callers: u64,
    /// The calls of that caller when the period began. `None` if it had another caller then.
    pub(super) callers_from: Option<u64>,
}

impl Moments {
    /// The calls outside of moments until `now_ns`, at the rate observed in moments, and that rate
    /// for each nanosecond. `None` if too little was observed.
    ///
    /// The rate is per call of the caller if any were observed. Otherwise it is per CPU time, which
    /// depends on how much of a moment counting takes.
    pub(super) fn outside(&self, now_ns: u64, callers: u64) -> Option<(f64, f64)> {
        if (self.in_them_ns as f64) < LEAST_NS {
            return None;
        }
        let outside_ns = now_ns.saturating_sub(self.from_ns).saturating_sub(self.in_them_ns) as f64;
        let calls = self.calls as f64;
        let calls = match self.callers_from.filter(|_| self.callers > 0) {
            Some(from) => {
                let outside = callers.saturating_sub(from).saturating_sub(self.callers);
                calls / self.callers as f64 * outside as f64
            }
            None => calls / self.plain_ns * outside_ns,
        };
        Some((calls, calls / outside_ns.max(1.0)))
    }

    /// As [`outside`](Self::outside), and begins the next period. If the result is `None`, the
    /// period continues, so that more is observed.
    pub(super) fn estimate(&mut self, now_ns: u64, callers: u64) -> Option<(f64, f64)> {
        let few = self.callers_from.is_some() && (1..LEAST_CALLERS).contains(&self.callers);
        if few && (self.in_them_ns as f64) < ENOUGH_NS {
            return None;
        }
        let found = self.outside(now_ns, callers)?;
        *self = Self { from_ns: now_ns, callers_from: Some(callers), ..Self::default() };
        Some(found)
    }
}

/// How long calls that took `cpu_ns` would have taken without counting.
pub(super) fn plain_ns(cpu_ns: u64, calls: u64, call_ns: f64) -> f64 {
    let cpu_ns = cpu_ns as f64;
    (cpu_ns - calls as f64 * call_ns).max(cpu_ns * LEAST_PART)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counting_makes_a_moment_shorter() {
        assert_eq!(plain_ns(400_000, 100_000, 2.5), 150_000.0);
        assert_eq!(plain_ns(400_000, 0, 2.5), 400_000.0);
        assert_eq!(plain_ns(400_000, 1_000_000, 2.5), 40_000.0);
    }

    #[test]
    fn a_time_of_which_little_is_seen_is_not_lost() {
        let time = Moments { from_ns: 1_000_000, callers_from: Some(50), ..Moments::default() };
        let mut seen = Moments { in_them_ns: 20_000, plain_ns: 20_000.0, calls: 7, ..time };
        let before = seen;
        assert_eq!((seen.estimate(11_000_000, 60), seen), (None, before));
        seen = Moments { in_them_ns: 100_000, plain_ns: 50_000.0, calls: 1_000, callers_from: None, ..time };
        // 9.9 ms outside of moments, in which 20 calls came in each microsecond of the program's
        // own time.
        assert_eq!(seen.estimate(11_000_000, 10_000), Some((198_000.0, 0.02)));
        assert_eq!(seen, Moments { from_ns: 11_000_000, callers_from: Some(10_000), ..Moments::default() });
        assert_eq!(seen.estimate(12_000_000, 10_000), None);
    }

    #[test]
    fn calls_come_as_often_as_their_caller_is_called() {
        let time = Moments { from_ns: 0, callers_from: Some(1_000), ..Moments::default() };
        let seen = Moments { in_them_ns: 1_000_000, plain_ns: 900_000.0, calls: 6_400, callers: 100, ..time };
        // 10,900 further calls of the caller.
        assert_eq!({ seen }.estimate(101_000_000, 12_000), Some((697_600.0, 0.006_976)));
        let few = Moments { calls: 640, callers: 10, ..seen };
        assert_eq!({ few }.estimate(101_000_000, 12_000), None);
        assert_eq!(few.outside(101_000_000, 12_010), Some((704_000.0, 0.007_04)));
        let enough = Moments { in_them_ns: 10_000_000, ..few };
        assert_eq!({ enough }.estimate(110_000_000, 12_010), Some((704_000.0, 0.007_04)));
        let other = Moments { callers_from: None, ..seen };
        assert_eq!({ other }.estimate(91_000_000, 12_000), Some((640_000.0, 6_400.0 / 900_000.0)));
    }
}
