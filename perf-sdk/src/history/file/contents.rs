//! What stands in the records.

use super::super::functions::{Functions, LONGEST_NAME};
use super::super::identity::FunctionId;
use super::super::lane::Stored;
use super::super::levels::{LEVELS, SECONDS, TIMES_LEVELS};
use super::super::marks::{LONGEST_MARK, Mark, Marks};
use super::super::memory::{BODY, Head};
use super::super::series::{Closed, SeriesTable};
use super::journal::Journal;
use crate::histogram::Scale;

/// number (2), key
const SERIES: u8 = 1;
/// number (1), scale (1), since (4), name, and behind a byte of 255 the module if it is known
const FUNCTION: u8 = 2;
/// Points of 10 seconds: index (4), then of each number (2), covered (1), mean (2), excess (2)
const POINTS: u8 = 3;
/// Differences of 10 seconds: index (4), entry
const TIMES: u8 = 4;
/// Points of a checkpoint: number (2), level (1), start (4), points (2), run (2), used (2),
/// mean (2), excess (2), covered (1), sizes (1), the bytes that are used
const BLOCK: u8 = 5;
/// Differences of a checkpoint: level (1), index (4), entry
const ENTRY: u8 = 6;
/// The end of a checkpoint: nothing
const END: u8 = 7;
/// What the program said: time (4), text
const MARK: u8 = 8;

const POINT: usize = 7;
/// The clock was set back if a record is this much earlier than one before.
pub(in crate::history) const WAITED_FOR: u32 = 60;

/// Writes what was closed since the last call, and who was added.
pub(in crate::history) fn append(
    journal: &mut Journal,
    table: &mut SeriesTable,
    functions: &mut Functions,
    marks: &mut Marks,
    times_from: u32,
) {
    marks.take_unwritten().for_each(|mark| write_mark(journal, mark));
    if journal.take_lost() {
        table.ids().for_each(|id| write_series(journal, table, id));
        functions.numbers().for_each(|number| write_function(journal, table, functions, number));
    }
    functions.take_added(|functions, number| write_function(journal, table, functions, number));
    let mut batch = [Closed { id: 0, index: 0, point: Stored::default() }; 64];
    let mut filled = 0;
    let write_points = |journal: &mut Journal, points: &[Closed]| {
        for points in points.chunk_by(|a, b| a.index == b.index) {
            journal.record(POINTS, |into| {
                into.extend_from_slice(&points[0].index.to_le_bytes());
                for Closed { id, point, .. } in points {
                    into.extend_from_slice(&id.to_le_bytes());
                    into.push(point.covered);
                    into.extend_from_slice(&point.mean.to_le_bytes());
                    into.extend_from_slice(&point.excess.to_le_bytes());
                }
            });
        }
    };
    let shared = std::cell::RefCell::new(&mut *journal);
    table.take_closed(
        |id, table| write_series(&mut shared.borrow_mut(), table, id),
        |closed| {
            batch[filled] = closed;
            filled += 1;
            if filled == batch.len() {
                write_points(&mut shared.borrow_mut(), &batch);
                filled = 0;
            }
        },
    );
    write_points(journal, &batch[..filled]);
    for (index, entry) in functions.entries(1, times_from) {
        journal.record(TIMES, |into| {
            into.extend_from_slice(&index.to_le_bytes());
            into.extend_from_slice(entry);
        });
    }
}

/// Writes all that there is, but for single seconds: these would end at the checkpoint.
pub(in crate::history) fn checkpoint(journal: &mut Journal, table: &SeriesTable, functions: &Functions, marks: &Marks) {
    marks.all().for_each(|mark| write_mark(journal, mark));
    for id in table.ids() {
        write_series(journal, table, id);
        for level in 1..LEVELS {
            for (head, body) in table.lane_blocks(id, level) {
                journal.record(BLOCK, |into| {
                    into.extend_from_slice(&id.to_le_bytes());
                    into.push(level as u8);
                    into.extend_from_slice(&head.start.to_le_bytes());
                    into.extend_from_slice(&head.points.to_le_bytes());
                    into.extend_from_slice(&head.run.to_le_bytes());
                    into.extend_from_slice(&head.used.to_le_bytes());
                    into.extend_from_slice(&head.mean.to_le_bytes());
                    into.extend_from_slice(&head.excess.to_le_bytes());
                    into.extend_from_slice(&[head.covered, head.sizes]);
                    into.extend_from_slice(&body[..usize::from(head.used).div_ceil(8).min(BODY)]);
                });
            }
        }
    }
    functions.numbers().for_each(|number| write_function(journal, table, functions, number));
    for level in (1..TIMES_LEVELS).rev() {
        for (index, entry) in functions.entries(level, 0) {
            journal.record(ENTRY, |into| {
                into.push(level as u8);
                into.extend_from_slice(&index.to_le_bytes());
                into.extend_from_slice(entry);
            });
        }
    }
    journal.record(END, |_| ());
}

