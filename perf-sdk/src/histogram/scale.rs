//! The two scales and their exact constants.

#[cfg(feature = "enabled")]
use serde::{Deserialize, Serialize};

/// The quantity that a histogram's values measure.
///
/// Bucket bounds are powers of 2^(1/32) of the base unit, as in a Prometheus native histogram of
/// schema 5. The base unit is one second for [`Scale::Seconds`], whose values are integer
/// nanoseconds nevertheless, and one byte for [`Scale::Bytes`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "enabled", derive(Serialize, Deserialize))]
pub enum Scale {
    /// Integer nanoseconds; exported in seconds.
    #[default]
    #[cfg_attr(feature = "enabled", serde(rename = "nanoseconds"))]
    Seconds,
    /// Integer bytes.
    #[cfg_attr(feature = "enabled", serde(rename = "bytes"))]
    Bytes,
}

impl Scale {
    /// The number of integer values in one base unit: 10⁹ or 1.
    #[must_use]
    pub const fn per_unit(self) -> u64 {
        match self {
            Self::Seconds => 1_000_000_000,
            Self::Bytes => 1,
        }
    }

    /// The bounds of the classic buckets as `(value, label)`, without `+Inf`, ascending.
    ///
    /// The labels are formatted as Prometheus formats a float (`1.0`, `1e-07`), so that a series
    /// has the same name in every scrape format.
    #[must_use]
    pub const fn classic_bounds(self) -> &'static [(u64, &'static str)] {
        match self {
            Self::Seconds => &SECONDS_LE,
            Self::Bytes => &BYTES_LE,
        }
    }

    #[inline]
    pub(super) const fn grid(self) -> &'static Grid {
        match self {
            Self::Seconds => &SECONDS,
            Self::Bytes => &BYTES,
        }
    }
}

/// Classic bounds for times: nanoseconds, and the label in seconds. Each one is a bound of a cell.
pub(crate) const SECONDS_LE: [(u64, &str); 20] = [
    (100, "1e-07"),
    (1_000, "1e-06"),
    (5_000, "5e-06"),
    (10_000, "1e-05"),
    (50_000, "5e-05"),
    (100_000, "0.0001"),
    (500_000, "0.0005"),
    (1_000_000, "0.001"),
    (2_500_000, "0.0025"),
    (5_000_000, "0.005"),
    (10_000_000, "0.01"),
    (25_000_000, "0.025"),
    (50_000_000, "0.05"),
    (100_000_000, "0.1"),
    (250_000_000, "0.25"),
    (500_000_000, "0.5"),
    (1_000_000_000, "1.0"),
    (2_500_000_000, "2.5"),
    (5_000_000_000, "5.0"),
    (10_000_000_000, "10.0"),
];

/// Classic bounds for sizes. They are powers of 4, and so bucket bounds already.
const BYTES_LE: [(u64, &str); 13] = [
    (1 << 6, "64.0"),
    (1 << 8, "256.0"),
    (1 << 10, "1024.0"),
    (1 << 12, "4096.0"),
    (1 << 14, "16384.0"),
    (1 << 16, "65536.0"),
    (1 << 18, "262144.0"),
    (1 << 20, "1.048576e+06"),
    (1 << 22, "4.194304e+06"),
    (1 << 24, "1.6777216e+07"),
    (1 << 26, "6.7108864e+07"),
    (1 << 28, "2.68435456e+08"),
    (1 << 30, "1.073741824e+09"),
];

/// The number of octaves that a `u64` can fall into, on either scale.
pub(super) const OCTAVES: usize = 65;

/// The constants of one scale.
///
/// A value that is shifted so that its top bit is set lies in [2⁶³, 2⁶⁴). There, the 32 bounds of
/// an octave are the same real numbers for every octave. A shifted value is an integer, so a
/// comparison with the floors of the bounds is exact.
#[derive(Debug)]
pub(super) struct Grid {
    /// The floors of the bounds in [2⁶³, 2⁶⁴), ascending; then a sentinel.
    pub(super) mantissas: [u64; 33],
    /// For each value of the six bits after the top one: the number of bounds below all such
    /// mantissas. Two bounds are farther apart (2.2 %) than such a range is wide (1.6 % at most),
    /// so one comparison decides the rest.
    pub(super) below: [u8; 64],
    /// The decimal bound inside each octave, inclusive; `u64::MAX` where there is none. The bounds
    /// 1, 2.5, 5 × 10ⁿ are at least a factor of 2 apart and an octave is open at its lower end, so
    /// no octave contains two.
    pub(super) cuts: [u64; OCTAVES],
    /// The bucket within its octave that the decimal bound splits in two; 32 where there is none.
    pub(super) cut_slots: [u8; OCTAVES],
    /// The number of the first bound of a power of two, counted from octave 0, bucket 0.
    pub(super) offset: u32,
    /// The exponent of octave 0: it covers (2^first, 2^(first + 1)] base units.
    pub(super) first_octave: i32,
}

