//! Sampling rates by name.

use std::fmt;

use crate::rate::Rate;
use crate::settings::value::Value;

/// A rate for the sites whose `module::function` matches a pattern, in which `*` stands for any
/// text. `None` restores the rate of the attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SampleRule {
    pub(crate) pattern: String,
    pub(crate) rate: Option<Rate>,
}

impl SampleRule {
    /// Parses `pattern=rate`.
    fn parse(text: &str) -> Option<Self> {
        let (pattern, rate) = text.rsplit_once('=')?;
        let pattern = pattern.trim();
        let rate = match rate.trim() {
            "default" => None,
            rate => Some(rate.parse().ok()?),
        };
        (!pattern.is_empty()).then(|| Self { pattern: pattern.to_owned(), rate })
    }
}

impl fmt::Display for SampleRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.rate {
            Some(rate) => write!(f, "{}={rate}", self.pattern),
            None => write!(f, "{}=default", self.pattern),
        }
    }
}

/// Rules. If several match, the last one applies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SampleRules(Vec<SampleRule>);

impl SampleRules {
    #[cfg_attr(not(feature = "enabled"), allow(dead_code))]
    pub(crate) fn rules(&self) -> &[SampleRule] {
        &self.0
    }
}

impl Value for SampleRules {
    fn parse(text: &str) -> Option<Self> {
        text.split(',').map(|rule| SampleRule::parse(rule.trim())).collect::<Option<_>>().map(Self)
    }

    fn show(&self) -> String {
        self.0.iter().map(SampleRule::to_string).collect::<Vec<_>>().join(",")
    }
}
