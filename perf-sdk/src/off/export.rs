//! Formats that need other crates: they write nothing.

use std::io::{self, Write};

use crate::export::{FlameDocument, Format};
use crate::snapshot::{FileError, SlowCalls, Snapshot};

/// Writes no scrape.
#[derive(Debug, Default)]
pub struct Exposition(());

impl Exposition {
    /// An exposition that writes nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Writes nothing.
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

/// Writes nothing.
///
/// # Errors
/// None.
pub fn write_perfetto(_calls: &SlowCalls, _to: &mut impl Write) -> io::Result<()> {
    Ok(())
}

pub mod json {
    //! JSON.

    use super::{Write, io};

    /// Writes nothing.
    ///
    /// # Errors
    /// None.
    pub fn write(_value: &impl Sized, _to: &mut impl Write) -> io::Result<()> {
        Ok(())
    }
}

pub mod speedscope {
    //! Speedscope's format.

    use super::{Snapshot, Write, io};
    use crate::export::Weight;

    /// Writes nothing.
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

impl FlameDocument {
    /// Writes nothing.
    ///
    /// # Errors
    /// None.
    pub fn write_html(&self, _to: &mut impl Write) -> io::Result<()> {
        Ok(())
    }

    /// Writes nothing.
    ///
    /// # Errors
    /// None.
    pub fn write_json(&self, _to: &mut impl Write) -> io::Result<()> {
        Ok(())
    }
}

impl Snapshot {
    /// Writes no file.
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
