//! The rate at which calls of a site are measured.

use std::fmt;
use std::str::FromStr;

/// One call in this many is measured and stands for all of them. All calls are counted.
///
/// Written `always`, `never`, `1/64` or `10%`, which is one in ten.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rate(u16);

/// The text is not a valid rate.
#[derive(Clone, PartialEq, Eq)]
pub struct ParseRateError {
    text: String,
}

impl Rate {
    /// The maximum number of calls that one may stand for.
    pub const MAX: u32 = 1 << 12;
    /// Every call.
    pub const ALWAYS: Self = Self(1);
    /// No call; they are still counted.
    pub const NEVER: Self = Self(0);

    /// One in `n`. `None` unless `n` is 1 to [`MAX`](Self::MAX).
    #[must_use]
    pub const fn one_in(n: u32) -> Option<Self> {
        if n >= 1 && n <= Self::MAX { Some(Self(n as u16)) } else { None }
    }

    /// The number of calls that a measured one stands for. 0: none is measured.
    #[must_use]
    pub const fn weight(self) -> u32 {
        self.0 as u32
    }
}

impl FromStr for Rate {
    type Err = ParseRateError;

    fn from_str(text: &str) -> Result<Self, ParseRateError> {
        let unknown = || ParseRateError { text: text.to_owned() };
        let text = text.trim();
        match text {
            "always" => return Ok(Self::ALWAYS),
            "never" => return Ok(Self::NEVER),
            _ => {}
        }
        if let Some(n) = text.strip_prefix("1/") {
            return n.parse().ok().and_then(Self::one_in).ok_or_else(unknown);
        }
        let percent: f64 = text.strip_suffix('%').and_then(|n| n.trim().parse().ok()).ok_or_else(unknown)?;
        let n = (100.0 / percent).round();
        if percent > 0.0 && percent <= 100.0 && n <= f64::from(Self::MAX) {
            Self::one_in(n as u32).ok_or_else(unknown)
        } else {
            Err(unknown())
        }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => f.write_str("never"),
            1 => f.write_str("always"),
            n => write!(f, "1/{n}"),
        }
    }
}

impl fmt::Display for ParseRateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let max = Rate::MAX;
        write!(
            f,
            "{:?} is not a rate; allowed: always, never, 1/2 to 1/{max}, or a percentage from {:.3}%",
            self.text,
            100.0 / f64::from(max)
        )
    }
}

/// The same text as `Display`, so that `unwrap()` and `main` print it too.
impl fmt::Debug for ParseRateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for ParseRateError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read_as_they_are_written() {
        for (text, weight) in [
            ("always", 1),
            ("never", 0),
            ("1/64", 64),
            ("1/1", 1),
            ("10%", 10),
            ("0.1%", 1000),
            ("100%", 1),
            (" 33 % ", 3),
        ] {
            let rate: Rate = text.parse().unwrap();
            assert_eq!(rate.weight(), weight, "{text}");
            assert_eq!(rate.to_string().parse(), Ok(rate));
        }
        for wrong in ["", "1/0", "1/4097", "0%", "101%", "0.01%", "2/3", "often", "NaN%", "-5%", "1/-3"] {
            let error = wrong.parse::<Rate>().unwrap_err().to_string();
            assert!(error.contains(&format!("{wrong:?}")) && error.contains("1/4096"), "{error}");
        }
    }
}
