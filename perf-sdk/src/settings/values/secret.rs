//! Values that must not appear in logs.

use std::fmt;

use crate::settings::value::Value;

/// A token, which is hidden in debug output.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    #[cfg_attr(not(feature = "serve"), allow(dead_code))]
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Whether its length is in this range.
    pub(in crate::settings) fn has(&self, characters: std::ops::RangeInclusive<usize>) -> bool {
        characters.contains(&self.0.len())
    }

    /// The token itself.
    #[cfg(any(feature = "serve", feature = "push"))]
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// Printable ASCII without spaces.
impl Value for Secret {
    fn parse(text: &str) -> Option<Self> {
        text.bytes().all(|b| b.is_ascii_graphic()).then(|| Self(text.to_owned()))
    }

    /// A placeholder, not the token.
    fn show(&self) -> String {
        "a token".to_owned()
    }
}