fn write_mark(journal: &mut Journal, mark: &Mark) {
    journal.record(MARK, |into| {
        into.extend_from_slice(&mark.at.to_le_bytes());
        into.extend_from_slice(mark.text.as_bytes());
    });
}

fn write_series(journal: &mut Journal, table: &SeriesTable, id: u16) {
    journal.record(SERIES, |into| {
        into.extend_from_slice(&id.to_le_bytes());
        into.extend(table.key_of(id));
    });
}

fn write_function(journal: &mut Journal, table: &SeriesTable, functions: &Functions, number: u8) {
    let Some((scale, since, name)) = functions.named(table, number) else { return };
    journal.record(FUNCTION, |into| {
        into.extend_from_slice(&[number, u8::from(scale == Scale::Bytes)]);
        into.extend_from_slice(&since.to_le_bytes());
        into.extend(name);
    });
}

/// Reads a record into the history. `false` if it makes no sense.
pub(in crate::history) fn restore(
    kind: u8,
    payload: &[u8],
    table: &mut SeriesTable,
    functions: &mut Functions,
    marks: &mut Marks,
) -> bool {
    restored(kind, payload, table, functions, marks).is_some()
}

fn restored(
    kind: u8,
    payload: &[u8],
    table: &mut SeriesTable,
    functions: &mut Functions,
    marks: &mut Marks,
) -> Option<()> {
    let mut fields = Fields(payload);
    match kind {
        SERIES => {
            let id = fields.u16()?;
            table.define(id, fields.0)
        }
        FUNCTION => {
            let (number, scale, since) = (fields.u8()?, fields.u8()?, fields.u32()?);
            let name = fields.0;
            let function = FunctionId::read(name).filter(|_| name.len() <= LONGEST_NAME)?;
            let scale = if scale == 1 { Scale::Bytes } else { Scale::Seconds };
            let is_same = functions
                .named(table, number)
                .is_some_and(|(_, same, known)| same == since && known.eq(name.iter().copied()));
            (is_same || functions.define(table, number.into(), function, scale, since)).then_some(())
        }
        POINTS => {
            let index = fields.u32()?;
            turn_back(index, table, functions, marks)?;
            for point in fields.0.chunks_exact(POINT) {
                let mut fields = Fields(point);
                let id = fields.u16()?;
                let (covered, mean, excess) = (fields.u8()?, fields.i16()?, fields.i16()?);
                table.restore(Closed { id, index, point: Stored { covered, mean, excess } });
            }
            Some(())
        }
        TIMES => {
            let index = fields.u32()?;
            turn_back(index, table, functions, marks)?;
            functions.restore(table, 1, index, fields.0, true);
            Some(())
        }
        BLOCK => {
            let (id, level) = (fields.u16()?, fields.u8()?);
            let head = Head {
                start: fields.u32()?,
                points: fields.u16()?,
                run: fields.u16()?,
                used: fields.u16()?,
                mean: fields.i16()?,
                excess: fields.i16()?,
                covered: fields.u8()?,
                sizes: fields.u8()?,
            };
            let mut body = [0; BODY];
            body.get_mut(..fields.0.len())?.copy_from_slice(fields.0);
            table.restore_block(id, level.into(), head, &body);
            Some(())
        }
        ENTRY => {
            let (level, index) = (fields.u8()?, fields.u32()?);
            functions.restore(table, level.into(), index, fields.0, false);
            Some(())
        }
        END => {
            table.restore_open();
            Some(())
        }
        MARK => {
            let at = fields.u32()?;
            let text = std::str::from_utf8(fields.0).ok().filter(|text| text.len() <= LONGEST_MARK)?;
            marks.restore(at, text);
            Some(())
        }
        _ => None,
    }
}

/// If the clock was set back before this record, what is later goes.
fn turn_back(index: u32, table: &mut SeriesTable, functions: &mut Functions, marks: &mut Marks) -> Option<()> {
    let start = index.checked_mul(SECONDS[1])?;
    if start.checked_add(SECONDS[1] + WAITED_FOR)? < table.newest() {
        table.cut(start);
        functions.cut(start);
        marks.cut(start);
    }
    Some(())
}

/// Numbers, one after the other.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*first)
    }

    fn u8(&mut self) -> Option<u8> {
        self.take::<1>().map(|[byte]| byte)
    }

    fn u16(&mut self) -> Option<u16> {
        self.take().map(u16::from_le_bytes)
    }

    fn i16(&mut self) -> Option<i16> {
        self.take().map(i16::from_le_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_le_bytes)
    }
}
