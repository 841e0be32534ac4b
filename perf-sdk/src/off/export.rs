//! Formats that need other crates: they write nothing.

use std::io::{self, Write};
use std::marker::PhantomData;

use crate::export::{FlameDocument, Format};
use crate::finding::Findings;
use crate::snapshot::{FileError, HistoryColumns, SlowCalls, Snapshot};

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

/// A report that says nothing.
#[derive(Clone, Debug)]
pub struct Report<'a>(PhantomData<&'a Snapshot>);

impl<'a> Report<'a> {
    /// A report that writes nothing.
    #[must_use]
    pub fn of(_snapshot: &'a Snapshot) -> Self {
        Self(PhantomData)
    }

    /// Does nothing.
    #[must_use]
    pub fn titled(self, _title: &str) -> Self {
        self
    }

    /// Does nothing.
    #[must_use]
    pub fn against(self, _before: &'a Snapshot) -> Self {
        self
    }

    /// Does nothing.
    #[must_use]
    pub fn named(self, _now: &str, _before: &str) -> Self {
        self
    }

    /// Does nothing.
    #[must_use]
    pub fn tolerance(self, _share: f64) -> Self {
        self
    }

    /// Does nothing.
    #[must_use]
    pub fn with_findings(self, _findings: &'a Findings) -> Self {
        self
    }

    /// Does nothing.
    #[must_use]
    pub fn with_history(self, _history: &'a HistoryColumns) -> Self {
        self
    }

    /// Does nothing.
    #[must_use]
    pub fn with_history_before(self, _history: &'a HistoryColumns) -> Self {
        self
    }

    /// Empty.
    #[must_use]
    pub fn history_names(_snapshot: &Snapshot) -> String {
        String::new()
    }

    /// Does nothing.
    #[must_use]
    pub fn with_marks(self, _marks: Vec<(u32, String)>) -> Self {
        self
    }

    /// Does nothing.
    ///
    /// # Errors
    /// None.
    pub fn with_flame(self, _title: &str, _document: &FlameDocument) -> io::Result<Self> {
        Ok(self)
    }

    /// Does nothing.
    #[must_use]
    pub fn with_flame_json(self, _title: &str, _json: &str) -> Self {
        self
    }

    /// Does nothing.
    #[must_use]
    pub fn without(self, _what: &str) -> Self {
        self
    }

    /// Empty.
    #[must_use]
    pub fn summary(&self) -> Vec<String> {
        Vec::new()
    }

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
    /// Always [`io::ErrorKind::Unsupported`].
    pub fn read_json(_from: impl io::Read) -> io::Result<Self> {
        Err(io::Error::new(io::ErrorKind::Unsupported, "perf-sdk was built without its feature `enabled`"))
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
