//! Counts of operations, as a program gives them and as a file keeps them.
//!
//! The file is TOML with one line for each function, so that a reader of a diff sees what changed.
//! Its figures are those of one operation; sums follow from the number of iterations.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use perf_sdk::bench::Counts;
use serde_json::json;
use toml_span::value::{Table, ValueInner};
use toml_span::{Error, ErrorKind, Value};

/// Of files.
const VERSION: i64 = 1;
/// Between the functions of a path.
pub(super) const ARROW: &str = " → ";
const HEAD: &str = "\
# What operations cost, counted exactly. Figures are those of one operation.
# `perf-sdk bench --write` writes this file, `perf-sdk check` compares with it.
";

/// A sum over all counted operations, in the process with the least and in that with the most: the
/// same where an operation does the same each time.
pub(super) type Sum = [u64; 2];

/// Counts of one operation.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Operation {
    pub(super) warm_up: u32,
    pub(super) iterations: u32,
    /// Allocations, bytes, reallocations. `None` without an allocator that counts.
    pub(super) memory: Option<[Sum; 3]>,
    /// By path.
    pub(super) functions: BTreeMap<String, Function>,
    /// Instructions of one operation.
    pub(super) instructions: Option<f64>,
}

/// Counts of one function by its callers.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Function {
    pub(super) calls: Sum,
    /// Allocations and bytes, without callees. `None` where they are not exact.
    pub(super) own: Option<[Sum; 2]>,
}

/// Counts of all operations of a program.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Baseline {
    pub(super) operations: BTreeMap<String, Operation>,
}

fn sum(one: u64, other: u64) -> Sum {
    [one.min(other), one.max(other)]
}

impl Operation {
    /// Of two processes.
    pub(super) fn of(warm_up: u32, rounds: &[Counts; 2]) -> Self {
        let [one, other] = rounds;
        let memory = [
            sum(one.allocations, other.allocations),
            sum(one.bytes, other.bytes),
            sum(one.reallocations, other.reallocations),
        ];
        let path =
            |path: &[String]| path.iter().map(|name| name.replace(ARROW, " -> ")).collect::<Vec<_>>().join(ARROW);
        let [one_tree, other_tree] = rounds.each_ref().map(|counts| -> BTreeMap<String, _> {
            counts.tree.iter().map(|counts| (path(&counts.path), (counts.calls, counts.own))).collect()
        });
        let paths: BTreeSet<&String> = one_tree.keys().chain(other_tree.keys()).collect();
        let functions = paths.into_iter().map(|path| {
            let absent = (0, Some((0, 0)));
            let [one, other] = [&one_tree, &other_tree].map(|tree| tree.get(path).copied().unwrap_or(absent));
            let own = one.1.zip(other.1).map(|(one, other)| [sum(one.0, other.0), sum(one.1, other.1)]);
            (path.clone(), Function { calls: sum(one.0, other.0), own })
        });
        Self {
            warm_up,
            iterations: one.iterations,
            memory: (one.has_allocations && other.has_allocations).then_some(memory),
            functions: functions.collect(),
            instructions: None,
        }
    }

    /// With a further look at the same operation: sums become wider where it differs.
    pub(super) fn widened(mut self, other: &Self) -> Self {
        let wider = |sum: &mut Sum, other: Sum| *sum = [sum[0].min(other[0]), sum[1].max(other[1])];
        if let (Some(ours), Some(theirs)) = (&mut self.memory, &other.memory) {
            ours.iter_mut().zip(theirs).for_each(|(ours, theirs)| wider(ours, *theirs));
        }
        let absent = Function { calls: [0, 0], own: Some([[0, 0]; 2]) };
        for path in other.functions.keys() {
            self.functions.entry(path.clone()).or_insert(absent);
        }
        for (path, ours) in &mut self.functions {
            let theirs = other.functions.get(path).copied().unwrap_or(absent);
            wider(&mut ours.calls, theirs.calls);
            ours.own = ours.own.zip(theirs.own).map(|(mut ours, theirs)| {
                ours.iter_mut().zip(theirs).for_each(|(ours, theirs)| wider(ours, theirs));
                ours
            });
        }
        self
    }

