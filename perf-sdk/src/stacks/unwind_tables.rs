//! Unwind tables of what is loaded, `.eh_frame` and its index, and the memory that they lie in.

use std::ops::Deref;
use std::sync::Arc;

use crate::base::footprint::{self, Part};

/// Memory that stays: of the program itself, or a copy.
#[derive(Clone, Debug)]
pub(crate) enum Bytes {
    /// Of what is never unloaded.
    InPlace(&'static [u8]),
    Copied(Arc<Copied>),
}

/// A copy, which counts as held while it lives.
#[derive(Debug)]
pub(crate) struct Copied(Vec<u8>);

impl Copied {
    /// Of so many bytes, which `copy` makes.
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

/// Why an image is without tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoTables {
    /// There are none, or none that can be read.
    Unreadable,
    /// No more may be held.
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

/// The unwind tables, with their addresses as the file states them.
#[derive(Clone, Debug)]
pub(crate) struct Tables {
    pub(super) header_at: u64,
    pub(super) header: Bytes,
    pub(super) eh_frame_at: u64,
    pub(super) eh_frame: Bytes,
}

impl Tables {
    /// What comes before the index: a version, three encodings, where `.eh_frame` is, and how many
    /// entries there are.
    const HEADER: usize = 12;
    const ENTRY: usize = 8;
    /// As all linkers write it: relative to the program counter, a plain number, relative to the
    /// header, four bytes each.
    const ENCODINGS: [u8; 4] = [1, 0x1b, 0x03, 0x3b];

    /// The entries of an index; `None`: it is another one than linkers write, or longer than what
    /// is there.
    fn index(header: &[u8]) -> Option<&[u8]> {
        let (start, rest) = header.split_at_checked(Self::HEADER)?;
        let entries = u32::from_le_bytes(*start[8..].first_chunk()?) as usize;
        rest.get(..entries.checked_mul(Self::ENTRY)?).filter(|_| start[..4] == Self::ENCODINGS)
    }

    /// Where an entry of the index leads.
    fn target(header_at: u64, entry: &[u8]) -> Option<u64> {
        let to = i32::from_le_bytes(*entry[4..].first_chunk()?);
        Some(header_at.wrapping_add_signed(to.into()))
    }

    /// The last place in the table that the index leads to. What lies behind that one is not
    /// needed: what it refers to lies before it.
    pub(super) fn last(header_at: u64, header: &[u8]) -> Option<u64> {
        Self::index(header)?.chunks_exact(Self::ENTRY).filter_map(|entry| Self::target(header_at, entry)).max()
    }

    /// `None`: the index is another one than linkers write, longer than what is there, or one of
    /// another table. It is searched in a signal handler, by whoever believes its length.
    pub(super) fn new(header_at: u64, header: Bytes, eh_frame_at: u64, eh_frame: Bytes) -> Option<Self> {
        let (start, _) = header.split_at_checked(Self::HEADER)?;
        // Relative to where it stands.
        let table_at = i32::from_le_bytes(*start[4..].first_chunk()?);
        let states_table = header_at.wrapping_add(4).wrapping_add_signed(table_at.into()) == eh_frame_at;
        header_at.checked_add(header.len() as u64)?;
        let index = Self::index(&header)?;
        let table = eh_frame_at..eh_frame_at.checked_add(eh_frame.len() as u64)?;
        // Whoever searches it subtracts one from the other.
        let leads_there = |entry: &[u8]| Self::target(header_at, entry).is_some_and(|to| table.contains(&to));
        let fits = states_table
            && match &header {
                // Of the program itself, which runs. It would come into memory as a whole if it was
                // looked at.
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

    /// The tables of an index with one entry, which leads to `to`, in a header that says that the
    /// table is at `table_at` and has so many entries.
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
    fn an_index_of_anything_but_its_table_is_none() {
        assert!(tables(TABLE_AT, 1, TABLE_AT).is_some());
        assert!(tables(TABLE_AT, 2, TABLE_AT).is_none(), "longer than what is there");
        assert!(tables(TABLE_AT, 1, TABLE_AT + 32).is_none() && tables(TABLE_AT, 1, TABLE_AT - 1).is_none());
        assert!(tables(TABLE_AT + 1, 1, TABLE_AT).is_none(), "of another table");
    }
}
