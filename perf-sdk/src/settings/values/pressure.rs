//! Thresholds of memory pressure.

use std::fmt;
use std::str::FromStr;

use super::share::Share;
use crate::settings::value::value_by_text;

/// Thresholds as shares of the memory limit, for high and for critical pressure: `80%,95%`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pressure {
    /// From here on, pools are trimmed and long unused pages returned to the system.
    pub high: Share,
    /// From here on, all unused pages are returned.
    pub critical: Share,
}

/// The text is not a pair of shares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParsePressureError(());

impl Pressure {
    /// Whether the first one is lower, and both are above 0 and at most the whole.
    pub(in crate::settings) fn is_allowed(&self) -> bool {
        let [high, critical] = [self.high, self.critical].map(Share::ratio);
        0.0 < high && high < critical && critical <= 1.0
    }
}

impl FromStr for Pressure {
    type Err = ParsePressureError;

    fn from_str(text: &str) -> Result<Self, ParsePressureError> {
        let parse = || {
            let (high, critical) = text.split_once(',')?;
            Some(Self { high: high.trim().parse().ok()?, critical: critical.trim().parse().ok()? })
        };
        parse().ok_or(ParsePressureError(()))
    }
}

impl fmt::Display for Pressure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{},{}", self.high, self.critical)
    }
}

impl fmt::Display for ParsePressureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not two shares; allowed: two percentages such as 80%,95%")
    }
}

impl std::error::Error for ParsePressureError {}

value_by_text!(Pressure);