/// floor(10⁹ · 2³⁴ · 2^((t − 28)/32)) for t in 0..32.
#[rustfmt::skip]
const SECONDS_MANTISSAS: [u64; 32] = [
    0x81ff_a7a9_549c_a6e3, 0x84d8_626d_3118_d396, 0x87c1_1235_836d_16a3, 0x8aba_1075_8e1e_a3cf,
    0x8dc3_b896_0164_a7d9, 0x90de_67ff_f600_044c, 0x940a_7e28_259f_b382, 0x9748_5c9a_622a_db60,
    0x9a98_6705_4d51_2391, 0x9dfb_0346_51c9_9c68, 0xa170_9975_dfb0_6757, 0xa4f9_93f3_ed7b_61ca,
    0xa896_5f74_bf06_5071, 0xac47_6b0d_f43f_745f, 0xb00d_2843_e106_0dc2, 0xb3e8_0b17_2fd5_1af7,
    0xb7d8_8a12_d0dd_9ea0, 0xbbdf_1e5a_373c_e5c6, 0xbffc_43b7_e604_a922, 0xc430_78ac_4ed4_7ae7,
    0xc87c_3e7d_03cd_bec3, 0xcce0_1944_3eb5_6ce4, 0xd15c_9000_bf21_1c1f, 0xd5f2_2ca6_0197_43e0,
    0xdaa1_7c2c_d195_55db, 0xdf6b_0ea4_3879_3a89, 0xe44f_7742_cb56_e3dd, 0xe94f_4c78_59ce_1066,
    0xee6b_2800_0000_0000, 0xf3a3_a6f2_9dd0_c333, 0xf8f9_69d9_b5ab_f948, 0xfe6d_14c2_b511_4024,
];

/// floor(2^(63 + t/32)) for t in 0..32.
#[rustfmt::skip]
const BYTES_MANTISSAS: [u64; 32] = [
    0x8000_0000_0000_0000, 0x82cd_8698_ac2b_a1d7, 0x85aa_c367_cc48_7b14, 0x8898_0e80_92da_8527,
    0x8b95_c1e3_ea8b_d6e6, 0x8ea4_398b_45cd_53c0, 0x91c3_d373_ab11_c336, 0x94f4_efa8_fef7_0961,
    0x9837_f051_8db8_a96f, 0x9b8d_39b9_d54e_5538, 0x9ef5_3260_91a1_11ad, 0xa270_4303_0c49_6818,
    0xa5fe_d6a9_b151_38ea, 0xa9a1_5ab4_ea7c_0ef8, 0xad58_3eea_42a1_4ac6, 0xb123_f581_d2ac_258f,
    0xb504_f333_f9de_6484, 0xb8fb_af47_62fb_9ee9, 0xbd08_a39f_580c_36be, 0xc12c_4cca_6670_9456,
    0xc567_2a11_5506_dadd, 0xc9b9_bd86_6e2f_27a2, 0xce24_8c15_1f84_80e3, 0xd2a8_1d91_f12a_e45a,
    0xd744_fcca_d69d_6af4, 0xdbfb_b797_daf2_3755, 0xe0cc_deec_2a94_e111, 0xe5b9_06e7_7c83_48a8,
    0xeac0_c6e7_dd24_392e, 0xefe4_b99b_dcda_f5cb, 0xf525_7d15_2486_cc2c, 0xfa83_b2db_722a_033a,
];

// 1 ns = 2^-29.9 s, so the first octave is (2^-30, 2^-29]. 10⁹ · 2³⁴ is bound 28 of its octave of
// mantissas.
static SECONDS: Grid = Grid::new(&SECONDS_MANTISSAS, 3, -30, true);
// 1 byte = 2^0 is the upper end of octave (2^-1, 2^0].
static BYTES: Grid = Grid::new(&BYTES_MANTISSAS, 31, -1, false);

impl Grid {
    const fn new(bounds: &[u64; 32], offset: u32, first_octave: i32, decimal_cuts: bool) -> Self {
        let mut mantissas = [u64::MAX; 33];
        let mut t = 0;
        while t < 32 {
            mantissas[t] = bounds[t];
            t += 1;
        }
        let mut below = [0; 64];
        let mut bits = 0;
        while bits < 64 {
            let start = (64 + bits as u64) << 57;
            while mantissas[below[bits] as usize] < start {
                below[bits] += 1;
            }
            bits += 1;
        }
        let mut grid =
            Self { mantissas, below, cuts: [u64::MAX; OCTAVES], cut_slots: [32; OCTAVES], offset, first_octave };
        if decimal_cuts {
            let mut power: u128 = 1;
            while power <= u64::MAX as u128 {
                grid.cut(power);
                if power > 1 {
                    grid.cut(power * 5 / 2);
                }
                grid.cut(power * 5);
                power *= 10;
            }
        }
        grid
    }

