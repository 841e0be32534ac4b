//! What is loaded into the process: where its code lies, what it is called, how to unwind it.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use super::debug_frame::DebugFrame;
use super::plain_file::PlainFile;
use super::unwind_tables::Tables;

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
    /// Unwind information of its file that is not loaded.
    pub(super) debug_frame: Option<Arc<DebugFrame>>,
    /// It has some, for which there was no room.
    pub(super) has_no_room: bool,
    /// Whether it is the program itself.
    pub(super) is_program: bool,
}

impl Image {
    /// What to read of it: of the program what was started, even if it was replaced, or is not
    /// found by its name any more. `None`: it cannot be opened.
    pub(super) fn open(&self) -> Option<PlainFile> {
        if self.is_program {
            return PlainFile::of_program();
        }
        PlainFile::open(Path::new(&self.path))
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
