//! The files of a control group.

use std::path::PathBuf;

use crate::monitor::file::{Buffer, Source};
use crate::monitor::text::{NOT_UNDERSTOOD, number, single};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::monitor) enum Version {
    One,
    Two,
}

/// A group of one controller: its folder, and the version of its files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::monitor) struct Group {
    pub(in crate::monitor) version: Version,
    pub(in crate::monitor) folder: PathBuf,
}

impl Group {
    pub(super) fn file(&self, name: &str) -> Source {
        Source::whole(&self.folder, name)
    }
}

/// The reason where a limit could be set.
pub(super) const UNLIMITED: &str = "no limit is set";

/// A file with one number.
pub(super) fn read_number(source: &mut Source, buffer: &mut Buffer) -> Result<f64, &'static str> {
    let word = single(source.read(buffer)?).ok_or(NOT_UNDERSTOOD)?;
    if word == b"max" || word == b"-1" {
        return Err(UNLIMITED);
    }
    number(word).map(|number| number as f64).ok_or(NOT_UNDERSTOOD)
}
