//! Both call trees of an operation in one drawing, as a patch shows both versions of a text.

use std::collections::{BTreeMap, BTreeSet};

use super::baseline::{ARROW, Function, Operation};
use super::verdict::Drawing;

/// Draws the call trees by exact counts: functions that changed, with those that call them. `None`
/// where nothing changed.
pub(super) fn of_counts(name: &str, base: &Operation, head: &Operation) -> Option<Drawing> {
    let (was, now) = (labels(base), labels(head));
    let changed = was.keys().chain(now.keys()).filter(|path| was.get(*path) != now.get(*path));
    draw(name, &was, &now, &changed.cloned().collect())
}

/// Draws the call trees by own time, where a function takes more or less by the tolerance, and
/// that is at least a hundredth of all.
pub(super) fn of_times(name: &str, tree: &BTreeMap<Vec<String>, [f64; 2]>, tolerance: f64) -> Option<Drawing> {
    let whole: f64 = tree.values().map(|times| times[0]).sum();
    let label = |side: usize| -> BTreeMap<String, String> {
        let there = tree.iter().filter(|(_, times)| times[side] > 0.0);
        there.map(|(path, times)| (path.join(ARROW), format!("own time {:.0} ns", times[side]))).collect()
    };
    let is_changed = |times: &[f64; 2]| {
        let difference = (times[1] - times[0]).abs();
        difference > tolerance * times[0] && difference >= whole / 100.0
    };
    let changed = tree.iter().filter(|(_, times)| is_changed(times)).map(|(path, _)| path.join(ARROW));
    draw(name, &label(0), &label(1), &changed.collect())
}

/// What is said of each function.
fn labels(operation: &Operation) -> BTreeMap<String, String> {
    let label = |function: &Function| {
        let calls = format!("{} calls", operation.each(function.calls[0]));
        match (&function.own, &operation.memory) {
            (Some([allocations, bytes]), Some(_)) => {
                let (allocations, bytes) = (operation.each(allocations[0]), operation.each(bytes[0]));
                format!("{calls}, own: {allocations} allocations, {bytes} bytes")
            }
            _ => calls,
        }
    };
    operation.functions.iter().map(|(path, function)| (path.clone(), label(function))).collect()
}

fn draw(
    name: &str,
    was: &BTreeMap<String, String>,
    now: &BTreeMap<String, String>,
    changed: &BTreeSet<String>,
) -> Option<Drawing> {
    if changed.is_empty() {
        return None;
    }
    let paths: BTreeSet<&String> = was.keys().chain(now.keys()).collect();
    // As vectors of names, so that callees come right behind their caller.
    let mut paths: Vec<Vec<&str>> = paths.into_iter().map(|path| path.split(ARROW).collect()).collect();
    paths.sort();
    let mut lines = Vec::new();
    for parts in paths {
        let path = parts.join(ARROW);
        let below = format!("{path}{ARROW}");
        let (indent, function) = ("  ".repeat(parts.len() - 1), parts.last().copied().unwrap_or_default());
        if changed.contains(&path) {
            for (mark, label) in [('-', was.get(&path)), ('+', now.get(&path))] {
                lines.extend(label.map(|label| format!("{mark} {indent}{function}: {label}")));
            }
        } else if changed.iter().any(|changed| changed.starts_with(&below)) {
            let label = now.get(&path).or(was.get(&path)).map_or("", String::as_str);
            lines.push(format!("  {indent}{function}: {label}"));
        }
    }
    Some(Drawing { operation: name.to_owned(), lines })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operation(functions: &[(&str, u64, u64)]) -> Operation {
        let function = |(path, calls, allocations): &(&str, u64, u64)| {
            let own = Some([[*allocations; 2], [allocations * 8; 2]]);
            ((*path).to_owned(), Function { calls: [*calls; 2], own })
        };
        let functions = functions.iter().map(function).collect();
        Operation { iterations: 1, memory: Some([[0, 0]; 3]), functions, ..Operation::default() }
    }

    #[test]
    fn what_changed_stands_below_what_calls_it() {
        let base = operation(&[("a", 1, 0), ("a → b", 2, 1), ("a → c", 1, 0), ("a b", 1, 0), ("z", 1, 0)]);
        let head = operation(&[("a", 1, 0), ("a → b", 2, 2), ("a → b → d", 1, 0), ("a b", 1, 0), ("z", 1, 0)]);
        let expected = [
            "  a: 1 calls, own: 0 allocations, 0 bytes",
            "-   b: 2 calls, own: 1 allocations, 8 bytes",
            "+   b: 2 calls, own: 2 allocations, 16 bytes",
            "+     d: 1 calls, own: 0 allocations, 0 bytes",
            "-   c: 1 calls, own: 0 allocations, 0 bytes",
        ];
        assert_eq!(of_counts("op", &base, &head).unwrap().lines, expected);
        assert!(of_counts("op", &base, &base).is_none());
    }

    #[test]
    fn times_are_drawn_where_they_differ() {
        let path = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let tree = [
            (path(&["a"]), [100.0, 101.0]),
            (path(&["a", "b"]), [100.0, 140.0]),
            (path(&["a", "tiny"]), [0.1, 0.3]),
            (path(&["new"]), [0.0, 50.0]),
        ];
        let drawing = of_times("op", &tree.into(), 0.05).unwrap();
        let expected =
            ["  a: own time 101 ns", "-   b: own time 100 ns", "+   b: own time 140 ns", "+ new: own time 50 ns"];
        assert_eq!(drawing.lines, expected);
    }
}