    pub(super) fn each(&self, sum: u64) -> f64 {
        sum as f64 / f64::from(self.iterations.max(1))
    }

    /// Whether both rounds were the same.
    fn is_steady(&self) -> bool {
        let is_one = |sum: &Sum| sum[0] == sum[1];
        self.memory.iter().flatten().all(is_one)
            && self
                .functions
                .values()
                .all(|function| is_one(&function.calls) && function.own.iter().flatten().all(is_one))
    }
}

impl Baseline {
    /// Operations that differ from process to process, which a file cannot keep.
    pub(crate) fn unsteady(&self) -> Vec<&str> {
        let unsteady = self.operations.iter().filter(|(_, operation)| !operation.is_steady());
        unsteady.map(|(name, _)| name.as_str()).collect()
    }

    /// As a file.
    pub(crate) fn to_toml(&self) -> String {
        let mut text = format!("{HEAD}version = {VERSION}\n");
        for (name, operation) in &self.operations {
            let name = quoted(name);
            let each = |sum: &Sum| operation.each(sum[0]);
            let _ = write!(
                text,
                "\n[operation.{name}]\nwarm_up = {}\niterations = {}\n",
                operation.warm_up, operation.iterations
            );
            if let Some(memory) = &operation.memory {
                for (figure, sum) in ["allocations", "bytes", "reallocations"].into_iter().zip(memory) {
                    let _ = writeln!(text, "{figure} = {}", each(sum));
                }
            }
            if let Some(instructions) = operation.instructions {
                let _ = writeln!(text, "instructions = {instructions:.1}");
            }
            let _ = writeln!(text, "\n[operation.{name}.functions]");
            for (path, function) in &operation.functions {
                let _ = write!(text, "{} = {{ calls = {}", quoted(path), each(&function.calls));
                if let Some([allocations, bytes]) = &function.own {
                    let _ = write!(text, ", allocations = {}, bytes = {}", each(allocations), each(bytes));
                }
                text += " }\n";
            }
        }
        text
    }

    /// As data: figures of one operation, of the process with the least.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        let operation = |(name, operation): (&String, &Operation)| {
            let each = |sum: Sum| operation.each(sum[0]);
            let memory = operation.memory.map(|memory| memory.map(each));
            let function = |(path, function): (&String, &Function)| {
                let own = function.own.map(|own| own.map(each));
                json!({
                    "path": path,
                    "calls": each(function.calls),
                    "allocations": own.map(|own| own[0]),
                    "bytes": own.map(|own| own[1]),
                })
            };
            json!({
                "name": name,
                "steady": operation.is_steady(),
                "allocations": memory.map(|memory| memory[0]),
                "bytes": memory.map(|memory| memory[1]),
                "reallocations": memory.map(|memory| memory[2]),
                "instructions": operation.instructions,
                "functions": operation.functions.iter().map(function).collect::<Vec<_>>(),
            })
        };
        json!({ "operations": self.operations.iter().map(operation).collect::<Vec<_>>() })
    }

    /// Reads a file, and says what is wrong with it and where.
    pub(crate) fn read(path: &Path) -> Result<Self, String> {
        let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        Self::of_toml(&text).map_err(|(problem, offset)| {
            let line = text.get(..offset).map_or(1, |before| before.matches('\n').count() + 1);
            format!("{}: line {line}: {problem}", path.display())
        })
    }

    /// The operations, or a problem and its place.
    fn of_toml(text: &str) -> Result<Self, (String, usize)> {
        let wrong = |error: Error| (error.kind.to_string(), error.span.start);
        let mut root = toml_span::parse(text).map_err(wrong)?;
        let start = root.span.start;
        let mut root = table(&mut root)?;
        match take(&mut root, "version", start)?.as_integer() {
            Some(VERSION) => {}
            other => {
                let other = other.map_or("no number".to_owned(), |other| other.to_string());
                return Err((format!("version is {other}; this command reads {VERSION}"), start));
            }
        }
        let mut operations = BTreeMap::new();
        if let Some(mut all) = root.remove("operation") {
            for (name, mut value) in table(&mut all)? {
                operations.insert(name.name.to_string(), operation(&mut value)?);
            }
        }
        Ok(Self { operations })
    }
}

