//! Bits in bytes, the lowest first.

/// Writes over what was there. Once something does not fit, it writes nothing more.
#[derive(Debug)]
pub(super) struct BitWriter<'a> {
    bytes: &'a mut [u8],
    at: usize,
    is_full: bool,
}

impl<'a> BitWriter<'a> {
    /// Begins at bit `at`.
    pub(super) fn new(bytes: &'a mut [u8], at: usize) -> Self {
        Self { bytes, at, is_full: false }
    }

    /// The lowest `count` bits of `value`, 64 at most.
    pub(super) fn put(&mut self, value: u64, count: u32) {
        self.is_full |= self.at + count as usize > self.bytes.len() * 8;
        if self.is_full {
            return;
        }
        let (mut value, mut left) = (value, count);
        while left > 0 {
            let (byte, within) = (self.at / 8, (self.at % 8) as u32);
            let now = left.min(8 - within);
            let mask = (((1_u32 << now) - 1) << within) as u8;
            self.bytes[byte] = self.bytes[byte] & !mask | ((value << within) as u8 & mask);
            value >>= now % 64;
            left -= now;
            self.at += now as usize;
        }
    }

    /// Elias's gamma code of `value ≥ 1`: 2 ⌊log₂ value⌋ + 1 bits.
    pub(super) fn put_gamma(&mut self, value: u64) {
        let bits = value.max(1).ilog2();
        self.put_unary(bits);
        self.put(value, bits);
    }

    /// `count` ones and a zero; 63 ones at most.
    pub(super) fn put_unary(&mut self, count: u32) {
        self.put((1_u64 << count) - 1, count + 1);
    }

    /// The bit behind the last one, or `None` if something did not fit.
    pub(super) fn end(&self) -> Option<usize> {
        (!self.is_full).then_some(self.at)
    }
}

/// Reads what a [`BitWriter`] wrote. `None` behind the end.
#[derive(Clone, Debug)]
pub(super) struct BitReader<'a> {
    bytes: &'a [u8],
    at: usize,
    end: usize,
}

impl<'a> BitReader<'a> {
    /// The bits from `at` to `end`.
    pub(super) fn new(bytes: &'a [u8], at: usize, end: usize) -> Self {
        Self { bytes, at, end: end.min(bytes.len() * 8) }
    }

    pub(super) fn at(&self) -> usize {
        self.at
    }

    pub(super) fn take(&mut self, count: u32) -> Option<u64> {
        if self.at + count as usize > self.end {
            return None;
        }
        let (mut value, mut have) = (0, 0);
        while have < count {
            let (byte, within) = (self.at / 8, (self.at % 8) as u32);
            let now = (count - have).min(8 - within);
            let bits = u64::from(self.bytes[byte] >> within) & ((1 << now) - 1);
            value |= bits << have;
            have += now;
            self.at += now as usize;
        }
        Some(value)
    }

    pub(super) fn take_gamma(&mut self) -> Option<u64> {
        let bits = self.take_unary()?;
        Some(self.take(bits)? | 1 << bits)
    }

    /// More than 63 ones are `None`: nobody wrote them.
    pub(super) fn take_unary(&mut self) -> Option<u32> {
        let mut ones = 0;
        while self.at < self.end {
            let rest = self.bytes[self.at / 8] >> (self.at % 8);
            let room = (8 - self.at % 8).min(self.end - self.at) as u32;
            let now = rest.trailing_ones().min(room);
            ones += now;
            self.at += now as usize;
            if ones > 63 {
                return None;
            }
            if now < room {
                self.at += 1;
                return Some(ones);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_over_what_was_there() {
        let mut bytes = [0xff; 200];
        let mut writer = BitWriter::new(&mut bytes, 5);
        for n in 0..64 {
            writer.put(u64::MAX / 3, n);
            writer.put_unary(n % 30);
        }
        for n in [1, 2, 3, 1_000, u64::MAX] {
            writer.put_gamma(n);
        }
        let end = writer.end();
        assert_eq!(end, None, "it does not fit");
        let mut bytes = [0xff; 900];
        let mut writer = BitWriter::new(&mut bytes, 5);
        for n in 0..=64 {
            writer.put(u64::MAX / 3, n);
            writer.put_unary(n % 64);
        }
        for n in [1, 2, 3, 1_000, u64::MAX] {
            writer.put_gamma(n);
        }
        let end = writer.end().unwrap();
        let mut reader = BitReader::new(&bytes, 5, end);
        for n in 0..=64_u32 {
            let expected = if n == 0 { 0 } else { (u64::MAX / 3) & (u64::MAX >> (64 - n)) };
            assert_eq!(reader.take(n), Some(expected), "{n}");
            assert_eq!(reader.take_unary(), Some(n % 64));
        }
        for n in [1, 2, 3, 1_000, u64::MAX] {
            assert_eq!(reader.take_gamma(), Some(n));
        }
        assert_eq!((reader.at(), reader.take(1), reader.take_unary()), (end, None, None));
        assert_eq!(BitReader::new(&[0xff; 9], 0, 72).take_unary(), None);
    }
}
