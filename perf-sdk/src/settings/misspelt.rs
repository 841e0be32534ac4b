//! Detects environment variables that look like misspelt settings.

use super::setting::SETTINGS;
use crate::expression::nearest;

/// A warning for each variable whose name is similar to that of a setting. Other variables that
/// begin with `PERF_` belong to other programs, such as Linux's `perf`.
pub(crate) fn warnings(variables: impl Iterator<Item = String>) -> Vec<String> {
    let is_setting = |name: &str| SETTINGS.iter().any(|setting| setting.variable == name);
    let mut misspelt: Vec<String> =
        variables.filter(|name| name.to_ascii_uppercase().starts_with("PERF") && !is_setting(name)).collect();
    misspelt.sort();
    let say = |name: String| {
        let meant = nearest(&name.to_ascii_uppercase(), SETTINGS.iter().map(|setting| setting.variable))?;
        Some(format!("the variable {name} is not a setting and has no effect; did you mean {meant}?"))
    };
    misspelt.into_iter().filter_map(say).collect()
}

/// The key that is most similar.
#[cfg(feature = "toml")]
pub(super) fn nearest_key(key: &str) -> Option<&'static str> {
    nearest(key, SETTINGS.iter().map(|setting| setting.key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn similar_names_are_reported_with_the_intended_setting() {
        for (name, meant) in [
            ("PERF_BUGDET", "PERF_BUDGET"),
            ("PERF_LISTN", "PERF_LISTEN"),
            ("PERF_STACK_HZ", "PERF_STACKS_HZ"),
            ("PERF_REPORTS", "PERF_REPORT"),
            ("perf_token", "PERF_TOKEN"),
            ("PERFLISTEN", "PERF_LISTEN"),
        ] {
            let said = warnings([name.to_owned()].into_iter());
            assert!(said.len() == 1 && said[0].contains(name) && said[0].contains(meant), "{name}: {said:?}");
        }
    }

    #[test]
    fn settings_and_unrelated_variables_are_ignored() {
        let ours = SETTINGS.iter().map(|setting| setting.variable);
        let others = ["PATH", "PERF_EXEC_PATH", "PERF_PAGER", "PERF_BUILDID_DIR", "PERFORMANCE", "", "PERF_"];
        let all = ours.chain(others).map(str::to_owned);
        assert_eq!(warnings(all), [""; 0]);
    }
}
