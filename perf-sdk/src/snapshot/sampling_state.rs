//! The state of sampling, or the reason why it is unavailable.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

#[cfg(feature = "enabled")]
use serde::{Deserialize, Serialize};

/// The state of sampling, of the live heap or of stacks.
///
/// Its text, which is also its form in JSON: `on`; `on, cpu-timer, but only while a profile is
/// taken`; `off`; `mixed`; or the reason why it is unavailable.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "enabled", derive(Serialize, Deserialize), serde(from = "String", into = "String"))]
#[non_exhaustive]
pub enum SamplingState {
    /// The state was not read, as in an empty snapshot. Its text is empty.
    #[default]
    Unknown,
    /// Sampling is switched off.
    Off,
    /// Samples are taken.
    #[non_exhaustive]
    On {
        /// The engine, if there are several: `cpu-timer`, `perf-clock` or `pprof`. Otherwise empty.
        engine: String,
        /// A restriction, if there is one: that no sample arrived while the program took 10 s of
        /// CPU time, or that threads cannot be listed.
        but: Option<String>,
    },
    /// Sampling is unavailable, for this reason.
    Unavailable(String),
    /// Snapshots of different states were merged.
    Mixed,
}

impl SamplingState {
    /// Whether samples are taken.
    #[must_use]
    pub fn is_on(&self) -> bool {
        matches!(self, Self::On { .. })
    }

    /// The restriction of sampling, if there is one.
    #[must_use]
    pub fn but(&self) -> Option<&str> {
        match self {
            Self::On { but, .. } => but.as_deref(),
            _ => None,
        }
    }

    #[cfg(any(test, feature = "heap"))]
    pub(crate) fn on() -> Self {
        Self::On { engine: String::new(), but: None }
    }

    #[cfg(any(test, feature = "stacks"))]
    pub(crate) fn on_with(engine: &str, but: Option<String>) -> Self {
        Self::On { engine: engine.to_owned(), but }
    }

    pub(super) fn add(&mut self, other: &Self) {
        if *self == Self::Unknown {
            *self = other.clone();
        } else if self != other && *other != Self::Unknown {
            *self = Self::Mixed;
        }
    }
}

impl fmt::Display for SamplingState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => Ok(()),
            Self::Off => f.write_str("off"),
            Self::On { engine, but } => {
                f.write_str("on")?;
                if !engine.is_empty() {
                    write!(f, ", {engine}")?;
                }
                but.as_ref().map_or(Ok(()), |but| write!(f, ", but {but}"))
            }
            Self::Unavailable(reason) => f.write_str(reason),
            Self::Mixed => f.write_str("mixed"),
        }
    }
}

impl From<SamplingState> for String {
    fn from(state: SamplingState) -> Self {
        state.to_string()
    }
}

impl From<String> for SamplingState {
    fn from(text: String) -> Self {
        let (start, but) = match text.split_once(", but ") {
            Some((start, but)) => (start, Some(but.to_owned())),
            None => (text.as_str(), None),
        };
        match (start.strip_prefix("on"), text.as_str()) {
            (_, "") => Self::Unknown,
            (_, "off") => Self::Off,
            (_, "mixed") => Self::Mixed,
            (Some(""), _) => Self::On { engine: String::new(), but },
            (Some(rest), _) if rest.starts_with(", ") => Self::On { engine: rest[2..].to_owned(), but },
            _ => Self::Unavailable(text),
        }
    }
}

impl FromStr for SamplingState {
    type Err = Infallible;

    /// Parses the text of a state. Any other text is the reason why sampling is unavailable.
    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(text.to_owned().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_text_reads_back() {
        let states = [
            SamplingState::Unknown,
            SamplingState::Off,
            SamplingState::on(),
            SamplingState::on_with("cpu-timer", None),
            SamplingState::on_with("pprof", Some("only while a profile is taken, but well".to_owned())),
            SamplingState::on_with("", Some("not all".to_owned())),
            SamplingState::Unavailable("one signal is taken, but not by us".to_owned()),
            SamplingState::Mixed,
        ];
        for state in states {
            assert_eq!(state.to_string().parse(), Ok(state.clone()), "{state}");
        }
    }

    #[test]
    fn merged_states_that_differ_are_mixed() {
        let mut state = SamplingState::Unknown;
        state.add(&SamplingState::on());
        state.add(&SamplingState::Unknown);
        state.add(&SamplingState::on());
        assert_eq!(state, SamplingState::on());
        state.add(&SamplingState::Off);
        assert_eq!(state, SamplingState::Mixed);
    }
}
