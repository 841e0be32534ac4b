//! Executables and libraries that are loaded into the process: where their code is, their names,
//! and how to unwind them.

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
    /// The difference between addresses in memory and in the file.
    pub(crate) base: u64,
    /// The range of the code in memory.
    pub(crate) code: Range<u64>,
    /// The offset of the code in the file.
    pub(crate) code_offset: u64,
    /// Empty if it has none.
    pub(crate) build_id: Vec<u8>,
    pub(super) tables: Option<Tables>,
    /// Unwind information of its file that is not loaded into memory.
    pub(super) debug_frame: Option<Arc<DebugFrame>>,
    /// Whether it has unwind information for which there was no room.
    pub(super) has_no_room: bool,
    /// Whether it is the program itself.
    pub(super) is_program: bool,
}

impl Image {
    /// Opens its file. For the program itself, this is the file that was started, even if it was
    /// replaced or moved. `None` if it cannot be opened.
    pub(super) fn open(&self) -> Option<PlainFile> {
        if self.is_program {
            return PlainFile::of_program();
        }
        PlainFile::open(Path::new(&self.path))
    }

    /// Converts a range in memory to addresses in the file.
    pub(super) fn own(&self, range: &Range<u64>) -> Range<u64> {
        range.start.wrapping_sub(self.base)..range.end.wrapping_sub(self.base)
    }
}

/// The image whose code contains `address`. `images` must be sorted.
pub(crate) fn holding(images: &[Image], address: u64) -> Option<&Image> {
    let after = images.partition_point(|image| image.code.start <= address);
    images[..after].last().filter(|image| image.code.contains(&address))
}
