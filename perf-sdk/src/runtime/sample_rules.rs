//! Rules of settings as the recorder has them.

use crate::record::Rule;
use crate::settings::{SampleRule, Settings};

/// What the settings say of how many calls are measured.
pub(super) fn sample_rules(settings: &Settings) -> Vec<Rule> {
    let rule = |rule: &SampleRule| Rule { pattern: rule.pattern.clone(), rate: rule.rate };
    settings.sample.rules().iter().map(rule).collect()
}
