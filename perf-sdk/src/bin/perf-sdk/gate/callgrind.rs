//! What callgrind writes: <https://valgrind.org/docs/manual/cl-format.html>.

use std::collections::{BTreeMap, HashMap};

/// Instructions in one file.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Profile {
    pub(super) total: u64,
    /// Without callees, by function.
    pub(super) functions: BTreeMap<String, u64>,
}

impl Profile {
    /// Reads a file with one event, `Ir`.
    pub(super) fn of(text: &str) -> Result<Self, String> {
        let mut profile = Self::default();
        let mut names: HashMap<&str, &str> = HashMap::new();
        let mut function = String::new();
        // The line behind `calls=` has what the callee took.
        let mut is_of_callee = false;
        let mut total = None;
        for line in text.lines() {
            if let Some(name) = line.strip_prefix("fn=").or_else(|| line.strip_prefix("cfn=")) {
                let name = named(name, &mut names);
                if line.starts_with("fn=") {
                    function = without_hash(name).to_owned();
                }
            } else if line.starts_with("calls=") {
                is_of_callee = true;
            } else if let Some(sum) = line.strip_prefix("totals: ").or_else(|| line.strip_prefix("summary: ")) {
                total = sum.trim().parse().ok().or(total);
            } else if line.starts_with(|first: char| first.is_ascii_digit() || "+-*".contains(first)) {
                let cost = line.split_ascii_whitespace().nth(1);
                let cost: u64 = cost.map_or(Ok(0), str::parse).map_err(|_| format!("no line of costs: {line:?}"))?;
                if !std::mem::take(&mut is_of_callee) && cost > 0 {
                    *profile.functions.entry(function.clone()).or_default() += cost;
                }
            }
        }
        profile.total = total.ok_or("it has no total")?;
        Ok(profile)
    }

    /// The functions that take more than in `base`, by how many, the most first.
    pub(super) fn growth(&self, base: &Self) -> Vec<(&str, u64, u64)> {
        let mut grown: Vec<(&str, u64, u64)> = self
            .functions
            .iter()
            .map(|(name, now)| (name.as_str(), base.functions.get(name).copied().unwrap_or(0), *now))
            .filter(|(_, was, now)| now > was)
            .collect();
        grown.sort_by_key(|(_, was, now)| std::cmp::Reverse(now - was));
        grown
    }
}

/// `(1) name` defines a name, `(1)` uses it.
fn named<'a>(text: &'a str, names: &mut HashMap<&'a str, &'a str>) -> &'a str {
    let Some((id, name)) = text.strip_prefix('(').and_then(|text| text.split_once(')')) else { return text };
    match name.trim_start() {
        "" => names.get(id).copied().unwrap_or(id),
        name => {
            names.insert(id, name);
            name
        }
    }
}

/// Without the hash at the end of a name, which differs from build to build, and without the
/// number of a recursion that callgrind adds.
fn without_hash(name: &str) -> &str {
    let name = name.split_once('\'').map_or(name, |(name, _)| name);
    match name.rsplit_once("::h") {
        Some((path, hash)) if hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()) => path,
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "\
# callgrind format
version: 1
creator: callgrind-3.19.0
positions: line
events: Ir
summary: 161

ob=(1) /bin/program
fl=(1) src/main.rs
fn=(1) app::outer::h0123456789abcdef
16 20
+3 10
cfi=(2) src/inner.rs
cfn=(2) app::inner::hfedcba9876543210
calls=3 7
* 120
-1 1

fn=(2)
7 100
fi=(3) src/inlined.rs
9 20
fe=(2)
7 10
jump=2 9
jcnd=1/3 12

totals: 161
";

    #[test]
    fn own_costs_are_summed_by_function() {
        let profile = Profile::of(FILE).unwrap();
        assert_eq!(profile.total, 161);
        let expected = [("app::inner".to_owned(), 130), ("app::outer".to_owned(), 31)];
        assert_eq!(profile.functions, expected.into());
        assert_eq!(profile.functions.values().sum::<u64>(), profile.total);
    }

    #[test]
    fn what_grew_is_named_the_most_first() {
        let base = Profile::of(FILE).unwrap();
        let more = FILE.replace("\n7 100\n", "\n7 150\n").replace("\n16 20\n", "\n16 21\n");
        let head = Profile::of(&more).unwrap();
        assert_eq!(head.growth(&base), [("app::inner", 130, 180), ("app::outer", 31, 32)]);
        assert!(base.growth(&head).is_empty());
        assert_eq!(Profile::of("events: Ir\n"), Err("it has no total".to_owned()));
    }
}
