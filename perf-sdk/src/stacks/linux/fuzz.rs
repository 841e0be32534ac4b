//! Fuzzing of the unwinder and the parser of unwind tables.

use std::cell::RefCell;
use std::sync::Arc;

use super::super::image::Image;
use super::super::unwind_tables::{Bytes, Copied, Tables};
use super::loaded_images;
use super::registers::Registers;
use super::unwind::{Memory, Unwinder};

/// An endless sequence of words derived from bytes.
struct Words<'a> {
    bytes: &'a [u8],
    mixed: u64,
}

impl Words<'_> {
    fn next(&mut self) -> u64 {
        match self.bytes.split_first_chunk() {
            Some((word, rest)) => {
                self.bytes = rest;
                u64::from_le_bytes(*word)
            }
            None => {
                self.mixed ^= self.mixed << 13;
                self.mixed ^= self.mixed >> 7;
                self.mixed ^= self.mixed << 17;
                self.mixed
            }
        }
    }
}

const CODE: std::ops::Range<u64> = 0x10_0000..0x20_0000;
const HEADER_AT: u64 = 0x20_0000;

/// Walks a stack with registers and words from `bytes`. It uses this program's own tables, or, if
/// the first byte is odd, tables from `bytes`, whose second and third byte give the length of the
/// index.
pub fn unwind(bytes: &[u8]) {
    thread_local! {
        static OWN: (Vec<u64>, Unwinder) = {
            let mut images = loaded_images::images();
            (images.iter().map(|image| image.code.start).collect(), Unwinder::new(&mut images))
        };
        static MEMORY: RefCell<Memory> = RefCell::new(Memory::default());
    }
    let Some(([kind, low, high], rest)) = bytes.split_first_chunk() else { return };
    if kind % 2 == 0 {
        return OWN.with(|(code, unwinder)| MEMORY.with_borrow_mut(|memory| walk(unwinder, code, rest, memory)));
    }
    let (state, tables) = rest.split_at(rest.len().min(128));
    let (header, table) = tables.split_at(tables.len().min(usize::from(u16::from_le_bytes([*low, *high]))));
    // At the address in the header, as for loaded images.
    let table_at = header.get(4..).and_then(|header| header.first_chunk()).map_or(0, |at| i32::from_le_bytes(*at));
    let table_at = (HEADER_AT + 4).wrapping_add_signed(table_at.into());
    let copied = |bytes: &[u8]| {
        let copied = Copied::new(bytes.len(), || Some(bytes.to_vec()));
        Bytes::Copied(Arc::new(copied.expect("room for a few bytes")))
    };
    let mut images = [Image {
        path: "image".into(),
        base: 0,
        code: CODE,
        code_offset: 0,
        build_id: Vec::new(),
        tables: Tables::new(HEADER_AT, copied(header), table_at, copied(table)),
        debug_frame: None,
        has_no_room: false,
        is_program: false,
    }];
    walk(&Unwinder::new(&mut images), &[CODE.start], state, &mut Memory::default());
}

fn walk(unwinder: &Unwinder, code: &[u64], state: &[u8], memory: &mut Memory) {
    let mut words = Words { bytes: state, mixed: 0x9e37_79b9_7f4a_7c15 };
    let stack = 0x7000_0000_0000..0x7000_0001_0000_u64;
    // Half of all words are valid addresses.
    let place = |word: u64| match word % 4 {
        0 => code[(word >> 40) as usize % code.len()].wrapping_add((word >> 8) & 0xf_ffff),
        1 => stack.start + (word >> 8) % 0x2000 * 8,
        _ => word,
    };
    let sp = stack.start + words.next() % 0x1000 * 8;
    let registers = Registers { pc: place(words.next()), sp, fp: place(words.next()), lr: place(words.next()) };
    let (mut frames, mut reads) = (0, 0_u32);
    let read = |_| {
        reads += 1;
        assert!(reads < 1_000_000, "a walk of {frames_most} frames reads without end", frames_most = 300);
        let word = words.next();
        (word % 16 != 15).then(|| place(word))
    };
    unwinder.walk(&registers, &(sp..stack.end), memory, read, |_| {
        frames += 1;
        frames < 300
    });
    assert!(frames <= 300);
}
