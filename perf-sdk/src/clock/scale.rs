//! Conversion of ticks to nanoseconds and back. Pure.

/// Fraction bits. They allow counters of 1 MHz to 100 GHz, and the error of one of 24 MHz is below
/// 10⁻¹³.
const SHIFT: u32 = 40;

/// The number of ticks whose duration in nanoseconds is the forward factor.
pub(super) const UNIT: u64 = 1 << SHIFT;

/// Fixed-point factors of a counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Scale {
    /// Nanoseconds in 2⁴⁰ ticks.
    pub(super) forward: u64,
    /// Ticks in 2⁴⁰ nanoseconds.
    pub(super) inverse: u64,
}

impl Scale {
    /// One tick is one nanosecond.
    pub(super) const NANOSECONDS: Self = Self { forward: UNIT, inverse: UNIT };

    /// The scale by which this many ticks take this many nanoseconds. `None` unless both factors
    /// fit the fixed point.
    pub(super) fn of(ticks: u64, ns: u64) -> Option<Self> {
        let ratio = |to: u64, from: u64| {
            let factor = (u128::from(to) << SHIFT).checked_div(u128::from(from))?;
            u64::try_from(factor).ok().filter(|factor| *factor > 0)
        };
        Some(Self { forward: ratio(ns, ticks)?, inverse: ratio(ticks, ns)? })
    }

    /// The relative difference between the two.
    pub(super) fn differs(self, other: Self) -> f64 {
        self.forward.abs_diff(other.forward) as f64 / other.forward as f64
    }
}

/// Rounds down. Saturates only at results of 2⁶⁴ or more, which are centuries.
#[inline]
pub(super) fn apply(value: u64, factor: u64) -> u64 {
    ((u128::from(value) * u128::from(factor)) >> SHIFT) as u64
}

/// As [`apply`], for a value that may be negative. Rounds down as well.
#[inline]
pub(super) fn apply_signed(value: i64, factor: u64) -> i64 {
    ((i128::from(value) * i128::from(factor)) >> SHIFT) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_counters_round_trip() {
        for hertz in [1_000_000_u64, 24_000_000, 54_000_000, 1_000_000_000, 2_599_998_211, 5_000_000_000] {
            let scale = Scale::of(hertz, 1_000_000_000).unwrap();
            for seconds in [0, 1, 60, 86_400, 366 * 86_400] {
                let ns = apply(hertz * seconds, scale.forward);
                let exact = seconds * 1_000_000_000;
                assert!(ns.abs_diff(exact) <= 1 + exact / scale.forward, "{hertz} Hz: {ns} for {exact}");
                let ticks = apply(exact, scale.inverse);
                assert!(ticks.abs_diff(hertz * seconds) <= 1 + ticks / scale.inverse, "{hertz} Hz");
            }
        }
    }

    #[test]
    fn nanoseconds_stay_what_they_are() {
        let scale = Scale::NANOSECONDS;
        assert_eq!(Scale::of(5, 5), Some(scale));
        assert_eq!(apply(u64::MAX, scale.forward), u64::MAX);
    }

    #[test]
    fn a_counter_that_stands_still_has_no_scale() {
        assert_eq!(Scale::of(0, 1_000), None);
        assert_eq!(Scale::of(1_000, 0), None);
        assert_eq!(Scale::of(1, u64::MAX), None);
    }
}
