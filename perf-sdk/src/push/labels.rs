//! What a service is called, and what is said of it besides.

use std::fmt;
use std::str::FromStr;

/// Of the 30 that Pyroscope takes; the rest is its own.
const MOST_LABELS: usize = 20;
/// Of a file's name there is more than that.
const LONGEST_NAME: usize = 128;
/// What Pyroscope takes.
const LONGEST_VALUE: usize = 2_048;

/// A service's name: letters, digits and `_.-/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServiceName(String);

impl ServiceName {
    /// The executable's, with `_` for what a name may not have.
    pub(crate) fn of_executable() -> Self {
        let path = std::env::current_exe().ok();
        let file = path.as_ref().and_then(|path| path.file_name()).map(|file| file.to_string_lossy());
        // What Linux says of an executable that was replaced.
        let name = file.as_deref().unwrap_or_default().trim_end_matches(" (deleted)");
        let name: String =
            name.chars().take(LONGEST_NAME).map(|c| if is_name(c) && c != '/' { c } else { '_' }).collect();
        Self(if name.is_empty() { "unknown".to_owned() } else { name })
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || "_.-/".contains(c)
}

impl FromStr for ServiceName {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let fits = (1..=LONGEST_NAME).contains(&text.len()) && text.chars().all(is_name);
        if fits { Ok(Self(text.to_owned())) } else { Err(()) }
    }
}

impl fmt::Display for ServiceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Labels of all profiles of this process, in the order that they were given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Labels(Vec<(String, String)>);

impl Labels {
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl FromStr for Labels {
    type Err = ();

    /// `name=value,…`.
    fn from_str(text: &str) -> Result<Self, ()> {
        /// What we or the server say ourselves.
        const TAKEN: [&str; 2] = ["service_name", "pyroscope_spy"];
        let mut labels: Vec<(String, String)> = Vec::new();
        for pair in text.split(',') {
            let (name, value) = pair.split_once('=').ok_or(())?;
            let (name, value) = (name.trim(), value.trim());
            let is_letter = |c: char| c.is_ascii_alphabetic() || c == '_';
            let is_name = name.starts_with(is_letter) && name.chars().all(|c| is_letter(c) || c.is_ascii_digit());
            let is_ours = name.starts_with("__") || TAKEN.contains(&name);
            // A brace would end the labels in the address of `/ingest`.
            let is_value = (1..=LONGEST_VALUE).contains(&value.len())
                && value.chars().all(|c| !c.is_control() && !"{}".contains(c));
            if !is_name || is_ours || !is_value || labels.iter().any(|(known, _)| known == name) {
                return Err(());
            }
            labels.push((name.to_owned(), value.to_owned()));
        }
        if labels.len() > MOST_LABELS { Err(()) } else { Ok(Self(labels)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_labels_are_what_the_server_takes() {
        assert_eq!("shop/cart-1.x".parse::<ServiceName>().unwrap().to_string(), "shop/cart-1.x");
        for wrong in ["", "a b", "a{b", "ö", &"a".repeat(257)] {
            assert!(wrong.parse::<ServiceName>().is_err(), "{wrong:?}");
        }
        let labels: Labels = "env=prod, zone = eu west=1".parse().unwrap();
        assert_eq!(labels.iter().collect::<Vec<_>>(), [("env", "prod"), ("zone", "eu west=1")]);
        let many: Vec<String> = (0..21).map(|n| format!("a{n}=b")).collect();
        for wrong in
            ["", "a", "=b", "a=", "a=b,", "1a=b", "a-b=c", "a=b}", "a=b,a=c", "__name__=x", "service_name=x", "a=b\nc"]
                .into_iter()
                .chain([many.join(",").as_str()])
        {
            assert!(wrong.parse::<Labels>().is_err(), "{wrong:?}");
        }
        assert!(!ServiceName::of_executable().as_str().is_empty());
    }
}
