//! What the command line asks a program with operations for.

use std::env;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::snapshot::{read_json, write_json};

/// The variable that has the request. Arguments would not reach a program with the test harness.
pub const REQUEST: &str = "PERF_BENCH";

/// Of requests and answers. A program that was built with another one says so.
pub const VERSION: u32 = 1;

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Task {
    /// Name the operations.
    List,
    /// Count calls and allocations.
    Counts,
    /// Run the operations within the function at which callgrind counts.
    Instructions,
    /// Time batches of operations.
    Times,
}

/// One request, for one operation in a process of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// [`VERSION`].
    pub version: u32,
    /// What to do.
    pub task: Task,
    /// The operation's name; empty for [`Task::List`].
    pub operation: String,
    /// Operations before those that are measured.
    pub warm_up: u32,
    /// Measured operations, or those in a batch. 0: as many as last for `batch_ns`.
    pub iterations: u32,
    /// Timed batches.
    pub batches: u32,
    /// How long a batch lasts at least, where `iterations` is 0.
    pub batch_ns: u64,
    /// The file for the answer.
    pub answer: String,
}

impl Request {
    /// A request that leaves all to the program.
    pub fn new(task: Task, operation: &str, answer: &Path) -> Self {
        Self {
            version: VERSION,
            task,
            operation: operation.to_owned(),
            warm_up: 0,
            iterations: 0,
            batches: 0,
            batch_ns: 0,
            answer: answer.to_string_lossy().into_owned(),
        }
    }

    /// The value of the variable [`REQUEST`].
    pub fn to_text(&self) -> String {
        let mut bytes = Vec::new();
        // A vector takes everything, and the request has only numbers and texts.
        let _ = write_json(self, &mut bytes);
        String::from_utf8_lossy(&bytes).trim_end().to_owned()
    }

    /// The request in the environment. `None` if there is none.
    pub(super) fn of_environment() -> Result<Option<Self>, String> {
        let Some(text) = env::var_os(REQUEST) else { return Ok(None) };
        Self::of_text(&text.to_string_lossy()).map(Some)
    }

    fn of_text(text: &str) -> Result<Self, String> {
        let wrong = |problem: String| format!("{REQUEST}={text:?} is no request of `perf-sdk check`: {problem}");
        let request: Self = read_json(text.as_bytes()).map_err(wrong)?;
        if request.version != VERSION {
            return Err(wrong(format!(
                "its version is {}, and this program was built for {VERSION}; use the command line of the library's version",
                request.version
            )));
        }
        Ok(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_read_as_it_was_written() {
        let request = Request { iterations: 64, ..Request::new(Task::Counts, "a \"b\" → c", Path::new("/x y/z")) };
        assert_eq!(Request::of_text(&request.to_text()), Ok(request));
    }

    #[test]
    fn other_texts_and_versions_are_refused_with_what_they_are() {
        let error = Request::of_text("yes").unwrap_err();
        assert!(error.contains("PERF_BENCH=\"yes\""), "{error}");
        let newer = Request { version: VERSION + 1, ..Request::new(Task::List, "", Path::new("x")) };
        let error = Request::of_text(&newer.to_text()).unwrap_err();
        assert!(error.contains("its version is 2, and this program was built for 1"), "{error}");
    }
}
