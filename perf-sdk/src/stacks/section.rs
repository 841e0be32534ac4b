//! The contents of a section of an object file, in pieces that are read on demand.

use std::cell::{Cell, OnceCell};
use std::io::{self, Read};

use flate2::read::ZlibDecoder;

use super::plain_file::{PlainFile, zeros};

/// The number of bytes that are read at once.
pub(super) const PIECE: usize = 16 << 10;
/// The maximum size of a section. In practice, offsets in debug information have 32 bits.
const MOST_BYTES: u64 = 1 << 32;
/// The maximum expansion by deflate.
const MOST_INFLATED: u64 = 1_032;

/// The remaining bytes that may be held of one file.
#[derive(Debug)]
pub(super) struct Room(Cell<usize>);

impl Room {
    pub(super) fn new(bytes: usize) -> Self {
        Self(Cell::new(bytes))
    }

    /// Zeroed bytes within the limit. `None` if it is reached, or there is no memory.
    fn take(&self, length: usize) -> Option<Vec<u8>> {
        let left = self.0.get().checked_sub(length)?;
        let bytes = zeros(length)?;
        self.0.set(left);
        Some(bytes)
    }
}

/// `None` if it cannot be read.
type Piece = Option<Box<[u8]>>;

/// The contents of a section.
#[derive(Debug, Default)]
pub(super) struct Section<'f> {
    length: usize,
    pieces: Vec<OnceCell<Piece>>,
    /// The source of pieces. `None` if everything is in memory.
    source: Option<Source<'f>>,
}

#[derive(Debug)]
struct Source<'f> {
    file: &'f PlainFile,
    offset: u64,
    room: &'f Room,
}

impl<'f> Section<'f> {
    /// A section that is stored uncompressed.
    pub(super) fn plain(file: &'f PlainFile, offset: u64, length: u64, room: &'f Room) -> Option<Self> {
        if offset.checked_add(length)? > file.length() {
            return None;
        }
        let mut section = Self::with_room_for(length)?;
        section.pieces.resize_with(section.length.div_ceil(PIECE), OnceCell::new);
        section.source = Some(Source { file, offset, room });
        Some(section)
    }

    /// Inflates a section from `packed` bytes in the file to the length that the file states, if
    /// that length is possible and there is room.
    pub(super) fn inflated(file: &PlainFile, offset: u64, packed: u64, length: u64, room: &Room) -> Option<Self> {
        let is_possible = length <= packed.saturating_mul(MOST_INFLATED) && length <= room.0.get() as u64;
        if !is_possible || offset.checked_add(packed)? > file.length() {
            return None;
        }
        let mut section = Self::with_room_for(length)?;
        let from = io::BufReader::with_capacity(PIECE, Stretch { file, at: offset, left: packed });
        let mut inflater = ZlibDecoder::new(from);
        let mut left = section.length;
        while left > 0 {
            let mut piece = room.take(left.min(PIECE))?;
            inflater.read_exact(&mut piece).ok()?;
            left -= piece.len();
            section.pieces.push(OnceCell::from(Some(piece.into_boxed_slice())));
        }
        Some(section)
    }

    fn with_room_for(length: u64) -> Option<Self> {
        let length = usize::try_from(length).ok().filter(|length| *length as u64 <= MOST_BYTES)?;
        let mut pieces = Vec::new();
        pieces.try_reserve_exact(length.div_ceil(PIECE)).ok()?;
        Some(Self { length, pieces, source: None })
    }

    pub(super) fn len(&self) -> usize {
        self.length
    }

    /// The contiguous bytes from `at` on, not empty. `None` if `at` is the end, or they cannot be
    /// read.
    #[inline]
    pub(super) fn from(&self, at: usize) -> Option<&[u8]> {
        let piece = self.pieces.get(at / PIECE)?;
        piece.get_or_init(|| self.load(at / PIECE)).as_deref()?.get(at % PIECE..).filter(|bytes| !bytes.is_empty())
    }

    #[cold]
    fn load(&self, index: usize) -> Piece {
        let source = self.source.as_ref()?;
        let start = index * PIECE;
        let mut piece = source.room.take(PIECE.min(self.length - start))?;
        source.file.read_at(source.offset + start as u64, &mut piece)?;
        Some(piece.into_boxed_slice())
    }
}

/// A part of a file that is read in order.
struct Stretch<'f> {
    file: &'f PlainFile,
    at: u64,
    left: u64,
}

impl Read for Stretch<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let length = bytes.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        self.file.read_at(self.at, &mut bytes[..length]).ok_or(io::ErrorKind::UnexpectedEof)?;
        self.at += length as u64;
        self.left -= length as u64;
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn all(section: &Section<'_>) -> Option<Vec<u8>> {
        let mut all = Vec::new();
        while all.len() < section.len() {
            all.extend_from_slice(section.from(all.len())?);
        }
        assert!(section.from(all.len()).is_none());
        Some(all)
    }

    fn bytes() -> Vec<u8> {
        (0..3 * PIECE as u32 + 5).map(|n| (n / 7) as u8).collect()
    }

    #[test]
    fn pieces_are_read_on_demand_and_counted() {
        let file = PlainFile::of_bytes(&bytes());
        let room = Room::new(10 * PIECE);
        let section = Section::plain(&file, 3, bytes().len() as u64 - 3, &room).unwrap();
        assert_eq!(section.from(PIECE + 1).unwrap(), &bytes()[PIECE + 4..2 * PIECE + 3]);
        assert_eq!(room.0.get(), 9 * PIECE);
        assert_eq!(all(&section).unwrap(), &bytes()[3..]);
        assert!(Section::plain(&file, 3, bytes().len() as u64 - 2, &room).is_none());
        assert!(Section::plain(&file, u64::MAX, 2, &room).is_none());
        let little = Room::new(PIECE);
        let section = Section::plain(&file, 0, 3 * PIECE as u64, &little).unwrap();
        assert!(section.from(0).is_some() && section.from(PIECE).is_none());
    }

    #[test]
    fn an_impossible_length_in_a_file_is_rejected() {
        let mut packed = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(&bytes()).unwrap();
        let packed = packed.finish().unwrap();
        let file = PlainFile::of_bytes(&packed);
        let length = bytes().len() as u64;
        let inflated = |packed, length, room| Section::inflated(&file, 0, packed, length, &Room::new(room)).is_some();
        let packed = packed.len() as u64;
        let room = Room::new(1 << 20);
        assert_eq!(all(&Section::inflated(&file, 0, packed, length, &room).unwrap()).unwrap(), bytes());
        assert_eq!(room.0.get(), (1 << 20) - bytes().len());
        assert!(!inflated(packed, 1 << 50, usize::MAX), "more than deflate can make");
        assert!(!inflated(packed, length + 1, usize::MAX) && !inflated(packed - 9, length, usize::MAX));
        assert!(!inflated(packed + 1, length, usize::MAX), "more than the file has");
        assert!(!inflated(packed, length, bytes().len() - 1), "no room");
    }
}
