//! Tier 1: exact counts.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use super::baseline::{Function, Operation, Sum};
use super::options::Options;
use super::verdict::{Comparison, Verdict};

const MEMORY: [&str; 3] = ["allocations", "bytes", "reallocations"];

/// All figures of an operation, and those of functions that changed.
pub(super) fn compare(name: &str, base: &Operation, head: &Operation, options: &Options) -> Vec<Comparison> {
    let calls = |operation: &Operation| {
        operation.functions.values().fold([0, 0], |all, function| [0, 1].map(|at| all[at] + function.calls[at]))
    };
    let mut all = vec![judged(name, None, "calls", [base, head], [calls(base), calls(head)], options)];
    match (&base.memory, &head.memory) {
        (Some(was), Some(now)) => {
            let figures = MEMORY.into_iter().zip(was.iter().zip(now));
            all.extend(
                figures.map(|(figure, (was, now))| judged(name, None, figure, [base, head], [*was, *now], options)),
            );
        }
        (None, None) => all.push(
            Comparison::new(name, MEMORY[0], None, None)
                .with(Verdict::Pass, "not counted: the global allocator is none of perf-sdk's"),
        ),
        (was, _) => {
            let side = if was.is_some() { "head" } else { "the base" };
            let note = format!("not counted in {side}: its global allocator is none of perf-sdk's");
            all.push(Comparison::new(name, MEMORY[0], None, None).with(Verdict::Inconclusive, note));
        }
    }
    let paths: BTreeSet<&String> = base.functions.keys().chain(head.functions.keys()).collect();
    for path in paths {
        let (was, now) = (base.functions.get(path), head.functions.get(path));
        all.extend(functions(name, path, [base, head], [was, now], options));
    }
    all
}

/// What changed of one function.
fn functions(
    name: &str,
    path: &str,
    operations: [&Operation; 2],
    functions: [Option<&Function>; 2],
    options: &Options,
) -> Vec<Comparison> {
    let calls = functions.map(|function| function.map_or([0, 0], |function| function.calls));
    let mut figures = vec![("calls", calls)];
    // One that is new may have figures of memory that are not exact.
    let own = functions.map(|function| function.map_or(Some([[0, 0]; 2]), |function| function.own));
    let counts = operations.iter().all(|operation| operation.memory.is_some());
    if let [Some(was), Some(now)] = own
        && counts
    {
        figures.extend([("allocations", [was[0], now[0]]), ("bytes", [was[1], now[1]])]);
    }
    let compared = figures.into_iter().map(|(figure, sums)| {
        let mut comparison = judged(name, Some(path), figure, operations, sums, options);
        if comparison.note.is_empty() {
            comparison.note = match functions {
                [None, _] => "new in the call tree".to_owned(),
                [_, None] => "no longer in the call tree".to_owned(),
                _ => String::new(),
            };
        }
        comparison
    });
    // The whole operation says that it is unsteady.
    compared.filter(|comparison| !matches!(comparison.verdict, Verdict::Pass | Verdict::Inconclusive)).collect()
}

