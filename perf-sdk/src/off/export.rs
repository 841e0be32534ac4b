//! Formats that need other crates: nothing is written.

use std::io::{self, Write};

use crate::export::Format;
use crate::snapshot::{FileError, Snapshot};

/// Writes no scrape.
#[derive(Debug, Default)]
pub struct Exposition(());

impl Exposition {
    /// One that writes nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Nothing.
    ///
    /// # Errors
    /// None.
    pub fn write(
        &self,
        _format: Format,
        _snapshot: &Snapshot,
        _user: Option<&str>,
        _to: &mut impl Write,
    ) -> io::Result<()> {
        Ok(())
    }
}

pub mod hlog {
    //! HDR logs.

    use super::{Snapshot, Write, io};

    /// Nothing.
    ///
    /// # Errors
    /// None.
    pub fn write(_snapshot: &Snapshot, _to: &mut impl Write) -> io::Result<()> {
        Ok(())
    }
}

pub mod json {
    //! JSON.

    use super::{Write, io};

    /// Nothing.
    ///
    /// # Errors
    /// None.
    pub fn write<T>(_value: &T, _to: &mut impl Write) -> io::Result<()> {
        Ok(())
    }
}

pub mod speedscope {
    //! Speedscope's format.

    use super::{Snapshot, Write, io};
    use crate::export::Weight;

    /// Nothing.
    ///
    /// # Errors
    /// None.
    pub fn write(
        _snapshot: &Snapshot,
        _weight: Weight,
        _function: Option<&str>,
        _to: &mut impl Write,
    ) -> io::Result<()> {
        Ok(())
    }
}

impl Snapshot {
    /// Nothing: no file appears.
    ///
    /// # Errors
    /// None.
    pub fn write_to(&self, _path: impl AsRef<std::path::Path>) -> Result<(), FileError> {
        Ok(())
    }

    /// Reads nothing.
    ///
    /// # Errors
    /// Always [`FileError::Io`]: unsupported.
    pub fn read_from(path: impl AsRef<std::path::Path>) -> Result<Self, FileError> {
        let source = io::Error::new(io::ErrorKind::Unsupported, "perf-sdk was built without its feature `enabled`");
        Err(FileError::Io { path: path.as_ref().to_owned(), source })
    }
}