type Read<T> = Result<T, (String, usize)>;

fn table<'de>(value: &mut Value<'de>) -> Read<Table<'de>> {
    let at = value.span.start;
    match value.take() {
        ValueInner::Table(table) => Ok(table),
        other => {
            let kind = ErrorKind::Wanted { expected: "a table", found: other.type_str() };
            Err((kind.to_string(), at))
        }
    }
}

fn take<'de>(table: &mut Table<'de>, key: &str, at: usize) -> Read<Value<'de>> {
    table.remove(key).ok_or_else(|| (format!("{key} is missing"), at))
}

fn number(value: &Value<'_>, key: &str) -> Read<f64> {
    let number = value.as_float().or_else(|| value.as_integer().map(|whole| whole as f64));
    number.filter(|number| *number >= 0.0 && number.is_finite()).ok_or_else(|| {
        (format!("{key} is {}; allowed is a number of 0 or more", value.as_ref().type_str()), value.span.start)
    })
}

fn operation(value: &mut Value<'_>) -> Read<Operation> {
    let at = value.span.start;
    let mut fields = table(value)?;
    let mut count = |key: &str, least: u32| {
        let value = take(&mut fields, key, at)?;
        let count = value.as_integer().and_then(|count| u32::try_from(count).ok()).filter(|count| *count >= least);
        count.ok_or_else(|| (format!("{key}: allowed is a whole number from {least} on"), value.span.start))
    };
    let (warm_up, iterations) = (count("warm_up", 0)?, count("iterations", 1)?);
    let sum = |value: &Value<'_>, key: &str| -> Read<Sum> {
        let sum = (number(value, key)? * f64::from(iterations)).round() as u64;
        Ok([sum, sum])
    };
    let mut memory = [None; 3];
    for (key, memory) in ["allocations", "bytes", "reallocations"].into_iter().zip(&mut memory) {
        if let Some(value) = fields.remove(key) {
            *memory = Some(sum(&value, key)?);
        }
    }
    let memory = match memory {
        [Some(allocations), Some(bytes), Some(reallocations)] => Some([allocations, bytes, reallocations]),
        [None, None, None] => None,
        _ => return Err(("of allocations, bytes and reallocations only some are there".to_owned(), at)),
    };
    let instructions = fields.remove("instructions").map(|value| number(&value, "instructions")).transpose()?;
    let mut functions = BTreeMap::new();
    if let Some(mut all) = fields.remove("functions") {
        for (path, mut value) in table(&mut all)? {
            let at = value.span.start;
            let mut fields = table(&mut value)?;
            let calls = sum(&take(&mut fields, "calls", at)?, "calls")?;
            let mut own = |key: &str| fields.remove(key).map(|value| sum(&value, key)).transpose();
            let own = own("allocations")?.zip(own("bytes")?).map(|(allocations, bytes)| [allocations, bytes]);
            known(&fields)?;
            functions.insert(path.name.to_string(), Function { calls, own });
        }
    }
    known(&fields)?;
    Ok(Operation { warm_up, iterations, memory, functions, instructions })
}

/// What is left over has a name that nobody knows.
fn known(fields: &Table<'_>) -> Read<()> {
    match fields.keys().next() {
        Some(key) => Err((format!("{:?} is no key of this table", key.name), key.span.start)),
        None => Ok(()),
    }
}

