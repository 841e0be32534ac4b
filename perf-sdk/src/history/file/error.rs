//! Why there is no history in a file.

use std::fmt;
use std::io;

use super::record::VERSION;

/// What is wrong with the file, which is left as it is. The text is without the path.
#[derive(Debug)]
pub(crate) enum FileError {
    /// It is a folder, a device, a socket.
    NotAFile,
    /// It begins otherwise than a history.
    Foreign,
    /// Another version of this crate wrote it.
    Version { found: u32 },
    /// Another process writes it.
    Locked,
    /// The system refused something.
    System { doing: &'static str, source: io::Error },
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAFile => f.write_str("it is no regular file"),
            Self::Foreign => f.write_str("the file has other contents, and is left as it is"),
            Self::Version { found } => {
                write!(f, "it has version {found}, and this program reads versions 1 to {VERSION}")
            }
            Self::Locked => f.write_str("another process writes it, and each process needs a file of its own"),
            Self::System { doing, source } => write!(f, "{doing} failed: {source}"),
        }
    }
}

impl From<FileError> for io::Error {
    fn from(error: FileError) -> Self {
        let kind = match &error {
            FileError::NotAFile => io::ErrorKind::InvalidInput,
            FileError::Foreign | FileError::Version { .. } => io::ErrorKind::InvalidData,
            FileError::Locked => io::ErrorKind::WouldBlock,
            FileError::System { source, .. } => source.kind(),
        };
        Self::new(kind, error.to_string())
    }
}
