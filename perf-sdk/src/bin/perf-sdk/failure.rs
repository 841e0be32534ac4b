//! How a subcommand ends.

use std::fmt;
use std::io;
use std::process::ExitCode;

/// The exit status of a subcommand that could do its work, for scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// It is as it ought to be, or was done.
    Well,
    /// It is not as it ought to be: a target is missed, an alert fires.
    Unwell,
    /// The arguments are wrong, or the work could not be done.
    Failed,
    /// Too little is known for an answer.
    Unknown,
    /// The status of a program that was run.
    Of(u8),
}

impl Status {
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Well => 0,
            Self::Unwell => 1,
            Self::Failed => 2,
            Self::Unknown => 3,
            Self::Of(code) => code,
        }
    }
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        Self::from(status.code())
    }
}

/// Why a subcommand could not do its work.
#[derive(Debug)]
pub(crate) enum Failure {
    /// What happened, where, what is allowed, and what to do.
    Said(String),
    /// Whoever reads stdout has gone, as `head` does. Nobody is told.
    Closed,
}

pub(crate) type Outcome = Result<Status, Failure>;

/// An error with this text.
pub(crate) fn said<T>(text: impl fmt::Display) -> Result<T, Failure> {
    Err(Failure::Said(text.to_string()))
}

impl Failure {
    pub(crate) fn new(text: impl fmt::Display) -> Self {
        Self::Said(text.to_string())
    }

    /// Of a write to stdout.
    pub(crate) fn of_stdout(error: &io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Self::Closed
        } else {
            Self::Said(format!("cannot write to stdout: {error}"))
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Said(text) => f.write_str(text),
            Self::Closed => f.write_str("stdout is closed"),
        }
    }
}