    const fn cut(&mut self, at: u128) {
        if at <= u64::MAX as u128 {
            let number = self.number(at as u64);
            let octave = (number / 32) as usize;
            assert!(self.cuts[octave] == u64::MAX, "two decimal bounds in one octave");
            self.cuts[octave] = at as u64;
            self.cut_slots[octave] = (number % 32) as u8;
        }
    }

    /// The bucket of `v ≥ 1`, counted from octave 0, bucket 0. An arbitrary bucket for 0.
    #[inline]
    pub(super) const fn number(&self, v: u64) -> u32 {
        // PERF: the mask makes 0 harmless and hides from the compiler that `v` is not 0. If the
        // compiler knows that, it emits a bare `bsr`, which depends on the old value of its target
        // register: 8 ns for each call instead of 3.
        let zeros = v.leading_zeros() & 63;
        let mantissa = v << zeros;
        let below = self.below[(mantissa >> 57) as usize & 63];
        let bounds_below = below as u32 + (mantissa > self.mantissas[below as usize]) as u32;
        32 * (63 - zeros) + bounds_below + self.offset
    }

    /// The largest integer in bucket `number`: the floor of its upper bound.
    pub(super) const fn bound(&self, number: u32) -> u64 {
        let number = number as i32 - self.offset as i32;
        match number.div_euclid(32) {
            exponent @ 0..=63 => self.mantissas[number.rem_euclid(32) as usize] >> (63 - exponent),
            exponent if exponent < 0 => 0,
            _ => u64::MAX,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Little-endian unsigned integers, large enough for the 32nd power of a `u64`.
    fn times(a: &[u64], b: &[u64]) -> Vec<u64> {
        let mut product = vec![0_u64; a.len() + b.len()];
        for (i, x) in a.iter().enumerate() {
            let mut carry = 0_u128;
            for (j, y) in b.iter().enumerate() {
                let sum = u128::from(*x) * u128::from(*y) + u128::from(product[i + j]) + carry;
                product[i + j] = sum as u64;
                carry = sum >> 64;
            }
            product[i + b.len()] = carry as u64;
        }
        while product.last() == Some(&0) {
            product.pop();
        }
        product
    }

    fn to_the_32nd(x: u64) -> Vec<u64> {
        (0..5).fold(vec![x], |power, _| times(&power, &power))
    }

    fn two_to_the(exponent: usize) -> Vec<u64> {
        let mut power = vec![0; exponent / 64];
        power.push(1 << (exponent % 64));
        power
    }

    fn less_or_equal(a: &[u64], b: &[u64]) -> bool {
        (a.len(), a.iter().rev().collect::<Vec<_>>()) <= (b.len(), b.iter().rev().collect::<Vec<_>>())
    }

    /// m = floor(base · 2^(t/32 − shift/32)) ⇔ m³² · 2^shift ≤ base³² · 2^t < (m + 1)³² · 2^shift.
    fn assert_floors(mantissas: &[u64; 32], base: u64, shift: usize) {
        let base = to_the_32nd(base);
        for (t, mantissa) in mantissas.iter().enumerate() {
            let exact = times(&base, &two_to_the(t));
            assert!(less_or_equal(&times(&to_the_32nd(*mantissa), &two_to_the(shift)), &exact), "{t}: too large");
            assert!(!less_or_equal(&times(&to_the_32nd(mantissa + 1), &two_to_the(shift)), &exact), "{t}: too small");
        }
    }

    #[test]
    fn constants_are_the_exact_floors() {
        assert_floors(&SECONDS_MANTISSAS, 1_000_000_000 << 34, 28);
        assert_floors(&BYTES_MANTISSAS, 1 << 63, 0);
    }

    #[test]
    fn at_most_one_bound_lies_in_the_range_of_a_prefix() {
        for grid in [&SECONDS, &BYTES] {
            assert!(grid.mantissas.is_sorted());
            for bits in 0..64_u64 {
                let (start, end) = ((64 + bits) << 57, ((64 + bits) << 57) + ((1 << 57) - 1));
                let inside = grid.mantissas[..32].iter().filter(|m| (start..=end).contains(*m)).count();
                assert!(inside <= 1, "{bits}: {inside} bounds");
            }
        }
    }

    #[test]
    fn classic_labels_are_their_bounds() {
        for scale in [Scale::Seconds, Scale::Bytes] {
            assert!(scale.classic_bounds().is_sorted());
            for (value, label) in scale.classic_bounds() {
                let parsed: f64 = label.parse().unwrap();
                assert_eq!((parsed * scale.per_unit() as f64).round() as u64, *value, "{label}");
                assert!(label.contains(['.', 'e']), "{label} is not a float as Prometheus writes it");
            }
        }
    }
}
