//! Numbers in text, as the formats write them.
//!
//! A scrape has a million of them. Nearly all are whole, or times in seconds that are whole
//! nanoseconds: these are written by integer arithmetic.

use std::io::Write as _;

/// Whole numbers below are exact as a float, with any number of decimal places up to nine.
const EXACT: f64 = 1e15;
const PER_UNIT: u64 = 1_000_000_000;

/// The two digits of each number below 100.
static PAIRS: [u8; 200] = {
    let mut pairs = [0; 200];
    let mut n = 0;
    while n < 100 {
        pairs[2 * n] = b'0' + (n / 10) as u8;
        pairs[2 * n + 1] = b'0' + (n % 10) as u8;
        n += 1;
    }
    pairs
};

/// A whole number.
#[inline]
pub(super) fn whole(to: &mut Vec<u8>, n: u64) {
    if n < 10 {
        return to.push(b'0' + n as u8);
    }
    let mut room = [0; 20];
    let from = digits(&mut room, n);
    to.extend_from_slice(&room[from..]);
}

/// Writes the digits at the end, and returns where they begin.
#[inline]
fn digits(room: &mut [u8], mut n: u64) -> usize {
    let mut at = room.len();
    while n >= 100 {
        at -= 2;
        let pair = (n % 100) as usize * 2;
        room[at..at + 2].copy_from_slice(&PAIRS[pair..pair + 2]);
        n /= 100;
    }
    if n >= 10 {
        at -= 2;
        let pair = n as usize * 2;
        room[at..at + 2].copy_from_slice(&PAIRS[pair..pair + 2]);
    } else {
        at -= 1;
        room[at] = b'0' + n as u8;
    }
    at
}

/// A sample's value.
pub(super) fn float(to: &mut Vec<u8>, n: f64) {
    if (0.0..EXACT).contains(&n) {
        let rounded = n as u64;
        if rounded as f64 == n && n.is_sign_positive() {
            return whole(to, rounded);
        }
        let parts = (n * PER_UNIT as f64).round();
        // PERF: with at most 15 significant digits, no two decimal numbers are the same float, and
        // the shortest one that is read back as this float is the one that it was made of.
        if (1.0..EXACT).contains(&parts) && parts / PER_UNIT as f64 == n {
            return if parts < 1e3 { scientific(to, parts as u64) } else { decimal(to, parts as u64) };
        }
    }
    slowly(to, n);
}

/// A number of billionths, which is not whole.
fn decimal(to: &mut Vec<u8>, billionths: u64) {
    whole(to, billionths / PER_UNIT);
    let mut room = [b'0'; 10];
    room[0] = b'.';
    digits(&mut room, billionths % PER_UNIT);
    let end = room.iter().rposition(|digit| *digit != b'0').unwrap_or(0);
    to.extend_from_slice(&room[..=end]);
}

/// Fewer than a thousand billionths.
fn scientific(to: &mut Vec<u8>, billionths: u64) {
    let mut room = [0; 3];
    let from = digits(&mut room, billionths);
    let all = &room[from..];
    let end = all.iter().rposition(|digit| *digit != b'0').unwrap_or(0);
    to.push(all[0]);
    if end > 0 {
        to.push(b'.');
        to.extend_from_slice(&all[1..=end]);
    }
    to.extend_from_slice(b"e-");
    to.push(b'0' + 10 - all.len() as u8);
}

#[cold]
fn slowly(to: &mut Vec<u8>, n: f64) {
    // Writing to a vector does not fail.
    let _ = match n {
        n if n.is_nan() => to.write_all(b"NaN"),
        n if n.is_infinite() => to.write_all(if n > 0.0 { b"+Inf" } else { b"-Inf" }),
        n if n == 0.0 || (1e-6..1e16).contains(&n.abs()) => write!(to, "{n}"),
        n => write!(to, "{n:e}"),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(n: f64) -> String {
        let mut text = Vec::new();
        float(&mut text, n);
        String::from_utf8(text).unwrap()
    }

    /// What the standard library writes.
    fn expected(n: f64) -> String {
        let mut text = Vec::new();
        slowly(&mut text, n);
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn numbers_are_read_back_exactly() {
        for n in [0.0, 1.0, -3.5, 1e-9, 0.1 + 0.2, 123_456_789.123, 1e300, f64::MIN_POSITIVE, 9_007_199_254_740_993.0] {
            assert_eq!(text(n).parse::<f64>().unwrap(), n);
        }
        assert_eq!(text(f64::NAN), "NaN");
        assert_eq!((text(f64::INFINITY), text(f64::NEG_INFINITY)), ("+Inf".to_owned(), "-Inf".to_owned()));
    }

    #[test]
    fn whole_numbers_are_those_of_the_standard_library() {
        let powers = (0..20).map(|exponent| 10_u64.pow(exponent));
        for n in powers.flat_map(|n| [n - 1, n, n + 1]).chain([u64::MAX, 12_345_678_901_234_567_890]) {
            let mut text = Vec::new();
            whole(&mut text, n);
            assert_eq!(String::from_utf8(text).unwrap(), n.to_string());
        }
    }

    #[test]
    fn floats_are_those_of_the_standard_library() {
        let mut random = 0x9e37_79b9_7f4a_7c15_u64;
        let mut next = || {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random
        };
        let edges: [f64; 11] =
            [0.0, -0.0, 1e15, 1e16, 1e-6, 999e-9, 1e-7, 1e15 - 1.0, 999_999.999_999_999, 0.1 + 0.2, 1.0 / 3.0];
        for n in edges {
            for near in [n, f64::from_bits(n.to_bits() + 1), -n] {
                assert_eq!(text(near), expected(near), "{near:e}");
            }
        }
        for _ in 0..if cfg!(miri) { 100 } else { 200_000 } {
            let bits = next();
            let ns = bits >> (next() % 64);
            for n in [ns as f64 / 1e9, ns as f64, f64::from_bits(bits), f64::from_bits((ns as f64 / 1e9).to_bits() ^ 1)]
            {
                assert_eq!(text(n), expected(n), "{n:e}");
            }
        }
    }
}
