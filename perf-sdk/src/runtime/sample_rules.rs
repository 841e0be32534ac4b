//! Converts sampling rules of the settings into those of the recorder.

use crate::record::Rule;
use crate::settings::{SampleRule, Settings};

/// The sampling rules of the settings, and the functions that are roots.
pub(super) fn sample_rules(settings: &Settings) -> Vec<Rule> {
    let rule = |rule: &SampleRule| Rule::rate(rule.pattern.clone(), rule.rate);
    let root = |pattern: &String| Rule { is_root: true, ..Rule::rate(pattern.clone(), None) };
    settings.sample.rules().iter().map(rule).chain(settings.roots.all().iter().map(root)).collect()
}
