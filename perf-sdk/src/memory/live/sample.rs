//! One allocation is sampled, whoever picked it: where it was made, what it stands for, and its
//! end.
//!
//! Allocates nothing, takes no lock and makes no system call.
#![allow(unsafe_code)]

use std::cell::Cell;
use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::owners::{self, NOBODY, PARTS};
use super::stacks::{self, FRAMES};
use super::table::{self, Sampled};
use crate::clock;
use crate::memory::tallies::Ours;
use crate::scope::{Path, Slot};

/// A sample takes a microsecond or a few.
const MOST_NS: u64 = 20_000;

/// Bytes from one sample to the next, in the mean; 0: none was taken.
static RATE: AtomicU64 = AtomicU64::new(0);
/// The largest that this was.
static COARSEST: AtomicU64 = AtomicU64::new(0);
/// Ticks that sampling took, an allocator's own work between two calls included.
static SPENT: AtomicU64 = AtomicU64::new(0);

thread_local! {
    /// The rate under which this thread's way to its next sample was drawn; 0: nobody knows.
    static DRAWN_UNDER: Cell<u64> = const { Cell::new(0) };
    /// When this thread's sample began, in ticks.
    static BEGAN: Cell<u64> = const { Cell::new(0) };
    /// Where it is: the owner and its stack.
    static PLACE: Cell<(u32, u32)> = const { Cell::new((NOBODY, 0)) };
}

/// One in 2^`lg_rate` bytes from now on.
pub(super) fn set_rate(lg_rate: u32) {
    RATE.store(1 << lg_rate, Relaxed);
    COARSEST.fetch_max(1 << lg_rate, Relaxed);
}

/// Bytes from one sample to the next, in the mean; `None` where none was ever taken.
pub(crate) fn sample_bytes() -> Option<u64> {
    Some(RATE.load(Relaxed)).filter(|rate| *rate > 0)
}

/// On a thread that is new: its way to the next sample was drawn a moment ago.
pub(crate) fn note_drawn() {
    DRAWN_UNDER.with(|rate| {
        if rate.get() == 0 {
            rate.set(RATE.load(Relaxed));
        }
    });
}

/// This thread's way to its next sample is drawn now.
pub(super) fn draw() {
    DRAWN_UNDER.with(|rate| rate.set(RATE.load(Relaxed)));
}

/// The most that this was: what is sampled now may have been drawn under that.
pub(crate) fn coarsest_bytes() -> u64 {
    COARSEST.load(Relaxed)
}

/// Time that sampling took so far.
pub(crate) fn sampling_ns() -> u64 {
    clock::wall().ns(SPENT.load(Relaxed))
}

/// This thread's allocation was picked: notes where it is. The current scope's path, null outside
/// of all.
pub(super) fn begin() -> *const Path {
    BEGAN.with(|began| began.set(clock::wall().ticks()));
    if Ours::is_here() { ptr::null() } else { note_place() }
}

/// The current scope's path; it and the stack beneath it are kept for [`take`].
fn note_place() -> *const Path {
    let mut place = (NOBODY, 0);
    let mut path = ptr::null();
    let slot = Slot::get();
    if slot.is_record() {
        // SAFETY: the slot holds this thread's scopes, which are never freed.
        let scopes = unsafe { &*slot.as_ptr() };
        let top = scopes.top.load(Relaxed).cast_const();
        // SAFETY: the top is a node in an arena, which is never freed; a root has no site, and is
        // no scope.
        if unsafe { (*top).site }.is_some() {
            path = top;
        }
        let mut addresses = [0; FRAMES];
        let found = scopes.walk(&mut addresses);
        let owner = owners::number(path);
        place = (owner, stacks::number(owner, &addresses[..found]));
    }
    PLACE.with(|noted| noted.set(place));
    path
}

/// The allocation that was [begun](begin) is this block, of so many bytes. Whether it is kept.
pub(super) fn take(block: usize, bytes: usize) -> bool {
    let now_drawn_under = RATE.load(Relaxed);
    let rate = match DRAWN_UNDER.with(|rate| rate.replace(now_drawn_under)) {
        0 => now_drawn_under,
        rate => rate,
    } as f64;
    if Ours::is_here() {
        spent(BEGAN.with(Cell::get));
        return false;
    }
    let (owner, stack) = PLACE.with(Cell::get);
    let weight = 1.0 / (1.0 - (-(bytes as f64) / rate).exp());
    let sampled = Sampled {
        owner,
        class: owners::class(bytes),
        bytes: (bytes as f64 * weight) as u64,
        parts: (weight * PARTS) as u64,
        born: BEGAN.with(Cell::get),
        stack,
    };
    let is_kept = table::insert(block, sampled);
    if is_kept {
        owners::allocated(sampled.owner, sampled.class, sampled.bytes, sampled.parts);
        stacks::allocated(sampled.stack, sampled.bytes, sampled.parts);
    }
    spent(BEGAN.with(Cell::get));
    is_kept
}

/// A block is freed that may have been sampled. Whether it was.
pub(super) fn end(block: usize) -> bool {
    let ended = clock::wall().ticks();
    let sampled = table::remove(block);
    if let Some(Sampled { owner, bytes, parts, born, .. }) = sampled {
        owners::freed(owner, bytes, parts, clock::wall().ns(ended.saturating_sub(born)) / 1_000);
    }
    spent(ended);
    sampled.is_some()
}

fn spent(began: u64) {
    // Who takes longer was off the CPU meanwhile.
    let most = clock::wall().ticks_of_ns(MOST_NS);
    SPENT.fetch_add(clock::wall().ticks().saturating_sub(began).min(most), Relaxed);
}
