//! Why there is no history in a file.

use std::fmt;
use std::io;
use std::path::PathBuf;

use super::record::VERSION;

/// The file is left as it is, and the history is in memory only.
#[derive(Debug)]
#[non_exhaustive]
pub(crate) enum FileError {
    /// It is a folder, a device, a socket.
    NotAFile { path: PathBuf },
    /// It begins otherwise than a history.
    Foreign { path: PathBuf },
    /// Another version of this crate wrote it.
    Version { path: PathBuf, found: u32 },
    /// Another process writes it.
    Locked { path: PathBuf },
    /// The system refused something.
    System { path: PathBuf, doing: &'static str, source: io::Error },
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAFile { path } => {
                write!(
                    f,
                    "the history cannot be kept in {}: it is no regular file; name a file, which may be new",
                    path.display()
                )
            }
            Self::Foreign { path } => write!(
                f,
                "the history cannot be kept in {}: the file has other contents, and is left as it is; name another file",
                path.display()
            ),
            Self::Version { path, found } => write!(
                f,
                "the history in {} has version {found}, and this program reads version {VERSION}; name another file, or remove it",
                path.display()
            ),
            Self::Locked { path } => write!(
                f,
                "the history in {} is written by another process; give each process a file of its own",
                path.display()
            ),
            Self::System { path, doing, source } => {
                write!(f, "the history cannot be kept in {}: {doing} failed: {source}", path.display())
            }
        }
    }
}

impl std::error::Error for FileError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::System { source, .. } => Some(source),
            _ => None,
        }
    }
}
