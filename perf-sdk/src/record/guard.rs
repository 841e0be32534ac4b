//! An open call, from the outside.

use std::marker::PhantomData;
use std::thread;

use super::call::{self, leave_busy};
use super::outcome::Outcome;
use super::thread::ThreadRecord;
use super::usual;
use crate::scope::{Site, Slot};

/// An open call: dropping it ends the call, as a panic if the thread is unwinding, as [`Outcome::Ok`] otherwise.
///
/// Not `Send`: it belongs to its thread's stack of open calls. Guards that drop out of order are repaired and counted.
#[derive(Debug)]
#[must_use = "the call ends when the guard drops"]
pub struct Guard {
    /// `None`: nothing to end.
    record: Option<&'static ThreadRecord>,
    place: Place,
    not_send: PhantomData<*mut ()>,
}

/// A frame's depth, and the serial number of the call in it.
// PERF: one word, so that a guard is returned in registers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place(u64);

impl Place {
    #[inline]
    pub(super) fn new(depth: usize, serial: u32) -> Self {
        Self(u64::from(serial) << 32 | depth as u64)
    }

    #[inline]
    pub(super) fn depth(self) -> usize {
        self.0 as u32 as usize
    }

    #[inline]
    pub(super) fn serial(self) -> u32 {
        (self.0 >> 32) as u32
    }
}

/// Begins a call of `site`.
#[inline(never)]
pub fn enter(site: &'static Site) -> Guard {
    if !thread::panicking() {
        let slot = Slot::get();
        if slot.is_record() {
            let record = ThreadRecord::of(slot.as_ptr());
            Slot::BUSY.set();
            let place = usual::enter(record, site);
            leave_busy(record);
            if let Some(place) = place {
                return Guard::new(record, place);
            }
        }
    }
    call::begin(site)
}

impl Guard {
    #[inline]
    pub(super) fn new(record: &'static ThreadRecord, place: Place) -> Self {
        Self { record: Some(record), place, not_send: PhantomData }
    }

    pub(super) fn nothing() -> Self {
        Self { record: None, place: Place(0), not_send: PhantomData }
    }

    /// Ends the call.
    #[inline]
    pub fn finish(mut self, outcome: Outcome) {
        if let Some(record) = self.record.take() {
            end(record, self.place, Some(outcome));
        }
    }
}

impl Drop for Guard {
    #[inline]
    fn drop(&mut self) {
        if let Some(record) = self.record.take() {
            end(record, self.place, None);
        }
    }
}

#[inline(never)]
fn end(record: &'static ThreadRecord, place: Place, outcome: Option<Outcome>) {
    // First: what follows is the recorder's own time, not the call's.
    let ticks = record.wall.ticks();
    if (outcome.is_some() || !thread::panicking()) && Slot::get() == Slot::of(record.scopes()) {
        Slot::BUSY.set();
        let ended = usual::exit(record, place, outcome.unwrap_or(Outcome::Ok), ticks);
        leave_busy(record);
        if ended {
            return;
        }
    }
    call::end(record, place, outcome, ticks);
}
