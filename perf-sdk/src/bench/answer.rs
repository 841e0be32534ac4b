//! What a program with operations answers.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Write as _};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::request::VERSION;
use crate::snapshot::{read_json, write_json};

/// The answer to one request.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// [`VERSION`].
    pub version: u32,
    /// All operations of the program, in the order in which they were added.
    pub operations: Vec<String>,
    /// What was counted.
    pub counts: Option<Counts>,
    /// What was timed.
    pub times: Option<Times>,
}

/// Exact counts of one operation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Operations that were counted. All figures are their sums.
    pub iterations: u32,
    /// Whether the program's global allocator counts. If not, all figures of memory are 0.
    pub has_allocations: bool,
    /// Allocations on the operation's thread.
    pub allocations: u64,
    /// Bytes requested on the operation's thread; a realloc counts its new size.
    pub bytes: u64,
    /// Reallocations on the operation's thread.
    pub reallocations: u64,
    /// Profiled functions by their path of callers, sorted by path.
    pub tree: Vec<PathCounts>,
}

/// A profiled function by its callers within the operation.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PathCounts {
    /// Full names, from the outermost to the function itself.
    pub path: Vec<String>,
    /// Finished calls.
    pub calls: u64,
    /// Allocations and bytes, without those of profiled callees. `None` where they are not exact,
    /// because the function is not measured in each call.
    pub own: Option<(u64, u64)>,
}

/// Times of one operation in one process.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Times {
    /// Operations in a batch.
    pub iterations: u32,
    /// Wall time of an operation in the fastest batch.
    pub wall_ns: f64,
    /// Profiled functions in the fastest batch, sorted by path.
    pub tree: Vec<PathTime>,
}

/// The time of a profiled function by its callers within the operation.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PathTime {
    /// Full names, from the outermost to the function itself.
    pub path: Vec<String>,
    /// Wall time in one operation, without that of profiled callees.
    pub wall_ns: f64,
}

impl Answer {
    pub(super) fn new(operations: Vec<String>) -> Self {
        Self { version: VERSION, operations, counts: None, times: None }
    }

    pub(super) fn write(&self, path: &Path) -> io::Result<()> {
        let mut file = BufWriter::new(File::create(path)?);
        write_json(self, &mut file)?;
        file.flush()
    }

    /// Reads an answer.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub fn read(path: &Path) -> Result<Self, String> {
        let file = File::open(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let answer: Self =
            read_json(BufReader::new(file)).map_err(|problem| format!("{}: {problem}", path.display()))?;
        if answer.version != VERSION {
            return Err(format!(
                "the program answers in version {}, and this command line reads {VERSION}: use the one of the program's library",
                answer.version
            ));
        }
        Ok(answer)
    }
}
