//! Numbers as small integers: linear near zero, and logarithmic beyond.
//!
//! A number is a multiple of the smallest step of its unit. Up to 256 steps it is rounded to a
//! whole one; beyond, to eight bits after the leading one. The integers are ordered like the
//! numbers, and neighbouring numbers are neighbouring integers, so their differences are short.

use crate::reading::{Kind, Unit};

/// Bits after the leading one. The largest relative error is 2⁻⁹, 0.2 %.
const BITS: u32 = 8;
const LINEAR: f64 = (1 << BITS) as f64;
const SHIFT: u32 = 52 - BITS;
/// The exponent and the bits of 256.
const FIRST: i64 = (1_023 + BITS as i64) << BITS;

/// The smallest step of a series.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Grid(f64);

impl Grid {
    /// Counters are kept as whole increments; gauges are averaged.
    pub(super) fn of(kind: Kind, unit: Unit) -> Self {
        let power = match (unit, kind) {
            (Unit::Bytes, _) | (Unit::Count, Kind::Counter) => 0,
            (Unit::Count | Unit::Hertz, _) => -6,
            (Unit::Ratio, _) => -16,
            (Unit::Seconds, _) => -30,
        };
        Self(f64::from(power).exp2())
    }

    /// The smallest step.
    pub(super) fn step(self) -> f64 {
        self.0
    }

    pub(super) fn encode(self, value: f64) -> i16 {
        let steps = value.abs() / self.0;
        let size = if steps < LINEAR {
            steps.round() as i64
        } else {
            // Rounding may carry into the exponent, which is the next power of two.
            let bits = steps.to_bits().saturating_add(1 << (SHIFT - 1)) >> SHIFT;
            bits as i64 - FIRST + (1 << BITS)
        };
        let size = size.min(i64::from(i16::MAX)) as i16;
        if value < 0.0 { -size } else { size }
    }

    pub(super) fn decode(self, code: i16) -> f64 {
        let size = i64::from(code).abs();
        let steps =
            if size < 1 << BITS { size as f64 } else { f64::from_bits(((size - (1 << BITS) + FIRST) as u64) << SHIFT) };
        steps * if code < 0 { -self.0 } else { self.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNITS: [Unit; 5] = [Unit::Seconds, Unit::Bytes, Unit::Ratio, Unit::Hertz, Unit::Count];

    #[test]
    fn numbers_come_back_within_a_fifth_of_a_percent_or_half_a_step() {
        let mut random = 0x9e37_79b9_7f4a_7c15_u64;
        for unit in UNITS {
            for kind in [Kind::Gauge, Kind::Counter] {
                let grid = Grid::of(kind, unit);
                for _ in 0..20_000 {
                    random ^= random << 13;
                    random ^= random >> 7;
                    random ^= random << 17;
                    let value = (random >> 11) as f64 * f64::from((random % 90) as i32 - 70).exp2();
                    for value in [value, -value] {
                        let error = (grid.decode(grid.encode(value)) - value).abs();
                        assert!(error <= (value.abs() / 512.0).max(grid.0 / 2.0), "{unit:?} {value} {error}");
                    }
                }
            }
        }
    }

    #[test]
    fn whole_numbers_up_to_511_are_exact_and_codes_are_ordered() {
        for unit in [Unit::Count, Unit::Bytes] {
            for kind in [Kind::Gauge, Kind::Counter] {
                let grid = Grid::of(kind, unit);
                for n in -511..=511 {
                    assert_eq!(grid.decode(grid.encode(f64::from(n))), f64::from(n));
                }
            }
        }
        let grid = Grid::of(Kind::Gauge, Unit::Bytes);
        for code in 0..i16::MAX {
            assert_eq!(grid.encode(grid.decode(code)), code);
            assert!(grid.decode(code) < grid.decode(code + 1));
        }
        assert_eq!(grid.encode(f64::INFINITY), i16::MAX);
        assert_eq!(grid.encode(f64::MAX), i16::MAX);
    }
}
