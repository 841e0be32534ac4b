//! What is loaded into the process: where its code lies, what it is called, how to unwind it.

use std::ops::{Deref, Range};
use std::path::PathBuf;

/// Memory that stays: of the program itself, or a copy.
#[derive(Clone, Debug)]
pub(crate) enum Bytes {
    /// Of what is never unloaded.
    InPlace(&'static [u8]),
    Copied(Vec<u8>),
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::InPlace(bytes) => bytes,
            Self::Copied(bytes) => bytes,
        }
    }
}

/// The unwind tables, with their addresses as the file states them.
#[derive(Clone, Debug)]
pub(crate) struct Tables {
    pub(super) header_at: u64,
    pub(super) header: Bytes,
    pub(super) eh_frame_at: u64,
    pub(super) eh_frame: Bytes,
}

/// An executable or a library.
#[derive(Clone, Debug)]
pub(crate) struct Image {
    pub(crate) path: String,
    /// What its own addresses are moved by.
    pub(crate) base: u64,
    /// Where its code lies in memory.
    pub(crate) code: Range<u64>,
    /// Where the code begins in the file.
    pub(crate) code_offset: u64,
    /// Empty: it has none.
    pub(crate) build_id: Vec<u8>,
    pub(super) tables: Option<Tables>,
    /// Whether it is the program itself.
    pub(super) is_program: bool,
}

impl Image {
    /// What to open to read it: of the program what was started, even if it was replaced.
    pub(super) fn file(&self) -> PathBuf {
        if self.is_program { "/proc/self/exe".into() } else { self.path.clone().into() }
    }

    /// A range in memory as the file states it.
    pub(super) fn own(&self, range: &Range<u64>) -> Range<u64> {
        range.start.wrapping_sub(self.base)..range.end.wrapping_sub(self.base)
    }
}

/// The one that holds the code at `address`; `images` are sorted.
pub(crate) fn holding(images: &[Image], address: u64) -> Option<&Image> {
    let after = images.partition_point(|image| image.code.start <= address);
    images[..after].last().filter(|image| image.code.contains(&address))
}
