//! The guard of an open call.

use std::thread;

use super::absence;
use super::fast::{self, Exit};
use super::slow;
use crate::clock;
use crate::outcome::Outcome;
use crate::record::store::in_place_timing::Part;
use crate::record::store::node::Node;
use crate::record::store::place::Place;
use crate::record::store::stack::Kind;
use crate::record::store::thread::ThreadRecord;
use crate::record::switch;
use crate::scope::{Site, Slot};

/// An open call. Dropping it ends the call, as a panic if the thread is unwinding, otherwise as
/// [`Outcome::Ok`].
///
/// Not `Send`, because it belongs to its thread's stack of open calls. Guards that drop out of
/// order are repaired and counted.
#[derive(Debug)]
#[must_use = "the call ends when the guard drops"]
pub struct Guard {
    /// `None` if there is nothing to end.
    record: Option<&'static ThreadRecord>,
    /// It contains a pointer, so the guard is not `Send`.
    place: Place,
}

/// Begins a call of `site`.
// PERF: inlined, as is the end: a count-only call costs less than a function call.
#[inline]
pub fn enter(site: &'static Site) -> Guard {
    if site.rests() || switch::is_off() {
        return Guard::nothing();
    }
    if !thread::panicking() {
        let slot = Slot::get();
        if let Some(record) = ThreadRecord::of(slot) {
            let top = record.top();
            let node = top.last_child();
            if node.is(site) {
                let ahead = node.blocks.ahead();
                if ahead == 0 {
                    return measure(record, top, node);
                }
                if !clock::may_have_left() {
                    node.blocks.pass(ahead);
                    // It is a single store, so an interrupting signal handler finds either the
                    // caller or this call, and leaves it unchanged.
                    record.set_top(node);
                    return Guard::new(record, Place::passed(top));
                }
            }
        }
    }
    begin(site)
}

/// Begins a call that is measured.
// PERF: what is rare is called last, with these arguments, so that no register is saved.
#[inline(never)]
fn measure(record: &'static ThreadRecord, top: &'static Node, node: &'static Node) -> Guard {
    if node.blocks.stays_at_one()
        && !record.in_place.is_due(record.serial())
        && let Some(here) = record.home.here()
    {
        here.slot().set(Slot::BUSY);
        let opened = fast::enter_plain(record, here, top, node, Kind::Call);
        here.slot().set(record.slot());
        if let Some((place, _)) = opened {
            return Guard::new(record, place);
        }
    }
    measure_any(record, node)
}

/// As [`measure`], with any weight, and for the calls whose begin is timed.
#[inline(never)]
fn measure_any(record: &'static ThreadRecord, node: &'static Node) -> Guard {
    let Some(site) = node.site() else { return Guard::nothing() };
    let top = record.top();
    if record.in_place.is_due(record.serial()) {
        // PERF: by value, so that the arguments stay in registers.
        return time_beginning(record, move || measure(record, top, node));
    }
    let Some(weight) = node.blocks.weight() else { return begin(site) };
    // Not with the `syscall` clock: the system call takes so long that the caches do not matter.
    if weight > 1 && !record.cpu_sampled() {
        rehearse(record, top, node);
        // Its block may have been abandoned meanwhile.
        if node.blocks.weight() != Some(weight) {
            return begin(site);
        }
    }
    Slot::BUSY.set();
    let place = fast::enter(record, top, node, site, weight);
    record.leave_busy();
    match place {
        Some(place) => Guard::new(record, place),
        None => begin(site),
    }
}

/// A warm-up: an empty call that is not recorded.
///
/// Code that runs once in thousands of calls is not in the caches. It was seen to make a call of 50
/// ns read as 230 ns, and that would be multiplied by the call's weight.
#[cold]
#[inline(never)]
fn rehearse(record: &'static ThreadRecord, top: &'static Node, due: &'static Node) {
    Slot::BUSY.set();
    record.rehearsals.add(1);
    // Takes a new anchor of the CPU clock if one is due, so that both calls use the fast path.
    let _ = record.cpu_enter();
    absence::note_asked(record, due);
    absence::note_absence(record, top, top);
    let place = record.rehearsal().and_then(|(node, site)| fast::enter(record, top, node, site, node.blocks.weight()?));
    record.leave_busy();
    // As the call ends that stands for others.
    if let Some(place) = place {
        end_any(record, place, Outcome::Ok, record.wall.ticks());
    }
}

/// Begins a call whose begin and end are timed.
#[cold]
#[inline(never)]
fn time_beginning(record: &'static ThreadRecord, begin: impl FnOnce() -> Guard) -> Guard {
    let (guard, took) = record.time(|_| begin());
    let mut guard = guard.unwrap_or_else(Guard::nothing);
    if guard.record.is_some() && guard.place.is_plain() && !record.borrowed.get() {
        let sampled = slow::weight_of(record, guard.place) > 1;
        record.timed(took, if sampled { Part::BeginSampled } else { Part::Begin });
        guard.place = guard.place.timed();
    }
    guard
}

