//! The cells of a histogram in few bits: exact.
//!
//! ```text
//! shift (6 bits)    all counts are multiples of 2^shift, as those of sampled calls are
//! zero, n (gamma)   the number of values 0, plus 1; the number of cells, plus 1
//! n times           the distance to the cell before (gamma), the count by its neighbours
//! ```

use super::bits::{BitReader, BitWriter};
use super::predictor::Predictor;

/// Bytes of a histogram, at most: all cells, each with the largest count.
pub(super) const LONGEST: usize = 64 << 10;

/// Writes cells that ascend, without empty ones. Returns the bytes, or `None` if they do not fit.
pub(super) fn write(into: &mut [u8], zero: u64, cells: impl Iterator<Item = (u16, u64)> + Clone) -> Option<usize> {
    let all = cells.clone().fold(zero, |all, (_, count)| all | count);
    let shift = all.trailing_zeros() % 64;
    let mut writer = BitWriter::new(into, 0);
    writer.put(shift.into(), 6);
    writer.put_gamma((zero >> shift) + 1);
    writer.put_gamma(cells.clone().count() as u64 + 1);
    let (mut before, mut predictor) = (-1, Predictor::new(1, 1));
    for (cell, count) in cells {
        writer.put_gamma((i64::from(cell) - before) as u64);
        predictor.write((count >> shift) as i64, &mut writer);
        before = cell.into();
    }
    writer.end().map(|bits| bits.div_ceil(8))
}

/// Hands each cell to `each`. Returns the number of values 0, or `None` where the bytes make no
/// sense.
pub(super) fn read(from: &[u8], mut each: impl FnMut(u16, u64)) -> Option<u64> {
    let mut reader = BitReader::new(from, 0, from.len() * 8);
    let shift = reader.take(6)? as u32;
    let zero = (reader.take_gamma()? - 1) << shift;
    let cells = reader.take_gamma()? - 1;
    let (mut cell, mut predictor) = (-1_i64, Predictor::new(1, 1));
    for _ in 0..cells {
        cell = cell.checked_add_unsigned(reader.take_gamma()?)?;
        let count = (predictor.read(&mut reader)? as u64) << shift;
        each(u16::try_from(cell).ok()?, count);
    }
    Some(zero)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_come_back() {
        let mut random = 0x9e37_79b9_7f4a_7c15_u64;
        let mut next = || {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random >> 8
        };
        let mut bytes = vec![0xaa; LONGEST];
        for round in 0..2_000 {
            let unit = 1 << (next() % 8);
            let mut cells: Vec<(u16, u64)> = (0..round % 300)
                .map(|_| ((next() % 2_145) as u16, (1 + next() % (1 << (next() % 12))) * unit))
                .collect();
            cells.sort_unstable();
            cells.dedup_by_key(|cell| cell.0);
            let zero = if round % 3 == 0 { next() % 9 * unit } else { 0 };
            let length = write(&mut bytes, zero, cells.iter().copied()).unwrap();
            let mut seen = Vec::new();
            assert_eq!(read(&bytes[..length], |cell, count| seen.push((cell, count))), Some(zero));
            assert_eq!(seen, cells);
            if length > 0 {
                // A part of it is an error or fewer cells, and so is anything else.
                read(&bytes[..length / 2], |_, _| ());
                bytes[next() as usize % length] ^= 1 << (next() % 8);
                read(&bytes[..length], |_, _| ());
            }
        }
        let all = (0..2_145).map(|cell| (cell, if cell % 2 == 0 { i64::MAX as u64 } else { 1 }));
        assert!(write(&mut bytes, u64::MAX >> 1, all.clone()).is_some());
        assert_eq!(write(&mut bytes[..100], 0, all), None);
    }
}
