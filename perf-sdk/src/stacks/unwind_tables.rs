//! Unwind tables of loaded images, `.eh_frame` and its index, and the memory that contains them.

use std::ops::Deref;
use std::sync::Arc;

use crate::base::footprint::{self, Part};

/// Memory that stays valid: in place, or a copy.
#[derive(Clone, Debug)]
pub(crate) enum Bytes {
    /// Memory of an image that is never unloaded.
    InPlace(&'static [u8]),
    Copied(Arc<Copied>),
}

/// A copy, which counts as held while it exists.
#[derive(Debug)]
pub(crate) struct Copied(Vec<u8>);

impl Copied {
    /// A copy of `length` bytes, which `copy` makes.
    pub(super) fn new(length: usize, copy: impl FnOnce() -> Option<Vec<u8>>) -> Result<Self, NoTables> {
        if !footprint::take(Part::Tables, length as u64) {
            return Err(NoTables::NoRoom);
        }
        let bytes = copy().filter(|bytes| bytes.len() == length);
        if bytes.is_none() {
            footprint::give(Part::Tables, length as u64);
        }
        bytes.map(Self).ok_or(NoTables::Unreadable)
    }
}

impl Drop for Copied {
    fn drop(&mut self) {
        footprint::give(Part::Tables, self.0.len() as u64);
    }
}

/// Why an image has no tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoTables {
    /// There are none, or they cannot be read.
    Unreadable,
    /// The memory limit is reached.
    NoRoom,
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::InPlace(bytes) => bytes,
            Self::Copied(copied) => &copied.0,
        }
    }
}

/// The unwind tables, with their addresses as in the file.
#[derive(Clone, Debug)]
pub(crate) struct Tables {
    pub(super) header_at: u64,
    pub(super) header: Bytes,
    pub(super) eh_frame_at: u64,
    pub(super) eh_frame: Bytes,
}

impl Tables {
    /// The size of the header before the index: a version, three encodings, the address of
    /// `.eh_frame`, and the number of entries.
    const HEADER: usize = 12;
    const ENTRY: usize = 8;
    /// The version and the encodings that all linkers write: relative to the program counter, a
    /// plain number, relative to the header, four bytes each.
    const ENCODINGS: [u8; 4] = [1, 0x1b, 0x03, 0x3b];

    /// The entries of an index. `None` if it differs from what linkers write, or is longer than the
    /// available data.
    fn index(header: &[u8]) -> Option<&[u8]> {
        let (start, rest) = header.split_at_checked(Self::HEADER)?;
        let entries = u32::from_le_bytes(*start[8..].first_chunk()?) as usize;
        rest.get(..entries.checked_mul(Self::ENTRY)?).filter(|_| start[..4] == Self::ENCODINGS)
    }

    /// The address to which an entry of the index points.
    fn target(header_at: u64, entry: &[u8]) -> Option<u64> {
        let to = i32::from_le_bytes(*entry[4..].first_chunk()?);
        Some(header_at.wrapping_add_signed(to.into()))
    }

    /// The last address in the table to which the index points. Data after that entry is not
    /// needed, because entries refer only to data before them.
    pub(super) fn last(header_at: u64, header: &[u8]) -> Option<u64> {
        Self::index(header)?.chunks_exact(Self::ENTRY).filter_map(|entry| Self::target(header_at, entry)).max()
    }

    /// `None` if the index differs from what linkers write, is longer than the available data, or
    /// belongs to another table. It is searched in a signal handler, which relies on its length.
    pub(super) fn new(header_at: u64, header: Bytes, eh_frame_at: u64, eh_frame: Bytes) -> Option<Self> {
        let (start, _) = header.split_at_checked(Self::HEADER)?;
        // Relative to its own position.
        let table_at = i32::from_le_bytes(*start[4..].first_chunk()?);
        let states_table = header_at.wrapping_add(4).wrapping_add_signed(table_at.into()) == eh_frame_at;
        header_at.checked_add(header.len() as u64)?;
        let index = Self::index(&header)?;
        let table = eh_frame_at..eh_frame_at.checked_add(eh_frame.len() as u64)?;
        // The search subtracts one from the other.
        let leads_there = |entry: &[u8]| Self::target(header_at, entry).is_some_and(|to| table.contains(&to));
        let fits = states_table
            && match &header {
                // The tables of the running program itself. A check would load them into memory
                // completely.
                Bytes::InPlace(_) => true,
                Bytes::Copied(_) => index.chunks_exact(Self::ENTRY).all(leads_there),
            };
        fits.then_some(Self { header_at, header, eh_frame_at, eh_frame })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER_AT: u64 = 0x20_0000;
    const TABLE_AT: u64 = 0x30_0000;

    /// The tables for an index with one entry that points to `to`. The header says that the table
    /// is at `table_at`, and gives this number of entries.
    fn tables(table_at: u64, entries: u32, to: u64) -> Option<Tables> {
        let relative = |to: u64, from: u64| (to.wrapping_sub(from) as u32).to_le_bytes();
        let mut header = Tables::ENCODINGS.to_vec();
        header.extend(relative(table_at, HEADER_AT + 4));
        header.extend(entries.to_le_bytes());
        header.extend(relative(0x10_0000, HEADER_AT));
        header.extend(relative(to, HEADER_AT));
        let copied = |bytes: Vec<u8>| Bytes::Copied(Arc::new(Copied::new(bytes.len(), || Some(bytes)).unwrap()));
        Tables::new(HEADER_AT, copied(header), TABLE_AT, copied(vec![0; 32]))
    }

    #[test]
    fn an_index_of_another_table_is_rejected() {
        assert!(tables(TABLE_AT, 1, TABLE_AT).is_some());
        assert!(tables(TABLE_AT, 2, TABLE_AT).is_none(), "longer than what is there");
        assert!(tables(TABLE_AT, 1, TABLE_AT + 32).is_none() && tables(TABLE_AT, 1, TABLE_AT - 1).is_none());
        assert!(tables(TABLE_AT + 1, 1, TABLE_AT).is_none(), "of another table");
    }
}
