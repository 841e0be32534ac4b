//! Fuzzing of the parsers of object files.

use super::debug_information;
use super::elf::{self, Elf};
use super::image::Image;
use super::plain_file::PlainFile;
use super::symbols;

/// Parses an object file, and looks up functions and lines as for loaded images.
pub fn elf(bytes: &[u8]) {
    let Some(file) = Elf::of(PlainFile::of_bytes(bytes)) else { return };
    let mut addresses = vec![0, 1, 0x1000, u64::MAX];
    file.each_function(|symbol| {
        if addresses.len() < 64 {
            addresses.extend([symbol.start, symbol.start.wrapping_add(symbol.size / 2)]);
            assert!(file.name(&symbol).is_none_or(|name| name.len() <= 64 << 10));
        }
    });
    addresses.sort_unstable();
    addresses.dedup();
    let (id, _) = (file.build_id(), file.debug_link());
    let image = Image {
        path: String::new(),
        base: 0,
        code: 0..u64::MAX,
        code_offset: 0,
        build_id: id,
        tables: None,
        debug_frame: None,
        has_no_room: false,
        is_program: false,
    };
    let (lines, _) = symbols::of_file(&file, &image, &addresses, symbols::MOST_BYTES);
    assert_eq!(lines.len(), addresses.len());
}

/// Parses debug information. The input consists of sections, each preceded by its length, in the
/// order of [`debug_information::NEEDED`].
pub fn dwarf(bytes: &[u8]) {
    let (names, mut rest) = (debug_information::NEEDED, bytes);
    let mut sections = Vec::new();
    for id in names {
        let Some((length, after)) = rest.split_first_chunk() else { break };
        let (section, after) = after.split_at(after.len().min(usize::from(u16::from_le_bytes(*length))));
        sections.push((id.name(), section));
        rest = after;
    }
    let file = Elf::of(PlainFile::of_bytes(&elf::object_file(&sections))).expect("a file that is made here");
    let addresses: Vec<u64> = (0..64).map(|n| 0x1000 + n * 0x20).chain([0, 1, 1 << 40, u64::MAX]).collect();
    if let Some(lines) = debug_information::lines_of(&file, &addresses, symbols::MOST_BYTES) {
        assert_eq!(lines.len(), addresses.len());
    }
}
