//! Errors of snapshot files.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why a snapshot was not written or read. The message contains the file's path.
#[non_exhaustive]
pub enum FileError {
    /// The file could not be opened, read or written.
    Io {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The file is not a snapshot.
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where in the file.
        problem: String,
    },
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { path, source } => write!(f, "snapshot {}: {source}", path.display()),
            Self::Format { path, problem } => {
                write!(f, "{} is not a snapshot written by Snapshot::write_to: {problem}", path.display())
            }
        }
    }
}

/// The same text as `Display`, so that `unwrap()` and `main` print it too.
impl fmt::Debug for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for FileError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            Self::Format { .. } => None,
        }
    }
}
