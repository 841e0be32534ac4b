//! Labels of a service besides its name.

use crate::settings::value::Value;

/// The maximum number of labels. Pyroscope accepts 30, but uses some itself.
const MOST_LABELS: usize = 20;
/// The maximum length of a value that Pyroscope accepts.
const LONGEST_VALUE: usize = 2_048;

/// The labels of all profiles of this process, in the given order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PushLabels(Vec<(String, String)>);

#[cfg(any(feature = "push", test))]
impl PushLabels {
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl Value for PushLabels {
    /// Parses `name=value,…`.
    fn parse(text: &str) -> Option<Self> {
        /// Labels that this crate or the server sets.
        const TAKEN: [&str; 2] = ["service_name", "pyroscope_spy"];
        let mut labels: Vec<(String, String)> = Vec::new();
        for pair in text.split(',') {
            let (name, value) = pair.split_once('=')?;
            let (name, value) = (name.trim(), value.trim());
            let is_letter = |c: char| c.is_ascii_alphabetic() || c == '_';
            let is_name = name.starts_with(is_letter) && name.chars().all(|c| is_letter(c) || c.is_ascii_digit());
            let is_ours = name.starts_with("__") || TAKEN.contains(&name);
            // A brace would end the labels in the address of `/ingest`.
            let is_value = (1..=LONGEST_VALUE).contains(&value.len())
                && value.chars().all(|c| !c.is_control() && !"{}".contains(c));
            if !is_name || is_ours || !is_value || labels.iter().any(|(known, _)| known == name) {
                return None;
            }
            labels.push((name.to_owned(), value.to_owned()));
        }
        (labels.len() <= MOST_LABELS).then_some(Self(labels))
    }

    fn show(&self) -> String {
        self.0.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(",")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_restricted_to_those_that_the_server_accepts() {
        let labels = PushLabels::parse("env=prod, zone = eu west=1").unwrap();
        assert_eq!(labels.iter().collect::<Vec<_>>(), [("env", "prod"), ("zone", "eu west=1")]);
        let many: Vec<String> = (0..21).map(|n| format!("a{n}=b")).collect();
        for wrong in
            ["", "a", "=b", "a=", "a=b,", "1a=b", "a-b=c", "a=b}", "a=b,a=c", "__name__=x", "service_name=x", "a=b\nc"]
                .into_iter()
                .chain([many.join(",").as_str()])
        {
            assert!(PushLabels::parse(wrong).is_none(), "{wrong:?}");
        }
    }
}
