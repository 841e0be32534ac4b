//! What is compared, and how strictly.

use std::path::PathBuf;
use std::time::Duration;

use super::program::Program;

/// One of the two that are compared.
#[derive(Clone, Debug)]
pub(crate) enum Subject {
    Program(Program),
    /// A file that `perf-sdk bench --write` wrote.
    File(PathBuf),
}

impl Subject {
    pub(super) fn name(&self) -> String {
        match self {
            Self::Program(program) => program.path.display().to_string(),
            Self::File(path) => path.display().to_string(),
        }
    }
}

/// Whether instructions are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Instructions {
    /// Where valgrind is there.
    Auto,
    /// The check is inconclusive without valgrind.
    Required,
    Off,
}

/// Whether time is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Time {
    Off,
    /// A regression is shown.
    Advisory,
    /// A regression fails the check.
    Blocking,
}

/// How two versions are compared.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// Operations before those that are counted, and those that are counted.
    pub(crate) counted: (u32, u32),
    pub(crate) instructions: Instructions,
    /// The part by which instructions may grow.
    pub(crate) instruction_tolerance: f64,
    pub(crate) time: Time,
    /// The part by which time may grow.
    pub(crate) tolerance: f64,
    /// Pairs of processes.
    pub(crate) pairs: usize,
    /// The probability that a check of two equal versions fails by time.
    pub(crate) alpha: f64,
    /// How long a timed batch lasts at least, and how many a process has.
    pub(crate) batch: Duration,
    pub(crate) batches: u32,
    /// Parts of names of operations; empty: all.
    pub(crate) only: Vec<String>,
    /// Parts of names of operations and functions that may cost more.
    pub(crate) accepted: Vec<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            counted: (16, 64),
            instructions: Instructions::Auto,
            instruction_tolerance: 0.01,
            time: Time::Advisory,
            tolerance: 0.05,
            pairs: 31,
            alpha: 0.01,
            batch: Duration::from_millis(1),
            batches: 20,
            only: Vec::new(),
            accepted: Vec::new(),
        }
    }
}

impl Options {
    pub(super) fn wants(&self, operation: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|part| operation.contains(part))
    }

    pub(super) fn accepts(&self, operation: &str, function: Option<&str>) -> bool {
        let has = |text: &str| self.accepted.iter().any(|part| text.contains(part));
        has(operation) || function.is_some_and(has)
    }
}
