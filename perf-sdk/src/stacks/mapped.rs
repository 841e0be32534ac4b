//! Files that are read where they lie.
#![allow(unsafe_code)]

use std::fs::File;
use std::path::Path;

use memmap2::Mmap;

/// `None` when it cannot be read.
pub(super) fn map(path: &Path) -> Option<Mmap> {
    let file = File::open(path).ok()?;
    // SAFETY: a file that somebody shortens while it is read would end the process; executables that run cannot be written to, and package
    // managers replace libraries and debug files by new files.
    unsafe { Mmap::map(&file) }.ok()
}
