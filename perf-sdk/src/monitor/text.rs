//! Parsing of the kernel's texts, without allocation.
//!
//! A line without an end is left out: a text that was cut lacks figures, and has no wrong ones.

/// The reason if a file was read, and a figure is not in it as expected.
pub(super) const NOT_UNDERSTOOD: &str = "not in the file, or not in the expected form";

/// Complete lines, without their ends.
pub(super) fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split_inclusive(|byte| *byte == b'\n').filter_map(|line| line.strip_suffix(b"\n"))
}

pub(super) fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty())
}

/// A whole number. `None` for anything else, and beyond 64 bits.
pub(super) fn number(word: &[u8]) -> Option<u64> {
    if word.is_empty() {
        return None;
    }
    word.iter().try_fold(0_u64, |sum, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        sum.checked_mul(10)?.checked_add(digit)
    })
}

/// A number with or without a fraction, not negative.
pub(super) fn decimal(word: &[u8]) -> Option<f64> {
    let is_plain = word.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.');
    str::from_utf8(word).ok().filter(|_| is_plain)?.parse().ok()
}

/// The first word after `name` in the line that begins with it.
pub(super) fn field<'a>(text: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let after = |line: &'a [u8]| {
        line.strip_prefix(name.as_bytes()).filter(|rest| rest.starts_with(b" ") || rest.starts_with(b"\t"))
    };
    lines(text).find_map(after).and_then(|rest| words(rest).next())
}

/// The same as a number.
pub(super) fn count(text: &[u8], name: &str) -> Result<f64, &'static str> {
    field(text, name).and_then(number).map(|number| number as f64).ok_or(NOT_UNDERSTOOD)
}

/// The same, in bytes, of a number of KiB.
pub(super) fn kibibytes(text: &[u8], name: &str) -> Result<f64, &'static str> {
    count(text, name).map(|kib| kib * 1024.0)
}

/// The only word of the first line.
pub(super) fn single(text: &[u8]) -> Option<&[u8]> {
    let mut words = words(lines(text).next()?);
    words.next().filter(|_| words.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_was_cut_is_left_out() {
        let text = b"VmRSS:\t  1234 kB\nThreads:\t7\nVmHWM:\t  12";
        assert_eq!(kibibytes(text, "VmRSS:"), Ok(1234.0 * 1024.0));
        assert_eq!(count(text, "Threads:"), Ok(7.0));
        assert_eq!(kibibytes(text, "VmHWM:"), Err(NOT_UNDERSTOOD));
        assert_eq!(count(text, "Thread"), Err(NOT_UNDERSTOOD), "that is the beginning of another name");
    }

    #[test]
    fn what_is_no_number_is_none() {
        assert_eq!(number(b"18446744073709551615"), Some(u64::MAX));
        for word in ["", "-1", "1.5", "18446744073709551616", "12kB", "max", "\u{ff11}"] {
            assert_eq!(number(word.as_bytes()), None, "{word}");
        }
        assert_eq!(decimal(b"13.39"), Some(13.39));
        for word in ["", "inf", "NaN", "-1", "1e9", "1.2.3", "."] {
            assert_eq!(decimal(word.as_bytes()), None, "{word}");
        }
        assert_eq!(
            (single(b"max\n"), single(b"max"), single(b"1 2\n"), single(b"")),
            (Some(&b"max"[..]), None, None, None)
        );
    }
}