/// A basic string of TOML.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for char in text.chars() {
        match char {
            '"' | '\\' => quoted.extend(['\\', char]),
            char if char.is_control() => {
                let _ = write!(quoted, "\\U{:08X}", u32::from(char));
            }
            char => quoted.push(char),
        }
    }
    quoted + "\""
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Baseline {
        let function = Function { calls: [192, 192], own: Some([[64, 64], [3_072, 3_072]]) };
        let sampled = Function { calls: [65, 65], own: None };
        let operation = Operation {
            warm_up: 16,
            iterations: 64,
            memory: Some([[65, 65], [1_000, 1_000], [0, 0]]),
            functions: [
                ("app::Shop<T>::order".to_owned(), function),
                (format!("app::Shop<T>::order{ARROW}app::a \"quoted\\\" name\u{7}"), sampled),
            ]
            .into(),
            instructions: Some(1_234.5),
        };
        let bare = Operation { iterations: 3, functions: BTreeMap::new(), ..Operation::default() };
        Baseline { operations: [("an order, größer".to_owned(), operation), ("bare".to_owned(), bare)].into() }
    }

    #[test]
    fn a_file_is_read_as_it_was_written() {
        let text = example().to_toml();
        assert_eq!(Baseline::of_toml(&text), Ok(example()), "{text}");
        let line = "\"app::Shop<T>::order\" = { calls = 3, allocations = 1, bytes = 48 }\n";
        assert!(text.contains(line), "{text}");
        assert!(text.contains("\nallocations = 1.015625\n"), "{text}");
    }

    #[test]
    fn errors_say_what_and_where() {
        let error = |text: &str| {
            let (problem, offset) = Baseline::of_toml(text).unwrap_err();
            format!("{}: {problem}", text[..offset].matches('\n').count() + 1)
        };
        assert_eq!(error("version = 2"), "1: version is 2; this command reads 1");
        let some = "version = 1\n[operation.x]\nwarm_up = 0\n";
        assert_eq!(error(some), "2: iterations is missing");
        let none = format!("{some}iterations = 0\n");
        assert_eq!(error(&none), "4: iterations: allowed is a whole number from 1 on");
        let negative = format!("{some}iterations = 1\nallocations = -1\nbytes = 0\nreallocations = 0\n");
        assert_eq!(error(&negative), "5: allocations is integer; allowed is a number of 0 or more");
        let unknown = format!("{some}iterations = 1\nspeed = 3\n");
        assert_eq!(error(&unknown), "5: \"speed\" is no key of this table");
        let partial = format!("{some}iterations = 1\nbytes = 3\n");
        assert!(error(&partial).ends_with("only some are there"));
    }

    #[test]
    fn what_differs_from_process_to_process_is_named() {
        let counts = |allocations| Counts { iterations: 4, has_allocations: true, allocations, ..Counts::default() };
        let of = |one, other| Operation::of(1, &[counts(one), counts(other)]);
        let operations = [("steady".to_owned(), of(8, 8)), ("unsteady".to_owned(), of(9, 8))].into();
        let baseline = Baseline { operations };
        assert_eq!(baseline.unsteady(), ["unsteady"]);
        assert_eq!(baseline.operations["unsteady"].memory.unwrap()[0], [8, 9]);
        assert_eq!(of(8, 8).widened(&of(6, 9)).memory.unwrap()[0], [6, 9]);
        let called = Function { calls: [4, 4], own: None };
        let mut other = of(8, 8);
        other.functions.insert("a".to_owned(), called);
        assert_eq!(of(8, 8).widened(&other).functions["a"].calls, [0, 4]);
        assert_eq!(other.clone().widened(&of(8, 8)).functions["a"].calls, [0, 4]);
        assert_eq!(other.clone().widened(&other), other);
    }
}
