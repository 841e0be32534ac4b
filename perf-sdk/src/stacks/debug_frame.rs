//! `.debug_frame`: unwind information in a file that is not loaded into memory.
//!
//! It is the only table with musl's functions, and with those of programs that abort on panic,
//! compiled by Rust before 1.92. A stripped program has none.

use std::ops::Range;
use std::sync::Arc;

use gimli::{BaseAddresses, CieOrFde, EndianSlice, LittleEndian, UnwindSection};

use super::elf::Elf;
use super::plain_file::PlainFile;
use super::section::Room;
use super::unwind_tables::{Bytes, Copied, NoTables};
use crate::base::footprint::{self, Part};

const NAME: &str = ".debug_frame";

/// The table, with the ranges of code that it describes.
#[derive(Debug)]
pub(crate) struct DebugFrame {
    pub(super) table: Bytes,
    functions: Functions,
}

/// The ranges of functions, as in the file, ascending. Their memory counts as held while this
/// exists.
#[derive(Debug)]
struct Functions(Vec<Range<u64>>);

const FUNCTION_BYTES: u64 = size_of::<Range<u64>>() as u64;

impl Functions {
    fn new(ranges: Vec<Range<u64>>) -> Result<Self, NoTables> {
        if !footprint::take(Part::Tables, ranges.len() as u64 * FUNCTION_BYTES) {
            return Err(NoTables::NoRoom);
        }
        Ok(Self(ranges))
    }
}

impl Drop for Functions {
    fn drop(&mut self) {
        footprint::give(Part::Tables, self.0.len() as u64 * FUNCTION_BYTES);
    }
}

impl DebugFrame {
    /// The table of a file.
    ///
    /// # Errors
    /// The file has no readable table, or there is no room for it.
    pub(super) fn of(file: PlainFile) -> Result<Self, NoTables> {
        let file = Elf::of(file).filter(|file| file.has(NAME)).ok_or(NoTables::Unreadable)?;
        let room = Room::new(usize::try_from(footprint::limit_bytes()).unwrap_or(usize::MAX));
        let section = file.section(NAME, &room).filter(|section| section.len() > 0).ok_or(NoTables::Unreadable)?;
        let all = || {
            let mut bytes = Vec::new();
            bytes.try_reserve_exact(section.len()).ok()?;
            while bytes.len() < section.len() {
                bytes.extend_from_slice(section.from(bytes.len())?);
            }
            Some(bytes)
        };
        Self::new(Copied::new(section.len(), all)?)
    }

    fn new(table: Copied) -> Result<Self, NoTables> {
        let table = Bytes::Copied(Arc::new(table));
        let functions = Functions::new(ranges(&table).ok_or(NoTables::Unreadable)?)?;
        Ok(Self { table, functions })
    }

    /// The function that contains `address`; both are as in the file. `None` if the table does not
    /// describe it.
    pub(super) fn function_at(&self, address: u64) -> Option<Range<u64>> {
        let functions = &self.functions.0;
        let after = functions.partition_point(|function| function.start <= address);
        functions[..after].last().filter(|function| function.contains(&address)).cloned()
    }
}

/// `None` if the table is damaged.
fn ranges(table: &[u8]) -> Option<Vec<Range<u64>>> {
    let mut section = gimli::DebugFrame::from(EndianSlice::new(table, LittleEndian));
    section.set_address_size(8);
    let (bases, mut ranges) = (BaseAddresses::default(), Vec::new());
    let mut entries = section.entries(&bases);
    while let Some(entry) = entries.next().ok()? {
        let CieOrFde::Fde(entry) = entry else { continue };
        let entry = entry.parse(gimli::DebugFrame::cie_from_offset).ok()?;
        let start = entry.initial_address();
        // NOTE: functions that the linker removed have address 0, where there is no code.
        if start != 0 {
            ranges.push(start..start.checked_add(entry.len())?);
        }
    }
    ranges.sort_unstable_by_key(|range| range.start);
    Some(ranges)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A table of one CIE, and an FDE for each of these starts and lengths.
    fn table(functions: &[(u64, u64)]) -> Vec<u8> {
        let mut table =
            vec![20, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 4, 0, 8, 0, 1, 0x78, 16, 12, 7, 8, 0x90, 1, 0, 0, 0, 0];
        for (start, length) in functions {
            table.extend([20, 0, 0, 0, 0, 0, 0, 0]);
            table.extend(start.to_le_bytes());
            table.extend(length.to_le_bytes());
        }
        table
    }

    fn of(table: Vec<u8>) -> Option<DebugFrame> {
        DebugFrame::new(Copied::new(table.len(), || Some(table)).ok()?).ok()
    }

    #[test]
    fn functions_are_found_by_any_address_within() {
        let frames = of(table(&[(0x2000, 16), (0, 0x1800), (0x1000, 8)])).unwrap();
        assert_eq!(frames.function_at(0x1007), Some(0x1000..0x1008));
        assert_eq!((frames.function_at(0x1008), frames.function_at(0x200f)), (None, Some(0x2000..0x2010)));
        assert_eq!((frames.function_at(0x10), frames.function_at(u64::MAX)), (None, None), "left out by the linker");
    }

    #[test]
    fn a_damaged_table_is_rejected() {
        let whole = table(&[(0x1000, 16)]);
        assert!(of(whole.clone()).is_some() && of(whole[..whole.len() - 1].to_vec()).is_none());
        assert!(of(table(&[(u64::MAX, 16)])).is_none());
    }
}
