//! Patterns of functions.

use crate::settings::value::Value;

/// Patterns of `module::function`, in which `*` stands for any text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Patterns(Vec<String>);

impl Patterns {
    #[cfg_attr(not(feature = "enabled"), allow(dead_code))]
    pub(crate) fn all(&self) -> &[String] {
        &self.0
    }
}

impl Value for Patterns {
    fn parse(text: &str) -> Option<Self> {
        let pattern = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty() && !text.contains('='));
        text.split(',').map(pattern).collect::<Option<_>>().map(Self)
    }

    fn show(&self) -> String {
        self.0.join(",")
    }
}
