//! Integers as differences to what was expected, in few bits.
//!
//! The expectation is the mean of the former expectation and the former value: between the last
//! value, which is best for what wanders, and the mean, which is best for noise. A difference is
//! written in Golomb-Rice code, whose parameter follows the size of recent differences.

use super::bits::{BitReader, BitWriter};

/// Longer unary parts are written in gamma code.
const MOST_UNARY: u32 = 20;
/// A difference counts as this at most for the sizes of recent ones.
const MOST: u64 = 1 << 24;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Predictor {
    /// In sixteenths.
    expected: i32,
    /// The mean of recent folded differences, in sixteenths.
    size: u32,
}

impl Predictor {
    pub(super) const NONE: Self = Self { expected: 0, size: 0 };

    /// `size_log` is that of an earlier predictor.
    pub(super) fn new(expected: i64, size_log: u32) -> Self {
        let mut new = Self { expected: 0, size: 24 << size_log.min(15) };
        new.expect(expected);
        new
    }

    /// The logarithm of the size of recent differences, from 0 to 15.
    pub(super) fn size_log(&self) -> u32 {
        (self.size >> 4).max(1).ilog2().min(15)
    }

    /// Now exactly this is expected.
    pub(super) fn expect(&mut self, value: i64) {
        self.expected = sixteenths(value);
    }

    fn difference(&self, value: i64) -> i64 {
        value.wrapping_sub(i64::from((self.expected + 8) >> 4))
    }

    fn learn(&mut self, value: i64, folded: u64) {
        self.expected = ((i64::from(self.expected) + i64::from(sixteenths(value))) >> 1) as i32;
        let size = i64::from(self.size);
        self.size = (size + (((folded.min(MOST) << 4) as i64 - size) >> 3)) as u32;
    }

    pub(super) fn write(&mut self, value: i64, into: &mut BitWriter<'_>) {
        let difference = self.difference(value);
        let folded = (difference << 1 ^ difference >> 63) as u64;
        let parameter = (self.size >> 4).max(1).ilog2();
        match u32::try_from(folded >> parameter) {
            Ok(high) if high < MOST_UNARY => {
                into.put_unary(high);
                into.put(folded, parameter);
            }
            _ => {
                into.put_unary(MOST_UNARY);
                into.put_gamma(folded.max(1));
            }
        }
        self.learn(value, folded);
    }

    pub(super) fn read(&mut self, from: &mut BitReader<'_>) -> Option<i64> {
        let parameter = (self.size >> 4).max(1).ilog2();
        let folded = match from.take_unary()? {
            high if high < MOST_UNARY => u64::from(high) << parameter | from.take(parameter)?,
            _ => from.take_gamma()?,
        };
        let difference = (folded >> 1) as i64 ^ -((folded & 1) as i64);
        let value = i64::from((self.expected + 8) >> 4).wrapping_add(difference);
        self.learn(value, folded);
        Some(value)
    }
}

fn sixteenths(value: i64) -> i32 {
    const END: i64 = 1 << 26;
    (value.clamp(-END, END) as i32) << 4
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bits_of(values: &[i64]) -> f64 {
        let mut bytes = vec![0; values.len() * 16];
        let mut writer = BitWriter::new(&mut bytes, 0);
        let mut predictor = Predictor::new(0, 3);
        values.iter().for_each(|value| predictor.write(*value, &mut writer));
        let end = writer.end().unwrap();
        let (mut reader, mut predictor) = (BitReader::new(&bytes, 0, end), Predictor::new(0, 3));
        for value in values {
            assert_eq!(predictor.read(&mut reader), Some(*value));
        }
        assert_eq!(predictor.read(&mut reader), None);
        end as f64 / values.len() as f64
    }

    #[test]
    fn any_value_comes_back_and_near_ones_are_short() {
        let far = [0, 1, -1, i64::from(i32::MAX), -5, 1 << 40, i64::MAX / 2, 0, 7, -(1 << 50), 3];
        bits_of(&far);
        let mut random = 0x9e37_79b9_7f4a_7c15_u64;
        let mut noise = |size: u64| -> Vec<i64> {
            let mut next = || {
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                (random >> 20) % size
            };
            // Four dice: a bell of the variance size²/3.
            (0..5_000).map(|_| (0..4).map(|_| next() as i64).sum::<i64>() + 9_000).collect()
        };
        // The entropy of a bell is log₂(4.13 σ).
        for (size, entropy) in [(4, 3.2), (16, 5.25), (64, 7.25)] {
            let bits = bits_of(&noise(size));
            assert!(bits > entropy - 0.2 && bits < entropy + 0.7, "{size}: {bits} bits");
        }
        assert!(bits_of(&[9_000; 5_000]) < 1.1);
    }
}
