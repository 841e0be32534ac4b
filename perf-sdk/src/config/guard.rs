//! Which reads must bear the token.

use std::fmt;
use std::str::FromStr;

/// Which reads must bear the token, wherever the endpoint listens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Guard {
    /// None; on other than loopback addresses a token that was set guards all of them nevertheless.
    #[default]
    Off,
    /// Those that take time or change how the process runs.
    Captures,
    /// All.
    All,
}

impl Guard {
    fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Captures => "captures",
            Self::All => "all",
        }
    }
}

impl FromStr for Guard {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        [Self::Off, Self::Captures, Self::All].into_iter().find(|guard| guard.name() == text).ok_or(())
    }
}

impl fmt::Display for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
