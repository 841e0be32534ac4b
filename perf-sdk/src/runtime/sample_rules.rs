//! Converts sampling rules of the settings into those of the recorder.

use crate::record::Rule;
use crate::settings::{SampleRule, Settings};

/// The sampling rules of the settings.
pub(super) fn sample_rules(settings: &Settings) -> Vec<Rule> {
    let rule = |rule: &SampleRule| Rule { pattern: rule.pattern.clone(), rate: rule.rate };
    settings.sample.rules().iter().map(rule).collect()
}
