//! Which functions take CPU time, and how much of it they took before.

use std::collections::BTreeMap;

use crate::snapshot::CpuProfile;

/// The number of functions that are named.
const MOST: usize = 5;
/// Functions with less of the CPU time are not named.
const LEAST_SHARE: f64 = 0.01;

/// A line for each of the functions with the most CPU time of their own.
pub(super) fn lines(last: &CpuProfile, before: Option<&CpuProfile>) -> Vec<String> {
    let (now, was) = (shares(last), before.map(shares));
    let mut now: Vec<(&str, f64)> = now.into_iter().filter(|(_, share)| *share >= LEAST_SHARE).collect();
    now.sort_unstable_by(|a, b| b.1.total_cmp(&a.1));
    let line = |(function, share): (&str, f64)| {
        let before = was.as_ref().map(|was| was.get(function).copied().unwrap_or(0.0));
        let before = before.map(|share| format!(", {:.0} % before", share * 100.0)).unwrap_or_default();
        format!("`{function}`: {:.0} % of the CPU time{before}.", share * 100.0)
    };
    now.into_iter().take(MOST).map(line).collect()
}

/// Whether it is a function of the standard library, whose caller says more.
fn is_of_std(function: &str) -> bool {
    let path = function.trim_start_matches(['<', '&']);
    let path = path.split([' ', '>', '<']).next().unwrap_or_default();
    let of_crate = path.split("::").next().unwrap_or_default();
    // A type without a path, such as `u64`, or a parameter.
    matches!(of_crate, "core" | "std" | "alloc" | "hashbrown") || (function.starts_with('<') && path == of_crate)
}

/// Of each innermost function outside of the standard library, its share of the time.
fn shares(profile: &CpuProfile) -> BTreeMap<&str, f64> {
    let mut shares: BTreeMap<&str, f64> = BTreeMap::new();
    let all: u64 = profile.stacks.iter().map(|stack| stack.time_ns).sum();
    for stack in &profile.stacks {
        let addresses = stack.addresses.iter().filter_map(|address| profile.code.addresses.get(*address as usize));
        let mut functions = addresses.flat_map(|address| &address.lines).map(|line| line.function.as_str());
        let Some(innermost) = functions.next() else { continue };
        let function = if is_of_std(innermost) { functions.find(|name| !is_of_std(name)) } else { None };
        *shares.entry(function.unwrap_or(innermost)).or_default() += stack.time_ns as f64 / all as f64;
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::{Address, Code, SampledStack, SourceLine};

    fn profile(times: &[(&str, u64)]) -> CpuProfile {
        let line = |name: &str| SourceLine { function: name.into(), ..SourceLine::default() };
        let address = |name: &str| Address { lines: vec![line(name), line("main")], ..Address::default() };
        let stack = |(at, (_, ns)): (usize, &(&str, u64))| SampledStack {
            addresses: vec![at as u32],
            time_ns: *ns,
            ..SampledStack::default()
        };
        CpuProfile {
            code: Code { addresses: times.iter().map(|(name, _)| address(name)).collect(), ..Code::default() },
            stacks: times.iter().enumerate().map(stack).collect(),
            ..CpuProfile::default()
        }
    }

    #[test]
    fn the_innermost_functions_are_named_the_longest_first() {
        let last = profile(&[("search", 700), ("rank", 295), ("rare", 5)]);
        let before = profile(&[("search", 10), ("rank", 30)]);
        assert_eq!(
            lines(&last, Some(&before)),
            ["`search`: 70 % of the CPU time, 25 % before.", "`rank`: 30 % of the CPU time, 75 % before."]
        );
        assert_eq!(lines(&last, None)[0], "`search`: 70 % of the CPU time.");
        assert!(lines(&CpuProfile::default(), None).is_empty());
    }

    #[test]
    fn the_standard_library_works_for_others() {
        let of_std = [
            "core::iter::traits::iterator::Iterator::fold",
            "<u64 as core::iter::traits::accum::Sum>::sum::{{closure}}",
            "<core::ops::range::Range<T> as core::iter::range::RangeIteratorImpl>::spec_next",
            "<&mut std::vec::Vec<T> as core::ops::Index>::index",
        ];
        let others = ["shop::search", "<shop::Cart as core::fmt::Display>::fmt", "memcpy", "main"];
        assert!(of_std.iter().all(|name| is_of_std(name)) && !others.iter().any(|name| is_of_std(name)));
    }
}