#[cold]
#[inline(never)]
fn time_end(record: &'static ThreadRecord, place: Place, outcome: Option<Outcome>, ticks: u64) {
    let sampled = slow::weight_of(record, place) > 1;
    let (_, took) = record.time(|start| {
        // The call ended before this work. Since its end is read again, its start is moved by the
        // same time.
        slow::delay(record, place, start.wrapping_sub(ticks).wrapping_add(record.pair()));
        match outcome {
            Some(outcome) => end(record, place, outcome),
            None => end_panicking(record, place),
        }
    });
    record.timed(took, if sampled { Part::EndSampled } else { Part::End });
}

#[cold]
#[inline(never)]
fn begin(site: &'static Site) -> Guard {
    let slot = Slot::get();
    if let Some(record) = ThreadRecord::of(slot) {
        if clock::may_have_left() {
            absence::note_return(record);
            // If it is still true, this thread's CPU clock cannot detect it.
            if !clock::may_have_left() {
                return enter(site);
            }
        }
        if record.in_place.is_due(record.serial()) {
            return time_beginning(record, || begin(site));
        }
    }
    slow::begin(site, empty_call).map_or_else(Guard::nothing, |(record, place)| Guard::new(record, place))
}

/// Begins and ends a call.
pub(in crate::record) fn empty_call(site: &'static Site) {
    drop(enter(site));
}

impl Guard {
    #[inline]
    fn new(record: &'static ThreadRecord, place: Place) -> Self {
        Self { record: Some(record), place }
    }

    pub(in crate::record) fn nothing() -> Self {
        Self { record: None, place: Place::NONE }
    }

    /// Ends the call.
    #[inline]
    pub fn finish(mut self, outcome: Outcome) {
        if let Some(record) = self.record.take()
            && !end_passed(record, self.place, outcome)
        {
            end(record, self.place, outcome);
        }
    }
}

impl Drop for Guard {
    #[inline]
    fn drop(&mut self) {
        let Some(record) = self.record.take() else { return };
        if thread::panicking() {
            end_panicking(record, self.place);
        } else if !end_passed(record, self.place, Outcome::Ok) {
            end(record, self.place, Outcome::Ok);
        }
    }
}

/// Ends a count-only call. False if it is not count-only, is not the innermost one, or the thread
/// left the CPU during it.
#[inline(always)]
fn end_passed(record: &'static ThreadRecord, place: Place, outcome: Outcome) -> bool {
    let Some(below) = place.below() else { return false };
    if clock::may_have_left() {
        return false;
    }
    let node = record.top();
    if !node.is_child_of(below) {
        if !std::ptr::eq(node, below) {
            return false;
        }
        node.count_recursion();
    }
    // PERF: takes the caller from the guard, not from the node, so that the next call need not wait
    // for that load.
    record.set_top(below);
    node.count(outcome);
    true
}

// PERF: as in `measure`, what is rare is called last.
#[inline(never)]
fn end(record: &'static ThreadRecord, place: Place, outcome: Outcome) {
    let Some(here) = record.home.here() else { return end_elsewhere(record, place, outcome) };
    // Read first, so that the following work is not included in the call's time.
    let ticks = record.wall.counter();
    if here.slot().get() != record.slot() {
        return end_any(record, place, outcome, ticks);
    }
    here.slot().set(Slot::BUSY);
    let exit = fast::exit_plain(record, here, place, outcome, ticks);
    match exit {
        Exit::Done => here.slot().set(record.slot()),
        Exit::Full => flush(record),
        Exit::Allocated(node, wall) => fast::add_allocating(record, node, wall, ticks, outcome),
        Exit::Elsewhere(place) => {
            here.slot().set(record.slot());
            end_any(record, place, outcome, ticks);
        }
    }
}

/// The slot is BUSY.
#[cold]
#[inline(never)]
pub(in crate::record) fn flush(record: &'static ThreadRecord) {
    record.flush();
    record.leave_busy();
}

/// As [`end`], by the operating system's clock, or on another thread than the record's.
#[cold]
#[inline(never)]
fn end_elsewhere(record: &'static ThreadRecord, place: Place, outcome: Outcome) {
    end_any(record, place, outcome, record.wall.ticks());
}

/// As [`end`], of a call that is not a plain one.
#[inline(never)]
fn end_any(record: &'static ThreadRecord, place: Place, outcome: Outcome, ticks: u64) {
    if place.is_plain() && Slot::get() == record.slot() {
        Slot::BUSY.set();
        let ended = fast::exit(record, place, outcome, ticks);
        record.leave_busy();
        if ended {
            return;
        }
    }
    end_slowly(record, place, Some(outcome), ticks);
}

/// Ends a call whose guard dropped while the thread was unwinding.
#[cold]
#[inline(never)]
fn end_panicking(record: &'static ThreadRecord, place: Place) {
    end_slowly(record, place, None, record.wall.ticks());
}

#[cold]
#[inline(never)]
fn end_slowly(record: &'static ThreadRecord, place: Place, outcome: Option<Outcome>, ticks: u64) {
    match place.untimed() {
        Some(place) if Slot::get() == record.slot() => time_end(record, place, outcome, ticks),
        untimed => slow::end(record, untimed.unwrap_or(place), outcome, ticks),
    }
}
