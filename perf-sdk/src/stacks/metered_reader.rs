//! Limits the bytes that are read from debug information.
//!
//! Lengths and references in a damaged file may lead anywhere, any number of times. A table to
//! which thousands of entries refer is read, and kept, thousands of times. Nested entries go as
//! deep as the file is long. With this reader, parsing always terminates.

use std::borrow::Cow;
use std::cell::Cell;

use gimli::{Error, LittleEndian, Reader, ReaderOffsetId};

use super::plain_file::zeros;
use super::section::Section;

/// The number of bytes that may be read for each byte of the file. Headers of units and some tables
/// are read several times.
const TIMES: u64 = 16;
/// The minimum of that limit, for small files.
const AT_LEAST: u64 = 1 << 20;
/// The weight of a byte in the line tables: an entry of a few bytes takes a hundred in memory.
const LINE_COST: u64 = 8;
/// The stack that parsers may use.
const MOST_STACK: usize = 256 << 10;
/// The maximum number of attributes of one kind of entry.
const MOST_ATTRIBUTES: u32 = 512;
/// A form whose value takes no bytes, so that thousands of millions of them take no space in a
/// file.
const DW_FORM_FLAG_PRESENT: u16 = 0x19;

/// The remaining budget.
#[derive(Debug)]
pub(super) struct Meter {
    left: Cell<u64>,
    /// The address of the stack at the start.
    stack: usize,
}

impl Meter {
    /// A budget for sections of this total size, and for the stack from here on.
    #[inline(never)]
    pub(super) fn new(bytes: u64) -> Self {
        Self { left: Cell::new(bytes.saturating_mul(TIMES).saturating_add(AT_LEAST)), stack: stack_at() }
    }

    #[inline]
    fn take(&self, bytes: u64) -> Result<(), Error> {
        match self.left.get().checked_sub(bytes) {
            Some(left) if stack_at().abs_diff(self.stack) < MOST_STACK => {
                self.left.set(left);
                Ok(())
            }
            _ => Err(Error::UnexpectedEof(ReaderOffsetId(0))),
        }
    }
}

#[inline]
fn stack_at() -> usize {
    let here = 0_u8;
    (&raw const here).addr()
}

/// Special kinds of sections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Abbreviations,
    Lines,
    Other,
}

/// A part of a section.
#[derive(Clone, Copy, Debug)]
pub(super) struct Metered<'a> {
    section: &'a Section<'a>,
    meter: &'a Meter,
    kind: Kind,
    /// Consecutive 16-bit numbers read so far.
    run: u32,
    at: usize,
    end: usize,
}

impl<'a> Metered<'a> {
    pub(super) fn new(section: &'a Section<'a>, kind: Kind, meter: &'a Meter) -> Self {
        Self { section, meter, kind, run: 0, at: 0, end: section.len() }
    }

    #[inline]
    fn take(&self, bytes: usize) -> Result<(), Error> {
        self.meter.take(if self.kind == Kind::Lines { LINE_COST } else { 1 } * (bytes as u64 + 1))
    }

    fn eof<T>(&self) -> Result<T, Error> {
        Err(Error::UnexpectedEof(self.offset_id()))
    }

    #[inline]
    fn piece(&self) -> Result<&'a [u8], Error> {
        match self.section.from(self.at) {
            Some(piece) if self.at < self.end => Ok(&piece[..piece.len().min(self.end - self.at)]),
            _ => self.eof(),
        }
    }
}

impl<'a> Reader for Metered<'a> {
    type Endian = LittleEndian;
    type Offset = usize;

    fn endian(&self) -> LittleEndian {
        LittleEndian
    }

    #[inline]
    fn len(&self) -> usize {
        self.end - self.at
    }

    fn empty(&mut self) {
        self.end = self.at;
    }

    fn truncate(&mut self, len: usize) -> Result<(), Error> {
        if len > self.len() {
            return self.eof();
        }
        self.end = self.at + len;
        Ok(())
    }

    fn offset_from(&self, base: &Self) -> usize {
        self.at.wrapping_sub(base.at)
    }

    fn offset_id(&self) -> ReaderOffsetId {
        ReaderOffsetId(self.at as u64)
    }

    fn lookup_offset_id(&self, _: ReaderOffsetId) -> Option<usize> {
        None
    }

    fn find(&self, byte: u8) -> Result<usize, Error> {
        let mut rest = *self;
        loop {
            let piece = rest.piece()?;
            if let Some(at) = piece.iter().position(|own| *own == byte) {
                self.take(at)?;
                return Ok(rest.at - self.at + at);
            }
            self.take(piece.len())?;
            rest.at += piece.len();
        }
    }

    #[inline]
    fn skip(&mut self, len: usize) -> Result<(), Error> {
        if len > self.len() {
            return self.eof();
        }
        self.take(0)?;
        self.at += len;
        Ok(())
    }

    #[inline]
    fn split(&mut self, len: usize) -> Result<Self, Error> {
        let mut first = *self;
        first.truncate(len)?;
        self.skip(len)?;
        Ok(first)
    }

