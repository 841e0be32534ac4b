//! Sections and symbols of object files: 64-bit little-endian ELF, as on all systems with a
//! sampler.

use std::path::Path;

use super::plain_file::PlainFile;
use super::section::{Room, Section};

const HEADER: usize = 64;
const SECTION: usize = 64;
const SYMBOL: usize = 24;
const NOTE: u32 = 7;
const NO_BITS: u32 = 8;
const SYMBOLS: u32 = 2;
const DYNAMIC_SYMBOLS: u32 = 11;
const FUNCTION: u8 = 2;
const INDIRECT_FUNCTION: u8 = 10;
const COMPRESSED: u64 = 1 << 11;
const ZLIB: u32 = 1;
/// The header of compressed contents: type, reserved, length, alignment. Old compilers wrote
/// another one, whose length is the second constant.
const COMPRESSION_HEADER: usize = 24;
const OLD_COMPRESSION_HEADER: usize = 12;
const NT_GNU_BUILD_ID: u32 = 3;

/// The maximum number of sections that are read. Programs have some forty.
const MOST_SECTIONS: u64 = 1 << 14;
/// The maximum size of sections that are read completely.
const MOST_NAMES: u64 = 1 << 20;
const MOST_NOTES: u64 = 1 << 16;
/// The maximum number of symbols of a table that are read.
const MOST_SYMBOLS: u64 = 1 << 26;
/// The maximum length of a symbol's name. Longer ones are rejected.
const MOST_NAME: usize = 64 << 10;
/// The bytes of a table that are read at once.
const BLOCK: usize = SYMBOL * 2_048;