fn judged(
    name: &str,
    function: Option<&str>,
    figure: &'static str,
    operations: [&Operation; 2],
    sums: [Sum; 2],
    options: &Options,
) -> Comparison {
    let [was, now] = sums;
    let [base, head] = operations;
    let comparison = Comparison::new(name, figure, Some(base.each(was[0])), Some(head.each(now[0])));
    let comparison = Comparison { function: function.map(str::to_owned), ..comparison };
    if was[0] != was[1] || now[0] != now[1] {
        let [was, now] = [(base, was), (head, now)].map(|(operation, sum)| {
            let [least, most] = sum.map(|sum| operation.each(sum));
            if least == most { least.to_string() } else { format!("{least} to {most}") }
        });
        let note = format!("differs from process to process: base {was}, head {now}");
        return comparison.with(Verdict::Inconclusive, note);
    }
    match now[0].cmp(&was[0]) {
        Ordering::Equal => comparison,
        Ordering::Less => comparison.with(Verdict::Improved, ""),
        Ordering::Greater if options.accepts(name, function) => comparison.with(Verdict::Accepted, "accepted"),
        Ordering::Greater => comparison.with(Verdict::Regression, ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operation(allocations: Sum, calls: &[(&str, u64, u64)]) -> Operation {
        let function = |(path, calls, allocations): &(&str, u64, u64)| {
            let own = Some([[*allocations; 2], [allocations * 16; 2]]);
            ((*path).to_owned(), Function { calls: [*calls; 2], own })
        };
        Operation {
            warm_up: 1,
            iterations: 4,
            memory: Some([allocations, [64, 64], [0, 0]]),
            functions: calls.iter().map(function).collect(),
            instructions: None,
        }
    }

    fn seen(base: &Operation, head: &Operation, options: &Options) -> Vec<String> {
        let changed = |comparison: &Comparison| comparison.verdict != Verdict::Pass;
        let text = |comparison: Comparison| {
            let (base, head) = (comparison.base.unwrap_or(-1.0), comparison.head.unwrap_or(-1.0));
            let Comparison { figure, verdict, ref note, .. } = comparison;
            format!("{}: {figure} {base} {head} {} {note}", comparison.subject(), verdict.name()).trim_end().to_owned()
        };
        compare("op", base, head, options).into_iter().filter(changed).map(text).collect()
    }

    #[test]
    fn one_more_allocation_is_named_with_its_function() {
        let base = operation([8, 8], &[("a", 4, 4), ("a → b", 8, 4)]);
        let head = operation([12, 12], &[("a", 4, 4), ("a → b", 8, 8)]);
        let expected = [
            "the operation: allocations 2 3 regression",
            "a → b: allocations 1 2 regression",
            "a → b: bytes 16 32 regression",
        ];
        assert_eq!(seen(&base, &head, &Options::default()), expected);
        let accepted = Options { accepted: vec!["a → b".to_owned()], ..Options::default() };
        assert_eq!(seen(&base, &head, &accepted)[1], "a → b: allocations 1 2 accepted accepted");
        let all = Options { accepted: vec!["op".to_owned()], ..Options::default() };
        assert!(seen(&base, &head, &all).iter().all(|line| line.ends_with("accepted")));
        assert!(seen(&head, &base, &Options::default()).iter().all(|line| line.ends_with("improved")));
        assert!(seen(&base, &base, &Options::default()).is_empty());
    }

    #[test]
    fn another_shape_of_the_call_tree_is_a_change() {
        let base = operation([8, 8], &[("a", 4, 0), ("a → b", 4, 0)]);
        let head = operation([8, 8], &[("a", 4, 0), ("b", 4, 0)]);
        let expected =
            ["a → b: calls 1 0 improved no longer in the call tree", "b: calls 0 1 regression new in the call tree"];
        assert_eq!(seen(&base, &head, &Options::default()), expected);
    }

    #[test]
    fn what_differs_from_process_to_process_is_inconclusive() {
        let (base, head) = (operation([8, 9], &[]), operation([12, 12], &[]));
        let options = Options::default();
        let note = "differs from process to process: base 2 to 2.25, head 3";
        assert_eq!(seen(&base, &head, &options), [format!("the operation: allocations 2 3 inconclusive {note}")]);
        assert_eq!(seen(&base, &base, &options).len(), 1);
    }

    #[test]
    fn an_allocator_that_counts_on_one_side_only_is_said() {
        let counted = operation([8, 8], &[]);
        let bare = Operation { memory: None, ..counted.clone() };
        let options = Options::default();
        assert!(seen(&counted, &bare, &options)[0].contains("not counted in head"));
        assert!(seen(&bare, &counted, &options)[0].contains("not counted in the base"));
        assert!(seen(&bare, &bare, &options).is_empty());
    }
}
