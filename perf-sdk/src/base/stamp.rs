//! Times as they appear in file names.

use std::fmt;

use crate::base::calendar::date;

/// A UTC time in seconds: `YYYYmmddTHHMMSSZ`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    unix_s: u64,
}

/// The length of its text.
pub(crate) const LENGTH: usize = 16;

impl Stamp {
    pub(crate) fn of_unix_ns(ns: u64) -> Self {
        Self { unix_s: ns / 1_000_000_000 }
    }

    pub(crate) fn next(self) -> Self {
        Self { unix_s: self.unix_s + 1 }
    }

    /// Whether `text` has this form.
    pub(crate) fn is(text: &str) -> bool {
        let form = b"ddddddddTddddddZ";
        text.len() == LENGTH
            && text.bytes().zip(form).all(|(b, form)| if *form == b'd' { b.is_ascii_digit() } else { b == *form })
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, second) = (self.unix_s / 86_400, self.unix_s % 86_400);
        let (year, month, day) = date(days);
        write!(f, "{year:04}{month:02}{day:02}T{:02}{:02}{:02}Z", second / 3_600, second / 60 % 60, second % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (unix_s, text) in [
            (0, "19700101T000000Z"),
            (951_782_399, "20000228T235959Z"),
            (951_782_400, "20000229T000000Z"),
            (951_868_800, "20000301T000000Z"),
            (1_700_000_060, "20231114T221420Z"),
            (1_709_164_800, "20240229T000000Z"),
            (4_102_444_800, "21000101T000000Z"),
            (4_107_542_400, "21000301T000000Z"),
            (253_402_300_799, "99991231T235959Z"),
        ] {
            let stamp = Stamp { unix_s };
            assert_eq!(stamp.to_string(), text);
            assert!(Stamp::is(text));
        }
        for wrong in ["", "20231114T221420", "20231114t221420Z", "2023111xT221420Z", "20231114T2214201"] {
            assert!(!Stamp::is(wrong), "{wrong}");
        }
    }
}