/// An object file.
#[derive(Debug)]
pub(super) struct Elf {
    file: PlainFile,
    headers: Vec<Header>,
    names: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
struct Header {
    name: u32,
    kind: u32,
    flags: u64,
    offset: u64,
    size: u64,
    link: u32,
}

/// The symbol of a function.
#[derive(Clone, Copy, Debug)]
pub(super) struct Symbol {
    pub(super) start: u64,
    pub(super) size: u64,
    /// The position of its name in the file.
    pub(super) name_at: u64,
}

impl Symbol {
    /// A symbol without a size contains only its first address.
    pub(super) fn holds(&self, address: u64) -> bool {
        address.checked_sub(self.start).is_some_and(|within| within < self.size.max(1))
    }
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn long(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

impl Header {
    fn parse(bytes: &[u8]) -> Option<Self> {
        Some(Self {
            name: word(bytes, 0)?,
            kind: word(bytes, 4)?,
            flags: long(bytes, 8)?,
            offset: long(bytes, 24)?,
            size: long(bytes, 32)?,
            link: word(bytes, 40)?,
        })
    }
}

impl Elf {
    /// `None` if it cannot be read, or is not an object file.
    pub(super) fn open(path: &Path) -> Option<Self> {
        Self::of(PlainFile::open(path)?)
    }

    pub(super) fn of(file: PlainFile) -> Option<Self> {
        let start = file.read(0, HEADER)?;
        // Class, byte order and version.
        if start[..7] != *b"\x7fELF\x02\x01\x01" || usize::from(half(&start, 58)?) != SECTION {
            return None;
        }
        let at = long(&start, 40)?;
        let first = Header::parse(&file.read(at, SECTION)?)?;
        // Numbers that do not fit here are in the first section's header.
        let count = match half(&start, 60)? {
            0 => first.size,
            count => count.into(),
        };
        let names = match half(&start, 62)? {
            0xffff => first.link,
            names => names.into(),
        };
        if count > MOST_SECTIONS {
            return None;
        }
        let table = file.read(at, count as usize * SECTION)?;
        let mut headers = Vec::new();
        headers.try_reserve_exact(count as usize).ok()?;
        headers.extend(table.chunks_exact(SECTION).filter_map(Header::parse));
        let names = headers.get(names as usize).copied()?;
        let names = file.read(names.offset, usize::try_from(names.size.min(MOST_NAMES)).ok()?)?;
        Some(Self { file, headers, names })
    }

    fn header(&self, name: &str) -> Option<&Header> {
        self.headers.iter().find(|header| {
            let own = self.names.get(header.name as usize..).and_then(|own| own.strip_prefix(name.as_bytes()));
            header.kind != NO_BITS && own.is_some_and(|rest| rest.first() == Some(&0))
        })
    }

    pub(super) fn has(&self, section: &str) -> bool {
        self.header(section).or_else(|| self.header(&old_name(section)?)).is_some()
    }

    /// The total size of these sections in the file.
    pub(super) fn bytes_of(&self, sections: &[&str]) -> usize {
        let bytes = |name: &&str| self.header(name).or_else(|| self.header(&old_name(name)?)).map_or(0, |own| own.size);
        usize::try_from(sections.iter().map(bytes).fold(0, u64::saturating_add)).unwrap_or(usize::MAX)
    }

    /// `None` if there is none, it cannot be read, or its compression is unknown.
    pub(super) fn section<'f>(&'f self, name: &str, room: &'f Room) -> Option<Section<'f>> {
        let file = &self.file;
        let Some(header) = self.header(name) else {
            let header = self.header(&old_name(name)?)?;
            let start = file.read(header.offset, OLD_COMPRESSION_HEADER)?;
            let length = u64::from_be_bytes(*start.strip_prefix(b"ZLIB")?.first_chunk()?);
            let (at, packed) = after(header, OLD_COMPRESSION_HEADER)?;
            return Section::inflated(file, at, packed, length, room);
        };
        if header.flags & COMPRESSED == 0 {
            return Section::plain(file, header.offset, header.size, room);
        }
        let start = file.read(header.offset, COMPRESSION_HEADER)?;
        let (at, packed) = after(header, COMPRESSION_HEADER)?;
        if word(&start, 0)? != ZLIB {
            return None;
        }
        Section::inflated(file, at, packed, long(&start, 8)?, room)
    }

    /// Empty if it has none.
    pub(super) fn build_id(&self) -> Vec<u8> {
        let notes = self.headers.iter().filter(|header| header.kind == NOTE && header.size <= MOST_NOTES);
        let mut ids = notes.filter_map(|header| build_id(&self.file.read(header.offset, header.size as usize)?));
        ids.next().unwrap_or_default()
    }

    /// The name of the separate file with its debug information, without a folder.
    pub(super) fn debug_link(&self) -> Option<String> {
        let header = self.header(".gnu_debuglink").filter(|header| header.size <= MOST_NOTES)?;
        let bytes = self.file.read(header.offset, header.size as usize)?;
        let name = std::str::from_utf8(bytes.split(|byte| *byte == 0).next()?).ok()?;
        (!name.is_empty() && !name.contains('/') && name != "..").then(|| name.to_owned())
    }

    /// Calls `visit` for all functions that it defines.
    pub(super) fn each_function(&self, mut visit: impl FnMut(Symbol)) {
        let is_table = |header: &&Header| matches!(header.kind, SYMBOLS | DYNAMIC_SYMBOLS);
        for header in self.headers.iter().filter(is_table) {
            let Some(names) = self.headers.get(header.link as usize) else { continue };
            let _ = self.each_of(header, names, &mut visit);
        }
    }

    /// `None` if the table is truncated.
    fn each_of(&self, table: &Header, names: &Header, visit: &mut impl FnMut(Symbol)) -> Option<()> {
        let mut left = (table.size / SYMBOL as u64).min(MOST_SYMBOLS) * SYMBOL as u64;
        let mut at = table.offset;
        let mut block = [0; BLOCK];
        while left > 0 {
            let block = &mut block[..left.min(BLOCK as u64) as usize];
            self.file.read_at(at, block)?;
            for symbol in block.chunks_exact(SYMBOL) {
                let is_function = matches!(symbol[4] & 15, FUNCTION | INDIRECT_FUNCTION);
                let name = u64::from(word(symbol, 0)?);
                if is_function && half(symbol, 6)? != 0 && name < names.size {
                    let (start, size) = (long(symbol, 8)?, long(symbol, 16)?);
                    visit(Symbol { start, size, name_at: names.offset.saturating_add(name) });
                }
            }
            at = at.checked_add(block.len() as u64)?;
            left -= block.len() as u64;
        }
        Some(())
    }

    /// `None` if it cannot be read, or is not text.
    pub(super) fn name(&self, symbol: &Symbol) -> Option<String> {
        let mut name = Vec::new();
        let mut block = [0; 128];
        while name.len() < MOST_NAME {
            let at = symbol.name_at.checked_add(name.len() as u64)?;
            let left = self.file.length().checked_sub(at)?;
            let block = &mut block[..left.min(128) as usize];
            self.file.read_at(at, block)?;
            match block.iter().position(|byte| *byte == 0) {
                Some(end) => {
                    name.extend_from_slice(&block[..end]);
                    return String::from_utf8(name).ok();
                }
                None if block.is_empty() => return None,
                None => name.extend_from_slice(block),
            }
        }
        None
    }
}

/// The part of a section after its first `start` bytes.
fn after(header: &Header, start: usize) -> Option<(u64, u64)> {
    Some((header.offset.checked_add(start as u64)?, header.size.checked_sub(start as u64)?))
}

/// The name that a compressed section had in the past: `.zdebug_info` for `.debug_info`.
fn old_name(name: &str) -> Option<String> {
    name.strip_prefix(".debug_").map(|rest| format!(".zdebug_{rest}"))
}

/// The build id in a section of notes. Each note consists of the length of its name and of its
/// description, its type, and the two themselves, padded to four bytes.
pub(super) fn build_id(mut notes: &[u8]) -> Option<Vec<u8>> {
    let padded = |length: usize| length.div_ceil(4).saturating_mul(4);
    loop {
        let (name, description) = (word(notes, 0)? as usize, word(notes, 4)? as usize);
        let at = padded(name).saturating_add(12);
        if word(notes, 8)? == NT_GNU_BUILD_ID && notes.get(12..name.saturating_add(12))? == b"GNU\0" {
            return Some(notes.get(at..at.saturating_add(description))?.to_vec());
        }
        notes = notes.get(at.saturating_add(padded(description))..)?;
    }
}

/// A 64-bit object file with only these sections.
#[cfg(any(test, perf_fuzz))]
pub(super) fn object_file(sections: &[(&str, &[u8])]) -> Vec<u8> {
    let mut file = b"\x7fELF\x02\x01\x01".to_vec();
    file.resize(64, 0);
    let (mut headers, mut names) = (vec![0; 64], vec![0]);
    let header = |file: &mut Vec<u8>, names: &mut Vec<u8>, name: &str, kind: u32| {
        let mut header = [0; 64];
        header[..4].copy_from_slice(&(names.len() as u32).to_le_bytes());
        header[4..8].copy_from_slice(&kind.to_le_bytes());
        header[24..32].copy_from_slice(&(file.len() as u64).to_le_bytes());
        names.extend([name.as_bytes(), &[0]].concat());
        header
    };
    for (name, contents) in sections {
        let mut header = header(&mut file, &mut names, name, 1);
        header[32..40].copy_from_slice(&(contents.len() as u64).to_le_bytes());
        headers.extend(header);
        file.extend_from_slice(contents);
    }
    let mut last = header(&mut file, &mut names, ".shstrtab", 3);
    last[32..40].copy_from_slice(&(names.len() as u64).to_le_bytes());
    headers.extend(last);
    file.extend(names);
    let at = file.len() as u64;
    file.extend(&headers);
    file[40..48].copy_from_slice(&at.to_le_bytes());
    file[58..60].copy_from_slice(&64_u16.to_le_bytes());
    file[60..62].copy_from_slice(&(sections.len() as u16 + 2).to_le_bytes());
    file[62..64].copy_from_slice(&(sections.len() as u16 + 1).to_le_bytes());
    file
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn truncated_notes_have_no_build_id() {
        let note = [4, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, b'G', b'N', b'U', 0, 7, 8, 0, 0];
        assert_eq!(build_id(&note), Some(vec![7, 8]));
        assert!((0..note.len() - 2).all(|length| build_id(&note[..length]).is_none()));
    }
}
