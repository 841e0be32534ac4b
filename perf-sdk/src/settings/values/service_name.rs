//! Names of services.

use std::fmt;

use crate::settings::value::Value;

/// The maximum length. A file name has room for more.
const LONGEST_NAME: usize = 128;

/// A service's name: letters, digits and `_.-/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceName(String);

#[cfg(any(feature = "flight", feature = "push", test))]
impl ServiceName {
    /// The name of the executable, with `_` for characters that are not allowed.
    pub(crate) fn of_executable() -> Self {
        let path = std::env::current_exe().ok();
        let file = path.as_ref().and_then(|path| path.file_name()).map(|file| file.to_string_lossy());
        // Linux appends this to the name of an executable that was replaced.
        let name = file.as_deref().unwrap_or_default().trim_end_matches(" (deleted)");
        let name: String =
            name.chars().take(LONGEST_NAME).map(|c| if is_name(c) && c != '/' { c } else { '_' }).collect();
        Self(if name.is_empty() { "unknown".to_owned() } else { name })
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || "_.-/".contains(c)
}

impl Value for ServiceName {
    fn parse(text: &str) -> Option<Self> {
        let fits = (1..=LONGEST_NAME).contains(&text.len()) && text.chars().all(is_name);
        fits.then(|| Self(text.to_owned()))
    }

    fn show(&self) -> String {
        self.0.clone()
    }
}

impl fmt::Display for ServiceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_restricted_to_those_that_the_server_accepts() {
        assert_eq!(ServiceName::parse("shop/cart-1.x").unwrap().to_string(), "shop/cart-1.x");
        for wrong in ["", "a b", "a{b", "ö", &"a".repeat(257)] {
            assert!(ServiceName::parse(wrong).is_none(), "{wrong:?}");
        }
        assert!(!ServiceName::of_executable().as_str().is_empty());
    }
}
