//! Records: bytes with a checksum, one behind the other.
//!
//! ```text
//! file     "perf-sdk history", version (4 bytes), 0 (4 bytes), records
//! record   "\xf5rec", length of the payload (4), CRC-32 of what follows (4), kind (1), payload
//! ```
//!
//! All numbers have the lowest byte first.

use std::io::{self, Read};

use super::crc::crc32;

pub(super) const MAGIC: &[u8; 16] = b"perf-sdk history";
/// Of the file, the records, the blocks in them, and the cells of histograms. Version 1 had names
/// of functions without modules; it is read too.
pub(crate) const VERSION: u32 = 2;
pub(super) const HEADER: usize = 24;

const MARK: [u8; 4] = *b"\xf5rec";
const HEAD: usize = 13;
/// Bytes of a payload, at most.
pub(super) const LONGEST: usize = 128 << 10;
/// What is read of a file at a time: two of the longest records.
const WINDOW: usize = 2 * (LONGEST + HEAD);

pub(super) fn header() -> [u8; HEADER] {
    let mut header = [0; HEADER];
    header[..16].copy_from_slice(MAGIC);
    header[16..20].copy_from_slice(&VERSION.to_le_bytes());
    header
}

/// Appends a record whose payload `fill` writes.
pub(super) fn write(into: &mut Vec<u8>, kind: u8, fill: impl FnOnce(&mut Vec<u8>)) {
    let start = into.len();
    into.extend_from_slice(&MARK);
    into.extend_from_slice(&[0; 8]);
    into.push(kind);
    fill(into);
    let length = (into.len() - start - HEAD) as u32;
    let checksum = crc32(&into[start + HEAD - 1..]);
    into[start + 4..start + 8].copy_from_slice(&length.to_le_bytes());
    into[start + 8..start + 12].copy_from_slice(&checksum.to_le_bytes());
}

/// What was found of records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) records: u64,
    /// Stretches of bytes between records that are none.
    pub(super) damaged: u64,
    pub(super) damaged_bytes: u64,
    /// Where the last record ends, from the first one on.
    pub(super) end: u64,
    /// Bytes behind it.
    pub(super) tail_bytes: u64,
}

/// Hands each whole record to `each`, as kind and payload. What is damaged is skipped.
pub(super) fn read(mut from: impl Read, mut each: impl FnMut(u8, &[u8])) -> io::Result<Seen> {
    let mut seen = Seen::default();
    let mut window = vec![0; WINDOW];
    // The bytes `window[at..end]` are those of the file from `place` on.
    let (mut at, mut end, mut place) = (0, 0, 0_u64);
    let mut is_over = false;
    loop {
        if end - at < WINDOW / 2 && !is_over {
            window.copy_within(at..end, 0);
            (at, end) = (0, end - at);
            while end < WINDOW && !is_over {
                match from.read(&mut window[end..]) {
                    Ok(0) => is_over = true,
                    Ok(read) => end += read,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
            }
        }
        let rest = &window[at..end];
        if rest.is_empty() {
            break;
        }
        let step = match record(rest) {
            Some((kind, payload)) => {
                if place > seen.end {
                    seen.damaged += 1;
                    seen.damaged_bytes += place - seen.end;
                }
                each(kind, payload);
                seen.records += 1;
                seen.end = place + (HEAD + payload.len()) as u64;
                HEAD + payload.len()
            }
            // To where the next one may begin.
            None => rest[1..].iter().position(|byte| *byte == MARK[0]).map_or(rest.len(), |next| next + 1),
        };
        at += step;
        place += step as u64;
    }
    seen.tail_bytes = place - seen.end;
    Ok(seen)
}

/// The record at the beginning of these bytes.
fn record(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let rest = bytes.strip_prefix(&MARK)?;
    let (length, rest) = rest.split_first_chunk()?;
    let (checksum, rest) = rest.split_first_chunk()?;
    let length = u32::from_le_bytes(*length) as usize;
    let body = rest.get(..length.checked_add(1)?).filter(|_| length <= LONGEST)?;
    (crc32(body) == u32::from_le_bytes(*checksum)).then(|| (body[0], &body[1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Kinds and payloads.
    type Records = Vec<(u8, Vec<u8>)>;

    fn seen_of(bytes: &[u8]) -> (Records, Seen) {
        let mut all = Vec::new();
        let seen = read(bytes, |kind, payload| all.push((kind, payload.to_vec()))).unwrap();
        (all, seen)
    }

    fn three() -> (Vec<u8>, Records, Vec<usize>) {
        let payloads = [vec![7; 100], Vec::new(), (0..=255).collect()];
        let (mut bytes, mut ends) = (Vec::new(), vec![0]);
        for (kind, payload) in (1..).zip(&payloads) {
            write(&mut bytes, kind, |into| into.extend_from_slice(payload));
            ends.push(bytes.len());
        }
        (bytes, (1..).zip(payloads).collect(), ends)
    }

    #[test]
    fn a_cut_costs_the_records_that_it_reaches() {
        let (bytes, all, ends) = three();
        for cut in 0..=bytes.len() {
            let whole = ends.iter().filter(|end| **end <= cut).count() - 1;
            let (found, seen) = seen_of(&bytes[..cut]);
            assert_eq!(found, all[..whole]);
            assert_eq!((seen.end, seen.tail_bytes), (ends[whole] as u64, (cut - ends[whole]) as u64));
            assert_eq!((seen.records, seen.damaged), (whole as u64, 0));
        }
    }

    #[test]
    fn a_flipped_bit_costs_one_record() {
        let (bytes, all, ends) = three();
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            let hit = ends.iter().filter(|end| **end <= bit / 8).count() - 1;
            let (found, seen) = seen_of(&damaged);
            let expected: Vec<_> =
                all.iter().enumerate().filter(|(at, _)| *at != hit).map(|(_, one)| one.clone()).collect();
            assert_eq!(found, expected, "bit {bit}");
            assert_eq!(seen.damaged + u64::from(seen.tail_bytes > 0), 1);
        }
    }

    #[test]
    fn long_records_and_a_reader_of_single_bytes() {
        struct Slow<'a>(&'a [u8]);
        impl Read for Slow<'_> {
            fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
                let few = into.len().min(977);
                self.0.read(&mut into[..few])
            }
        }
        let mut bytes = b"nothing".to_vec();
        for kind in 0..9 {
            write(&mut bytes, kind, |into| into.resize(into.len() + LONGEST - usize::from(kind), kind));
        }
        let mut kinds = Vec::new();
        let seen = read(Slow(&bytes), |kind, payload| {
            assert_eq!(payload, vec![kind; LONGEST - usize::from(kind)]);
            kinds.push(kind);
        });
        assert_eq!(kinds, (0..9).collect::<Vec<_>>());
        let seen = seen.unwrap();
        assert_eq!((seen.damaged, seen.damaged_bytes, seen.end), (1, 7, bytes.len() as u64));
    }
}
