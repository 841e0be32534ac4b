//! How much of what is written stays.

use std::str::FromStr;

/// How many files of a program stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keep {
    Files(usize),
    Bytes(u64),
}

impl Keep {
    pub(crate) const DEFAULT: Self = Self::Files(48);
}

impl FromStr for Keep {
    type Err = ();

    /// A number of files; sizes are the caller's.
    fn from_str(text: &str) -> Result<Self, ()> {
        let number = text.parse().map_err(|_| ())?;
        if (1..=100_000).contains(&number) { Ok(Self::Files(number)) } else { Err(()) }
    }
}
