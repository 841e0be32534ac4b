//! The encoding of the words of one item in the store.

/// Encodes word numbers, ascending, with their frequencies. Numbers are stored as differences, with
/// seven bits in each byte.
pub(crate) fn encode(counts: &[(u32, u32)]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(counts.len() * 3);
    let mut last = 0;
    for &(word, count) in counts {
        put(&mut bytes, word - last);
        put(&mut bytes, count);
        last = word;
    }
    bytes
}

/// Calls `each` with the arguments of [`encode`]. Of damaged bytes, a prefix is decoded.
pub(crate) fn decode(mut bytes: &[u8], mut each: impl FnMut(u32, u32)) {
    let mut word = 0_u32;
    while let (Some(step), Some(count)) = (take(&mut bytes), take(&mut bytes)) {
        word = word.wrapping_add(step);
        each(word, count);
    }
}

fn put(bytes: &mut Vec<u8>, mut value: u32) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

fn take(bytes: &mut &[u8]) -> Option<u32> {
    let mut value = 0;
    for shift in (0..32).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u32::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_is_decoded() {
        for counts in [vec![], vec![(0, 1)], vec![(0, 1), (127, 128), (128, 1), (1 << 20, 300), (u32::MAX, u32::MAX)]] {
            let mut decoded = Vec::new();
            decode(&encode(&counts), |word, count| decoded.push((word, count)));
            assert_eq!(decoded, counts);
        }
    }

    #[test]
    fn damaged_bytes_end() {
        decode(&[0xff; 64], |_, _| panic!("nothing can be read from these"));
        decode(&[1], |_, _| panic!("a number without its count"));
    }
}
