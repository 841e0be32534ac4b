//! The operations of a program, and what is done with them.

use std::fmt::Write as _;
use std::hint::black_box;
use std::path::Path;
use std::process::ExitCode;

use super::answer::{Answer, Counts};
use super::request::{Request, Task};
use super::{counting, instructions, timing};

/// Operations before those that are counted, where nobody says how many.
const WARM_UP: u32 = 16;
/// Operations that are counted, where nobody says how many.
const ITERATIONS: u32 = 64;
/// The status of a program that was asked for what it does not have.
const WRONG_REQUEST: u8 = 2;

/// The operations of a program, for `perf-sdk check` and `perf-sdk bench`.
///
/// An operation is what the gate speaks of: one request, one parsed file. It does the same each
/// time that it is called, on the thread that calls it; what it needs is made before. For async
/// code, the closure blocks on a runtime of one thread.
///
/// ```
/// # #[global_allocator]
/// # static ALLOC: perf_sdk::Alloc = perf_sdk::Alloc::new();
/// use perf_sdk::bench::Bench;
///
/// # fn main() {
/// // In a `#[test]`, alone in its file of `tests/`.
/// let words = vec!["b", "a"];
/// let mut bench = Bench::new();
/// bench.operation("sort", || {
///     let mut words = words.clone();
///     words.sort();
///     words
/// });
/// bench.test();
/// # }
/// ```
///
/// **Blind spots.** What an operation has other threads do is not counted; the time until they are
/// done is measured. The profiler must not be started in such a program: its budget would have
/// calls measured on a sample.
#[derive(Default)]
pub struct Bench<'a> {
    operations: Vec<Operation<'a>>,
}

struct Operation<'a> {
    name: &'static str,
    call: Box<dyn FnMut() + 'a>,
}

impl std::fmt::Debug for Bench<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.operations.iter().map(|operation| operation.name)).finish()
    }
}

impl<'a> Bench<'a> {
    /// Without operations.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an operation. The compiler must assume that what it returns is used.
    ///
    /// # Panics
    /// If the name is empty, has a line break, or is that of another operation.
    pub fn operation<R>(&mut self, name: &str, mut call: impl FnMut() -> R + 'a) -> &mut Self {
        assert!(
            !name.is_empty() && !name.contains(char::is_control),
            "{name:?} is no name of an operation: allowed is any text that is not empty and has no line break"
        );
        assert!(
            self.operations.iter().all(|operation| operation.name != name),
            "two operations are called {name:?}: give each a name of its own"
        );
        let call = Box::new(move || {
            black_box(call());
        });
        // A name of the call tree lives as long as the program.
        self.operations.push(Operation { name: String::from(name).leak(), call });
        self
    }

    /// Does what `perf-sdk check` asks for, for a `main` that ends with it. Without being asked, it
    /// counts all operations, and prints a table.
    ///
    /// The arguments of the program are not read: `cargo bench` adds some.
    pub fn run(mut self) -> ExitCode {
        match self.answer_request() {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => {
                counting::measure_all();
                print!("{}", self.table());
                ExitCode::SUCCESS
            }
            Err(problem) => {
                eprintln!("perf-sdk: {problem}");
                ExitCode::from(WRONG_REQUEST)
            }
        }
    }

    /// Does what `perf-sdk check` asks for, in a `#[test]`. Without being asked, as under `cargo
    /// test`, it checks that each operation does the same each time.
    ///
    /// The test is alone in its program: tests beside it would run it for each request, too.
    ///
    /// # Panics
    /// If two counts of an operation differ; if a request is wrong.
    #[track_caller]
    pub fn test(mut self) {
        match self.answer_request() {
            Ok(true) => {}
            Ok(false) => {
                counting::measure_all();
                self.do_the_same();
            }
            Err(problem) => panic!("{problem}"),
        }
    }

