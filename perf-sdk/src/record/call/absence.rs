//! Where a thread was when it left the CPU, and what asking the kernel for that takes.

use crate::clock::{self, Absence};
use crate::record::store::node::Node;
use crate::record::store::thread::ThreadRecord;
use crate::scope::Slot;

/// The thread has left the CPU, maybe, since it came to be in `node`, which is counted only: how
/// long. The slot is BUSY.
#[inline]
pub(in crate::record) fn note_switch(record: &'static ThreadRecord, node: &'static Node) {
    if clock::may_have_left() {
        anchor(record, node);
    }
}

/// The same before a call begins; the slot holds the record.
#[cold]
#[inline(never)]
pub(in crate::record) fn note_return(record: &'static ThreadRecord) {
    Slot::BUSY.set();
    anchor(record, record.top());
    record.leave_busy();
}

#[cold]
#[inline(never)]
fn anchor(record: &'static ThreadRecord, node: &'static Node) {
    record.cpu().note_switch(record.wall);
    note_asked(record, node);
    note_absence(record, node, node);
}

/// What a new anchor of the CPU clock told, if there was one: how long the thread was off the CPU
/// in `node`, and then in `next`.
#[inline]
pub(in crate::record) fn note_absence(record: &'static ThreadRecord, node: &'static Node, next: &'static Node) {
    let absence = record.cpu().take_absence();
    if absence != Absence::default() {
        node.absent.add(absence.before as u64);
        next.absent.add(absence.after as u64);
    }
    record.note_cpu_offset();
}

/// What measuring a call of `node` cost if it made the CPU clock ask the kernel: the budget has to
/// know.
pub(in crate::record) fn note_asked(record: &'static ThreadRecord, node: &'static Node) {
    let ticks = record.cpu().take_asked();
    if ticks > 0
        && let Some(shard) = node.shard()
    {
        shard.asked.add(ticks);
    }
}
