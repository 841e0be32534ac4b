//! Where the thread-locals of a record's owner are.
#![allow(unsafe_code)]

use std::cell::Cell;
use std::marker::PhantomData;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering::Relaxed};

use crate::clock::Wall;
use crate::memory::{Tallies, TallyCells};
use crate::scope::Slot;

/// The addresses of the owner's slot and tallies, where its time is the processor's counter.
// PERF: a library reaches a thread-local by a call, for which its caller saves all registers. The
// linker removes that call from a program, but not what was done for it: a quarter of a measured
// call.
#[derive(Debug)]
pub(in crate::record) struct Home {
    /// Which thread it is; 0 if there is no owner, or no counter.
    thread: AtomicUsize,
    slot: AtomicPtr<Cell<Slot>>,
    tallies: AtomicPtr<TallyCells>,
}

/// Proves that the calling thread is the owner, and that its time is the processor's counter.
#[derive(Clone, Copy)]
pub(in crate::record) struct Here {
    slot: NonNull<Cell<Slot>>,
    tallies: NonNull<TallyCells>,
    /// It stays on its thread.
    _unsent: PhantomData<*const ()>,
}

impl Home {
    /// Of the calling thread.
    pub(in crate::record) fn new(wall: &Wall) -> Self {
        let home = Self {
            thread: AtomicUsize::new(0),
            slot: AtomicPtr::new(ptr::null_mut()),
            tallies: AtomicPtr::new(ptr::null_mut()),
        };
        home.move_in(wall);
        home
    }

    /// Owner only: from now on it is that of the calling thread, whose time this is. It
    /// [moves out](Self::move_out) before it ends.
    pub(in crate::record) fn move_in(&self, wall: &Wall) {
        if !wall.has_counter() {
            return;
        }
        self.slot.store(Slot::cell().as_ptr(), Relaxed);
        self.tallies.store(TallyCells::of_thread().as_ptr(), Relaxed);
        self.thread.store(thread(), Relaxed);
    }

    /// Owner only, before it gives the record back.
    pub(in crate::record) fn move_out(&self) {
        self.thread.store(0, Relaxed);
    }

    /// `None` on any other thread than the owner's, and where there is no counter.
    #[inline(always)]
    pub(in crate::record) fn here(&self) -> Option<Here> {
        if self.thread.load(Relaxed) != thread() {
            return None;
        }
        // SAFETY: who wrote what identifies this thread wrote both before, in `move_in`: this
        // thread, since each one moves out of what it moved into before it ends.
        let (slot, tallies) = unsafe {
            (NonNull::new_unchecked(self.slot.load(Relaxed)), NonNull::new_unchecked(self.tallies.load(Relaxed)))
        };
        Some(Here { slot, tallies, _unsent: PhantomData })
    }
}

impl Here {
    #[inline(always)]
    pub(in crate::record) fn slot(&self) -> &Cell<Slot> {
        // SAFETY: it is a thread-local without a destructor of this thread, which runs.
        unsafe { self.slot.as_ref() }
    }

    /// The current tallies.
    #[inline(always)]
    pub(in crate::record) fn tallies(&self) -> Tallies {
        // SAFETY: as above.
        unsafe { self.tallies.as_ref() }.now()
    }

    /// Whether anything was allocated, freed or reallocated since this reading.
    #[inline(always)]
    pub(in crate::record) fn differs(&self, earlier: &Tallies) -> bool {
        // SAFETY: as above.
        unsafe { self.tallies.as_ref() }.differs(earlier)
    }
}

/// Identifies the calling thread among those that run.
#[cfg(all(
    target_os = "linux",
    target_endian = "little",
    any(target_arch = "x86_64", target_arch = "aarch64"),
    not(miri)
))]
#[inline(always)]
fn thread() -> usize {
    crate::clock::thread_pointer().addr()
}

/// Identifies the calling thread among those that run.
#[cfg(not(all(
    target_os = "linux",
    target_endian = "little",
    any(target_arch = "x86_64", target_arch = "aarch64"),
    not(miri)
)))]
fn thread() -> usize {
    Slot::cell().addr().get()
}
