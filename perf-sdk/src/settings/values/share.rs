//! Shares.

use std::fmt;
use std::str::FromStr;

use crate::settings::value::value_by_text;

/// A share of something, written as a percentage: `0.5%`.
///
/// ```
/// use perf_sdk::settings::Share;
///
/// assert_eq!("0.5%".parse(), Ok(Share::percent(0.5)));
/// assert_eq!(Share::percent(0.5).ratio(), 0.005);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Share {
    percent: f64,
}

/// The text is not a share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseShareError(());

impl Share {
    /// A number of hundredths. The range that a setting allows is checked at the start.
    #[must_use]
    pub const fn percent(percent: f64) -> Self {
        Self { percent }
    }

    /// The share as a ratio: the whole is 1.
    #[must_use]
    pub const fn ratio(self) -> f64 {
        self.percent / 100.0
    }

    /// The share in percent: the whole is 100.
    #[must_use]
    pub const fn as_percent(self) -> f64 {
        self.percent
    }
}

impl FromStr for Share {
    type Err = ParseShareError;

    fn from_str(text: &str) -> Result<Self, ParseShareError> {
        let number = text.strip_suffix('%').and_then(|number| number.trim().parse::<f64>().ok());
        number.filter(|percent| percent.is_finite()).map(Self::percent).ok_or(ParseShareError(()))
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", self.percent)
    }
}

impl fmt::Display for ParseShareError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a share; allowed: a percentage such as 0.5%")
    }
}

impl std::error::Error for ParseShareError {}

value_by_text!(Share);