    #[track_caller]
    fn do_the_same(&mut self) {
        for operation in &mut self.operations {
            let [one, other] = [(); 2].map(|()| operation.count(WARM_UP, ITERATIONS));
            assert!(
                one == other,
                "the operation {:?} does not do the same each time, so a gate cannot compare it:\n{}{}",
                operation.name,
                row(operation.name, &one),
                row("again", &other)
            );
        }
    }

    /// Whether there was a request.
    fn answer_request(&mut self) -> Result<bool, String> {
        let Some(request) = Request::of_environment()? else { return Ok(false) };
        counting::measure_all();
        let answer = self.answer(&request)?;
        let path = Path::new(&request.answer);
        answer.write(path).map_err(|error| format!("cannot write the answer to {}: {error}", path.display()))?;
        Ok(true)
    }

    fn answer(&mut self, request: &Request) -> Result<Answer, String> {
        let names: Vec<String> = self.operations.iter().map(|operation| operation.name.to_owned()).collect();
        let mut answer = Answer::new(names);
        if request.task == Task::List {
            return Ok(answer);
        }
        let known = self.operations.iter_mut().find(|operation| operation.name == request.operation);
        let Some(operation) = known else {
            return Err(format!(
                "no operation is called {:?}; this program has {}",
                request.operation,
                answer.operations.join(", ")
            ));
        };
        let (warm_up, iterations) = (request.warm_up, request.iterations);
        match request.task {
            Task::List => {}
            Task::Counts => answer.counts = Some(operation.count(warm_up, iterations)),
            Task::Instructions => instructions::run(&mut operation.call, warm_up, iterations),
            Task::Times => {
                let (batches, batch_ns) = (request.batches, request.batch_ns);
                let call = &mut operation.call;
                answer.times = Some(timing::time(operation.name, call, warm_up, iterations, batches, batch_ns));
            }
        }
        Ok(answer)
    }

    /// What all operations cost, by exact counts.
    fn table(&mut self) -> String {
        if self.operations.is_empty() {
            return "no operation: add some with Bench::operation\n".to_owned();
        }
        let mut text =
            String::from("operation, and what each takes; `perf-sdk check` compares it with another version\n");
        for operation in &mut self.operations {
            text += &row(operation.name, &operation.count(WARM_UP, ITERATIONS));
        }
        text
    }
}

impl Operation<'_> {
    fn count(&mut self, warm_up: u32, iterations: u32) -> Counts {
        counting::count(self.name, &mut self.call, warm_up, iterations)
    }
}

fn row(name: &str, counts: &Counts) -> String {
    let each = |sum: u64| sum as f64 / f64::from(counts.iterations.max(1));
    let calls = counts.tree.iter().map(|path| path.calls).sum();
    let mut text = format!("  {name}: {} profiled calls", each(calls));
    if counts.has_allocations {
        let _ = write!(
            text,
            ", {} allocations, {} bytes, {} reallocations",
            each(counts.allocations),
            each(counts.bytes),
            each(counts.reallocations)
        );
    } else {
        text += ", allocations not counted: the global allocator is none of perf-sdk's";
    }
    text + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_that_are_not_there_are_named() {
        let mut bench = Bench::new();
        bench.operation("one", || 1).operation("two", || 2);
        let error = bench.answer(&Request::new(Task::Counts, "three", Path::new("x"))).unwrap_err();
        assert_eq!(error, "no operation is called \"three\"; this program has one, two");
        let listed = bench.answer(&Request::new(Task::List, "", Path::new("x"))).unwrap();
        assert_eq!(listed.operations, ["one", "two"]);
    }

    #[test]
    #[should_panic(expected = "two operations are called \"one\"")]
    fn names_are_used_once() {
        Bench::new().operation("one", || ()).operation("one", || ());
    }

    #[test]
    #[should_panic(expected = "does not do the same each time")]
    fn an_operation_that_differs_is_no_operation() {
        let mut calls = 0_u32;
        let mut bench = Bench::new();
        bench.operation("differs", || {
            calls += 1;
            // Not in the first count, but in the second.
            if calls > WARM_UP + ITERATIONS {
                crate::record::measure("differs, later", || ());
            }
        });
        bench.do_the_same();
    }
}
