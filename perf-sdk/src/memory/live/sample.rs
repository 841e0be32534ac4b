//! One sampled allocation, whatever sampled it: where it was made, what it stands for, and its end.
//!
//! Nothing here allocates, locks or makes a system call.
#![allow(unsafe_code)]

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::blocks;
use super::owners::{self, NOBODY, PARTS};
use super::stacks::{self, FRAMES};
use super::table::{self, Sampled};
use crate::clock;
use crate::memory::tallies::Ours;
use crate::scope::{CallPath, Slot};

/// The maximum time charged for a sample, which usually takes one or a few microseconds.
const MOST_NS: u64 = 20_000;

/// The mean number of bytes from one sample to the next. 0: none was taken.
static RATE: AtomicU64 = AtomicU64::new(0);
/// The highest value that `RATE` has had.
static COARSEST: AtomicU64 = AtomicU64::new(0);
/// Ticks spent on sampling, including the allocator's own work between the two hooks.
static SPENT: AtomicU64 = AtomicU64::new(0);

thread_local! {
    /// The rate under which this thread's distance to its next sample was drawn. 0: unknown.
    static DRAWN_UNDER: Cell<u64> = const { Cell::new(0) };
    /// The start of this thread's sample, in ticks.
    static BEGAN: Cell<u64> = const { Cell::new(0) };
    /// The place of this thread's sample: the owner and its stack.
    static PLACE: Cell<(u32, u32)> = const { Cell::new((NOBODY, 0)) };
}

/// Samples one in 2^`lg_rate` bytes from now on.
pub(super) fn set_rate(lg_rate: u32) {
    RATE.store(1 << lg_rate, Relaxed);
    COARSEST.fetch_max(1 << lg_rate, Relaxed);
}

/// The mean number of bytes from one sample to the next. `None` if none was ever taken.
pub(crate) fn sample_bytes() -> Option<u64> {
    Some(RATE.load(Relaxed)).filter(|rate| *rate > 0)
}

/// Called on a new thread, whose distance to its next sample was just drawn.
pub(crate) fn note_drawn() {
    DRAWN_UNDER.with(|rate| {
        if rate.get() == 0 {
            rate.set(RATE.load(Relaxed));
        }
    });
}

/// Called when this thread's distance to its next sample is drawn.
pub(super) fn draw() {
    DRAWN_UNDER.with(|rate| rate.set(RATE.load(Relaxed)));
}

/// The highest sampling interval so far: a current sample may have been drawn under it.
pub(crate) fn coarsest_bytes() -> u64 {
    COARSEST.load(Relaxed)
}

/// The total time that sampling took.
pub(crate) fn sampling_ns() -> u64 {
    clock::wall().ns(SPENT.load(Relaxed))
}

/// Called when this thread's allocation is sampled: stores its place. Returns the current scope's
/// path, `None` outside of all scopes.
pub(super) fn begin() -> Option<CallPath> {
    BEGAN.with(|began| began.set(clock::wall().ticks()));
    if Ours::is_here() { None } else { note_place() }
}

/// Stores the current scope and its stack for [`take`]. Returns the scope's path.
fn note_place() -> Option<CallPath> {
    let mut place = (NOBODY, 0);
    let mut path = None;
    let slot = Slot::get();
    if slot.is_record() {
        // SAFETY: the slot points to this thread's scopes, which are never freed.
        let scopes = unsafe { &*slot.as_ptr() };
        // SAFETY: as above.
        let top = unsafe { scopes.top() };
        // A root has no site, and is no scope.
        path = top.get().site.is_some().then_some(top);
        let mut addresses = [0; FRAMES];
        let found = scopes.walk(&mut addresses);
        let owner = owners::number(path);
        place = (owner, stacks::number(owner, &addresses[..found]));
    }
    PLACE.with(|noted| noted.set(place));
    path
}

/// Completes the sample that was [begun](begin), with the address and the size of its block.
/// Returns whether it is kept.
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
        blocks::allocated(sampled.owner, sampled.class, bytes, sampled.parts);
        stacks::allocated(sampled.stack, sampled.bytes, sampled.parts);
    }
    spent(BEGAN.with(Cell::get));
    is_kept
}

/// Called when a block is freed that may have been sampled. Returns whether it was.
pub(super) fn end(block: usize) -> bool {
    let ended = clock::wall().ticks();
    let sampled = table::remove(block);
    if let Some(Sampled { owner, class, bytes, parts, born, .. }) = sampled {
        blocks::freed(owner, class, parts);
        owners::freed(owner, bytes, parts, clock::wall().ns(ended.saturating_sub(born)) / 1_000);
    }
    spent(ended);
    sampled.is_some()
}

fn spent(began: u64) {
    // If it took longer, the thread was off the CPU meanwhile.
    let most = clock::wall().ticks_of_ns(MOST_NS);
    SPENT.fetch_add(clock::wall().ticks().saturating_sub(began).min(most), Relaxed);
}