    fn to_slice(&self) -> Result<Cow<'_, [u8]>, Error> {
        self.take(self.len())?;
        if self.len() == 0 {
            return Ok(Cow::Borrowed(&[]));
        }
        let piece = self.piece()?;
        if piece.len() == self.len() {
            return Ok(Cow::Borrowed(piece));
        }
        let Some(mut bytes) = zeros(self.len()) else { return self.eof() };
        let mut rest = *self;
        rest.read_slice(&mut bytes)?;
        Ok(Cow::Owned(bytes))
    }

    fn to_string(&self) -> Result<Cow<'_, str>, Error> {
        match self.to_slice()? {
            Cow::Borrowed(bytes) => std::str::from_utf8(bytes).map(Cow::Borrowed).map_err(|_| Error::BadUtf8),
            Cow::Owned(bytes) => String::from_utf8(bytes).map(Cow::Owned).map_err(|_| Error::BadUtf8),
        }
    }

    fn to_string_lossy(&self) -> Result<Cow<'_, str>, Error> {
        Ok(match self.to_slice()? {
            Cow::Borrowed(bytes) => String::from_utf8_lossy(bytes),
            Cow::Owned(bytes) => Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()),
        })
    }

    #[inline]
    fn read_slice(&mut self, mut buf: &mut [u8]) -> Result<(), Error> {
        if buf.len() > self.len() {
            return self.eof();
        }
        self.take(buf.len())?;
        while !buf.is_empty() {
            let piece = self.piece()?;
            let length = piece.len().min(buf.len());
            let (now, later) = buf.split_at_mut(length);
            now.copy_from_slice(&piece[..length]);
            self.at += length;
            buf = later;
        }
        Ok(())
    }

    #[inline]
    fn read_u8(&mut self) -> Result<u8, Error> {
        self.take(0)?;
        let byte = self.piece()?[0];
        self.at += 1;
        Ok(byte)
    }

    #[inline]
    fn read_uleb128(&mut self) -> Result<u64, Error> {
        self.run = 0;
        gimli::leb128::read::unsigned(self)
    }

    /// Reads a 16-bit number. In abbreviations, these are the kinds and forms of attributes; in
    /// line tables, the forms of a file's fields.
    #[inline]
    fn read_uleb128_u16(&mut self) -> Result<u16, Error> {
        let number = gimli::leb128::read::u16(self)?;
        self.run = self.run.saturating_add(1);
        let is_endless = match self.kind {
            Kind::Abbreviations => self.run > 2 * MOST_ATTRIBUTES,
            Kind::Lines => number == DW_FORM_FLAG_PRESENT,
            Kind::Other => false,
        };
        if is_endless { self.eof() } else { Ok(number) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::plain_file::PlainFile;
    use super::super::section::{PIECE, Room};
    use super::*;

    fn with(bytes: &[u8], kind: Kind, test: impl FnOnce(Metered<'_>)) {
        let (file, room) = (PlainFile::of_bytes(bytes), Room::new(1 << 20));
        let section = Section::plain(&file, 0, bytes.len() as u64, &room).unwrap();
        test(Metered::new(&section, kind, &Meter::new(bytes.len() as u64)));
    }

    #[test]
    fn data_in_two_pieces_is_read_as_one() {
        let mut bytes = vec![1; 2 * PIECE + 10];
        bytes[PIECE..PIECE + 4].copy_from_slice(b"name");
        bytes[2 * PIECE] = 0;
        with(&bytes, Kind::Other, |mut reader| {
            reader.skip(PIECE - 2).unwrap();
            assert_eq!(reader.clone().read_u32().unwrap(), u32::from_le_bytes([1, 1, b'n', b'a']));
            assert_eq!(reader.find(0).unwrap(), PIECE + 2);
            let text = reader.read_null_terminated_slice().unwrap();
            assert_eq!(text.to_slice().unwrap(), &bytes[PIECE - 2..2 * PIECE]);
            assert!(text.to_string().unwrap().contains("name"));
            assert_eq!(reader.len(), 9);
            assert!(reader.find(0).is_err() && reader.skip(10).is_err() && reader.read_u128().is_err());
            reader.skip(9).unwrap();
            assert!(reader.read_u8().is_err() && reader.is_empty() && reader.to_slice().unwrap().is_empty());
        });
    }

    #[test]
    fn repeated_reading_is_limited() {
        with(&[7; 100], Kind::Other, |reader| {
            let reads = (0_u64..).take_while(|_| reader.clone().read_u8().is_ok()).count() as u64;
            assert_eq!(reads, AT_LEAST + TIMES * 100);
        });
    }

    #[test]
    fn recursive_reading_is_limited() {
        #[inline(never)]
        fn deeper(reader: &Metered<'_>) -> u32 {
            let here = std::hint::black_box([0_u8; 128]);
            match reader.clone().read_u8() {
                Ok(_) => 1 + deeper(reader) + u32::from(here[0]),
                Err(_) => 0,
            }
        }
        with(&[7; 1 << 16], Kind::Other, |reader| assert!((20..2_048).contains(&deeper(&reader))));
    }

    #[test]
    fn attributes_without_bytes_are_limited() {
        let form = DW_FORM_FLAG_PRESENT as u8;
        with(&[form, 8], Kind::Lines, |mut reader| {
            assert!(reader.read_uleb128_u16().is_err());
            assert_eq!(reader.read_uleb128_u16().unwrap(), 8);
        });
        with(&[form; 5_000], Kind::Abbreviations, |mut reader| {
            let numbers = (0..5_000).take_while(|_| reader.read_uleb128_u16().is_ok()).count();
            assert_eq!(numbers, 1_024);
            assert!(reader.read_uleb128().is_ok() && reader.read_uleb128_u16().is_ok(), "the next kind of entry");
        });
    }
}
