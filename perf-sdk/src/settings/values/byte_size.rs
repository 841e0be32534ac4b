//! Sizes of memory.

use std::fmt;
use std::str::FromStr;

use crate::settings::value::value_by_text;

const UNITS: [(&str, u32); 3] = [("KiB", 10), ("MiB", 20), ("GiB", 30)];

/// A number of bytes, written with a unit: `512KiB`, `64MiB`, `2GiB`.
///
/// ```
/// use perf_sdk::settings::ByteSize;
///
/// assert_eq!("64MiB".parse(), Ok(ByteSize::mib(64)));
/// assert_eq!(ByteSize::kib(1024).to_string(), "1MiB");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteSize(u64);

/// The text is not a size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseByteSizeError(());

impl ByteSize {
    /// A number of bytes.
    #[must_use]
    pub const fn bytes(bytes: u64) -> Self {
        Self(bytes)
    }

    /// A number of KiB, of 1,024 bytes. Saturates at the maximum of 64 bits.
    #[must_use]
    pub const fn kib(kib: u64) -> Self {
        Self(kib.saturating_mul(1 << 10))
    }

    /// A number of MiB, of 1,024 KiB.
    #[must_use]
    pub const fn mib(mib: u64) -> Self {
        Self(mib.saturating_mul(1 << 20))
    }

    /// A number of GiB, of 1,024 MiB.
    #[must_use]
    pub const fn gib(gib: u64) -> Self {
        Self(gib.saturating_mul(1 << 30))
    }

    /// In bytes.
    #[must_use]
    pub const fn as_bytes(self) -> u64 {
        self.0
    }
}

impl FromStr for ByteSize {
    type Err = ParseByteSizeError;

    fn from_str(text: &str) -> Result<Self, ParseByteSizeError> {
        let parse = || {
            let (number, shift) = UNITS.iter().find_map(|(unit, shift)| Some((text.strip_suffix(unit)?, *shift)))?;
            number.trim().parse::<u64>().ok()?.checked_mul(1 << shift)
        };
        parse().map(Self).ok_or(ParseByteSizeError(()))
    }
}

/// In the largest unit of which it is a whole number.
impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = UNITS.iter().rev().find(|(_, shift)| self.0 > 0 && self.0.trailing_zeros() >= *shift);
        match whole {
            Some((unit, shift)) => write!(f, "{}{unit}", self.0 >> shift),
            None if self.0 == 0 => f.write_str("0KiB"),
            None => write!(f, "{} bytes", self.0),
        }
    }
}

impl fmt::Display for ParseByteSizeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a size; allowed: a whole number with KiB, MiB or GiB")
    }
}

impl std::error::Error for ParseByteSizeError {}

value_by_text!(ByteSize);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_form_is_parsed_again() {
        for (text, bytes) in [("1KiB", 1 << 10), ("1023KiB", 1023 << 10), ("64MiB", 64 << 20), ("3GiB", 3 << 30)] {
            let size: ByteSize = text.parse().unwrap();
            assert_eq!((size.as_bytes(), size.to_string().as_str()), (bytes, text));
        }
        for wrong in ["", "64", "KiB", "-1KiB", "1.5MiB", "1kb", "99999999999GiB"] {
            assert!(wrong.parse::<ByteSize>().is_err(), "{wrong}");
        }
    }
}
