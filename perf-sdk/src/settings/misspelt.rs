//! Detects environment variables that look like misspelt settings.

use super::setting::SETTINGS;

/// The maximum number of mistakes in a recognized name.
const MOST_MISTAKES: usize = 2;

/// A warning for each variable whose name is similar to that of a setting. Other variables that
/// begin with `PERF_` belong to other programs, such as Linux's `perf`.
pub(crate) fn warnings(variables: impl Iterator<Item = String>) -> Vec<String> {
    let is_setting = |name: &str| SETTINGS.iter().any(|setting| setting.variable == name);
    let nearest = |name: &str| {
        let distances = SETTINGS.iter().map(|setting| (mistakes(name, setting.variable), setting.variable));
        distances.min().filter(|(mistakes, _)| *mistakes <= MOST_MISTAKES)
    };
    let mut misspelt: Vec<String> =
        variables.filter(|name| name.to_ascii_uppercase().starts_with("PERF") && !is_setting(name)).collect();
    misspelt.sort();
    let say = |name: String| {
        let (_, meant) = nearest(&name.to_ascii_uppercase())?;
        Some(format!("the variable {name} is not a setting and has no effect; did you mean {meant}?"))
    };
    misspelt.into_iter().filter_map(say).collect()
}

/// The key that is most similar.
#[cfg(feature = "toml")]
pub(super) fn nearest_key(key: &str) -> Option<&'static str> {
    let distances = SETTINGS.iter().map(|setting| (mistakes(key, setting.key), setting.key));
    distances.min().filter(|(mistakes, _)| *mistakes <= MOST_MISTAKES).map(|(_, key)| key)
}

/// The number of characters that must be inserted, deleted, replaced or exchanged with their
/// neighbour (optimal string alignment distance).
fn mistakes(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    if a.len().abs_diff(b.len()) > MOST_MISTAKES {
        return usize::MAX;
    }
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    rows[0] = (0..=b.len()).collect();
    for i in 1..=a.len() {
        rows[i][0] = i;
        for j in 1..=b.len() {
            let replaced = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            rows[i][j] = replaced.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                rows[i][j] = rows[i][j].min(rows[i - 2][j - 2] + 1);
            }
        }
    }
    rows[a.len()][b.len()]
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
