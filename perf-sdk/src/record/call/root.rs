//! The begin and the end of calls of roots, of which the slowest are kept. The slot is BUSY, unless
//! a function says otherwise.

use crate::clock;
use crate::outcome::Outcome;
use crate::record::slowest::{admission, table};
use crate::record::store::dropped::{self, Reason};
use crate::record::store::exemplar;
use crate::record::store::measured::Measured;
use crate::record::store::thread::ThreadRecord;
use crate::record::store::trail::{Step, Trail, What, Whole};
use crate::scope::Slot;

/// A call begins in the frame at `depth`.
#[cold]
#[inline(never)]
pub(super) fn begin(record: &'static ThreadRecord, depth: usize) {
    let Some(trail) = Trail::begin() else { return };
    if record.roots.open(&record.ring, depth, trail, false) {
        note_context(record, trail);
    } else {
        trail.forget();
    }
}

/// A poll of a call begins in the frame at `depth`.
#[cold]
#[inline(never)]
pub(super) fn resume(record: &'static ThreadRecord, depth: usize, trail: Option<Trail>) {
    let Some(trail) = trail else { return };
    if record.roots.open(&record.ring, depth, trail, true) {
        note_context(record, trail);
    } else {
        trail.note_dropped(1);
    }
}

fn note_context(record: &ThreadRecord, trail: Trail) {
    trail.note_labels(record.labels());
    trail.note_span(record.span());
}

/// A poll of a call ended, in the frame at `depth`.
#[cold]
#[inline(never)]
pub(super) fn pause(record: &'static ThreadRecord, depth: usize, measured: &Measured) {
    if let Some(trail) = record.roots.close(&record.ring, depth) {
        let thread = record.owner().unwrap_or(0);
        trail.push(&Step { what: What::Poll { thread }, end: measured.end, wall: measured.wall });
    }
}

/// The call ended: it is kept if it is one of the slowest.
#[cold]
#[inline(never)]
pub(super) fn end(record: &'static ThreadRecord, trail: Option<Trail>, whole: &Whole) {
    let ns = record.wall.ns(whole.wall.max(0) as u64);
    let window = admission::window(record.wall, whole.end);
    let root = whole.node.site().and_then(table::of);
    let wanted = root.map(|root| (root, root.wants(ns, whole.outcome != Outcome::Ok, window)));
    let Some((root, wanted)) = wanted.filter(|(_, wanted)| wanted.keepers() > 0) else {
        if let Some(trail) = trail {
            trail.forget();
        }
        if root.is_none() {
            dropped::count(Reason::Roots);
        }
        return;
    };
    // Without a trail its own figures are kept.
    let trail = trail.or_else(|| Trail::begin().inspect(|trail| trail.note_dropped(1)));
    let Some(trail) = trail else { return dropped::count(Reason::Roots) };
    note_trace(record, trail);
    let keep = || trail.keep(whole, wanted.keepers());
    let is_kept = keep() || {
        admission::clear(window);
        keep()
    };
    if is_kept {
        root.keep(ns, wanted, window, trail);
    } else {
        trail.forget();
        dropped::count(Reason::Roots);
    }
}

/// Asks the hook for the trace. The slot holds the record meanwhile, because the hook may call
/// profiled functions.
fn note_trace(record: &'static ThreadRecord, trail: Trail) {
    let Some(hook) = exemplar::hook().filter(|_| !trail.has_span() && !record.asking.replace(true)) else { return };
    record.leave_busy();
    let context = hook();
    Slot::BUSY.set();
    record.asking.set(false);
    trail.note_span(context.map(|context| context.words()));
}

/// If a call of a root runs on this thread, notes what just ended after so many ticks. The slot is
/// not BUSY.
pub(in crate::record) fn note(wall_ticks: u64, what: impl FnOnce() -> What) {
    if let Some(record) = ThreadRecord::of(Slot::get())
        && record.roots.any()
    {
        let step = Step { what: what(), end: record.wall.ticks(), wall: wall_ticks as i64 };
        Slot::BUSY.set();
        record.roots.note(&step);
        record.leave_busy();
    }
}

/// Notes a statement of a database that took so long: see [`note`].
pub(crate) fn note_query(text: &'static str, ns: u64, outcome: Outcome) {
    note(clock::wall().ticks_of_ns(ns), || What::Query { text, outcome });
}
