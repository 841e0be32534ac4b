//! What callgrind writes: <https://valgrind.org/docs/manual/cl-format.html>.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

/// Instructions in one file.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Profile {
    pub(super) total: u64,
    /// With callees, by caller and callee.
    calls: BTreeMap<(String, String), u64>,
}

/// Functions by which more is taken, each called by the one before.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Growth {
    path: Vec<String>,
    /// What the last one takes, with callees.
    pub(super) was: u64,
    pub(super) now: u64,
}

/// The function of the library that runs the operations.
const OPERATIONS: &str = "bench::instructions::counted";
/// Names of functions that every program has, at their beginning.
const COMMON: &[&str] = &["core::", "<core::", "std::", "<std::", "alloc::", "<alloc::", "perf_sdk::", "<perf_sdk::"];
/// A callee is followed if so much of the growth is in it.
const FOLLOWED: f64 = 0.5;
/// Callees of the last function that is followed are named with so much of the growth.
const NAMED: f64 = 0.1;

impl Growth {
    /// The functions that are the program's own, and the last one.
    pub(super) fn way(&self) -> Vec<&str> {
        let (last, before) = match self.path.split_last() {
            Some((last, before)) => (Some(last), before),
            None => (None, &self.path[..]),
        };
        let own = before.iter().filter(|name| !COMMON.iter().any(|common| name.starts_with(common)));
        own.chain(last).map(String::as_str).collect()
    }
}

impl Profile {
    /// Reads a file with one event, `Ir`.
    pub(super) fn of(text: &str) -> Result<Self, String> {
        let mut profile = Self::default();
        let mut names: HashMap<&str, &str> = HashMap::new();
        let (mut function, mut callee) = (String::new(), String::new());
        // The line behind `calls=` has what the callee took.
        let mut is_of_callee = false;
        let mut total = None;
        for line in text.lines() {
            if let Some(name) = line.strip_prefix("fn=") {
                without_hash(named(name, &mut names)).clone_into(&mut function);
            } else if let Some(name) = line.strip_prefix("cfn=") {
                without_hash(named(name, &mut names)).clone_into(&mut callee);
            } else if line.starts_with("calls=") {
                is_of_callee = true;
            } else if let Some(sum) = line.strip_prefix("totals: ").or_else(|| line.strip_prefix("summary: ")) {
                total = sum.trim().parse().ok().or(total);
            } else if line.starts_with(|first: char| first.is_ascii_digit() || "+-*".contains(first)) {
                let cost = line.split_ascii_whitespace().nth(1);
                let cost: u64 = cost.map_or(Ok(0), str::parse).map_err(|_| format!("no line of costs: {line:?}"))?;
                if std::mem::take(&mut is_of_callee) {
                    *profile.calls.entry((function.clone(), callee.clone())).or_default() += cost;
                }
            }
        }
        profile.total = total.ok_or("it has no total")?;
        Ok(profile)
    }

    /// What each callee of a function takes more than in `base`, the most first.
    fn callees<'a>(&'a self, caller: &str, base: &Self) -> Vec<(&'a str, u64, u64)> {
        let of_caller = self.calls.iter().filter(|((from, _), _)| from == caller);
        let mut all: Vec<(&str, u64, u64)> = of_caller
            .map(|(edge, now)| (edge.1.as_str(), base.calls.get(edge).copied().unwrap_or(0), *now))
            .filter(|(_, was, now)| now > was)
            .collect();
        all.sort_by_key(|(_, was, now)| Reverse(now - was));
        all
    }

    /// Where more is taken than in `base`: the way down to where half of it is, and if it parts
    /// there, what it parts into.
    pub(super) fn growth(&self, base: &Self) -> Vec<Growth> {
        // What calls it is callgrind's own frame, and what starts a program.
        let top = self.calls.keys().map(|(caller, _)| caller).find(|caller| caller.ends_with(OPERATIONS));
        let whole = self.total.saturating_sub(base.total) as f64;
        let mut path: Vec<String> = Vec::new();
        let (mut at, mut taken) = (top.map_or("", String::as_str), (base.total, self.total));
        let mut parts = self.callees(at, base);
        while let Some((callee, was, now)) = parts.first().copied()
            && (now - was) as f64 >= FOLLOWED * whole
            && !path.iter().any(|known| known == callee)
        {
            path.push(callee.to_owned());
            (at, taken) = (callee, (was, now));
            parts = self.callees(at, base);
        }
        let below = parts.iter().filter(|(_, was, now)| (now - was) as f64 >= NAMED * whole);
        let below = below.map(|(callee, was, now)| {
            let path = path.iter().cloned().chain([(*callee).to_owned()]).collect();
            Growth { path, was: *was, now: *now }
        });
        let last = (!path.is_empty()).then(|| Growth { path: path.clone(), was: taken.0, now: taken.1 });
        last.into_iter().chain(below).collect()
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
    fn what_callees_take_is_summed_by_caller() {
        let profile = Profile::of(FILE).unwrap();
        assert_eq!(profile.total, 161);
        let call = ("app::outer".to_owned(), "app::inner".to_owned());
        assert_eq!(profile.calls, [(call, 120)].into());
    }

    #[test]
    fn the_way_to_what_grew_is_named() {
        let profile = |costs: &[(&str, &str, u64)]| {
            let calls =
                costs.iter().map(|(caller, callee, cost)| (((*caller).to_owned(), (*callee).to_owned()), *cost));
            Profile { total: costs[0].2, calls: calls.collect() }
        };
        let of = |a: u64, b: u64, c: u64| {
            let sum = a + b + c;
            profile(&[
                ("bench::instructions::counted", "order", sum),
                ("order", "find", a + b),
                ("find", "a", a),
                ("find", "b", b),
                ("order", "c", c),
            ])
        };
        let seen = |now: &Profile, base: &Profile| {
            let text = |growth: Growth| format!("{} {} {}", growth.way().join(" > "), growth.was, growth.now);
            now.growth(base).into_iter().map(text).collect::<Vec<_>>()
        };
        let base = of(100, 100, 100);
        assert_eq!(seen(&of(190, 105, 100), &base), ["order > find > a 100 190"]);
        assert_eq!(
            seen(&of(140, 140, 140), &base),
            ["order > find 200 280", "order > find > a 100 140", "order > find > b 100 140"]
        );
        assert!(seen(&base, &of(190, 105, 100)).is_empty());
        // A recursion ends.
        let deep = |cost| profile(&[("bench::instructions::counted", "a", cost), ("a", "b", cost), ("b", "a", cost)]);
        assert_eq!(seen(&deep(20), &deep(10)), ["a > b 10 20", "a > b > a 10 20"]);
        let path = ["core::ops::call_once", "order", "std::sync::call", "alloc::grow"].map(str::to_owned).into();
        assert_eq!(Growth { path, was: 0, now: 1 }.way(), ["order", "alloc::grow"]);
        assert_eq!(Profile::of("events: Ir\n"), Err("it has no total".to_owned()));
    }
}
