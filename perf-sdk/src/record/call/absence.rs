//! Attributes time off the CPU to the node in which the thread was, and the cost of asking the
//! kernel for it.

use crate::clock::{self, Absence};
use crate::record::store::node::Node;
use crate::record::store::thread::ThreadRecord;
use crate::scope::Slot;

/// Called when the thread may have left the CPU since it entered `node`, which is count-only.
/// Records for how long. The slot is BUSY.
#[inline]
pub(in crate::record) fn note_switch(record: &'static ThreadRecord, node: &'static Node) {
    if clock::may_have_left() {
        anchor(record, node);
    }
}

/// The same before a call begins. The slot holds the record.
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
    record.cpu_note_switch();
    note_asked(record, node);
    note_absence(record, node, node);
}

/// Attributes the time off the CPU that a new anchor of the CPU clock revealed, if there was one:
/// the part before the reading to `node`, and the part after it to `next`.
#[inline]
pub(in crate::record) fn note_absence(record: &'static ThreadRecord, node: &'static Node, next: &'static Node) {
    let absence = record.cpu_take_absence();
    if absence != Absence::default() {
        node.absent.add(absence.before as u64);
        next.absent.add(absence.after as u64);
    }
    record.note_cpu_offset();
}

/// Adds the cost of asking the kernel while a call of `node` was measured, for the budget.
pub(in crate::record) fn note_asked(record: &'static ThreadRecord, node: &'static Node) {
    let ticks = record.cpu_take_asked();
    if ticks > 0
        && let Some(shard) = node.shard()
    {
        shard.asked.add(ticks);
    }
}
