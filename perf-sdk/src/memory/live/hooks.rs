//! What jemalloc calls when it picks an allocation, and when a picked one is freed.
//!
//! The hooks allocate nothing, take no lock and make no system call.
#![allow(unsafe_code)]

use std::cell::Cell;
use std::ffi::{c_uint, c_void};
use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::owners::{self, NOBODY, PARTS};
use super::stacks::{self, FRAMES};
use super::table::{self, Sampled};
use crate::clock;
use crate::memory::tallies::Ours;
use crate::memory::{is_jemalloc, mallctl};
use crate::scope::{Path, Slot};

/// Read by jemalloc before the program's first line: able to sample, and not doing so yet, since what it picked before our hooks stand would be freed
/// without our knowing of it.
// A program that has a configuration of its own wins: the linker takes one of the two, or refuses both where that is strong too.
#[unsafe(export_name = "_rjem_malloc_conf")]
static CONFIGURATION: Option<&'static std::ffi::c_char> = {
    const TEXT: &[u8] = b"prof:true,prof_active:false,prof_accum:false\0";
    // SAFETY: the text is a static, and not empty.
    Some(unsafe { &*TEXT.as_ptr().cast() })
};

/// A sample takes a microsecond or a few.
const MOST_NS: u64 = 20_000;

/// Bytes from one sample to the next, in the mean; 0: none is taken.
static RATE: AtomicU64 = AtomicU64::new(0);
/// The largest that this was.
static COARSEST: AtomicU64 = AtomicU64::new(0);
/// Ticks that sampling took, jemalloc's own work between its two calls of our hooks included.
static SPENT: AtomicU64 = AtomicU64::new(0);

thread_local! {
    /// The rate under which this thread's way to its next sample was drawn; 0: nobody knows.
    static DRAWN_UNDER: Cell<u64> = const { Cell::new(0) };
    /// When this thread's sample began, in ticks.
    static BEGAN: Cell<u64> = const { Cell::new(0) };
    /// Where it is: the owner and its stack.
    static PLACE: Cell<(u32, u32)> = const { Cell::new((NOBODY, 0)) };
}

type Backtrace = unsafe extern "C" fn(*mut *mut c_void, *mut c_uint, c_uint);
type Picked = unsafe extern "C" fn(*const c_void, usize, *mut *mut c_void, c_uint, usize);
type Freed = unsafe extern "C" fn(*const c_void, usize);

/// Why the heap is not sampled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unavailable {
    /// The program's allocator is another one.
    OtherAllocator,
    /// The program's own configuration of jemalloc says `prof:false`, or it was built without.
    Off,
    /// jemalloc refuses.
    Refused,
}

/// Samples from now on, one in 2^`lg_rate` bytes. Again with another rate: from then on with that.
///
/// How far a thread is from its next sample was drawn under the rate before: that sample weighs as much as it stands for under that rate.
///
/// **Blind spot.** Of a thread that was neither sampled nor made a profiled call before that is not known: its first sample may weigh too much or too little. Where the rate became
/// finer, as much as the rate before may go by unseen once.
pub(super) fn start(lg_rate: u32) -> Result<(), Unavailable> {
    std::hint::black_box(&CONFIGURATION);
    if !is_jemalloc() {
        return Err(Unavailable::OtherAllocator);
    }
    // SAFETY: by jemalloc's manual a `bool`.
    let able: bool = unsafe { mallctl::read(c"opt.prof") }.map_err(|_| Unavailable::Off)?;
    if !able {
        return Err(Unavailable::Off);
    }
    let refused = |_| Unavailable::Refused;
    let (backtrace, picked_hook, freed_hook): (Backtrace, Picked, Freed) = (scope, picked, freed);
    // SAFETY: the types are those that `prof_hook.h` of jemalloc 5.3 gives these hooks, `size_t` and `bool` by its manual.
    unsafe {
        mallctl::write(c"prof.reset", lg_rate as usize).map_err(refused)?;
        mallctl::write(c"experimental.hooks.prof_backtrace", backtrace).map_err(refused)?;
        mallctl::write(c"experimental.hooks.prof_sample", picked_hook).map_err(refused)?;
        mallctl::write(c"experimental.hooks.prof_sample_free", freed_hook).map_err(refused)?;
        RATE.store(1 << lg_rate, Relaxed);
        COARSEST.fetch_max(1 << lg_rate, Relaxed);
        mallctl::write(c"prof.active", true).map_err(refused)
    }
}

/// Once started: samples no more, or again.
pub(super) fn set_active(active: bool) {
    // SAFETY: by jemalloc's manual a `bool`.
    let _ = unsafe { mallctl::write(c"prof.active", active) };
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

/// The most that this was: what is sampled now may have been drawn under that.
pub(crate) fn coarsest_bytes() -> u64 {
    COARSEST.load(Relaxed)
}

/// Time that sampling took so far.
pub(crate) fn sampling_ns() -> u64 {
    clock::wall().ns(SPENT.load(Relaxed))
}

/// In the place of a stack: the current scope.
unsafe extern "C" fn scope(frames: *mut *mut c_void, length: *mut c_uint, _most: c_uint) {
    BEGAN.with(|began| began.set(clock::wall().ticks()));
    let path = if Ours::is_here() { ptr::null() } else { note_place() };
    // SAFETY: jemalloc hands over room for at least one frame, and for the number of frames.
    unsafe {
        *frames = path.cast_mut().cast();
        *length = 1;
    }
}

/// The current scope's path, null outside of all; it and the stack beneath it are kept for `picked`.
fn note_place() -> *const Path {
    let mut place = (NOBODY, 0);
    let mut path = ptr::null();
    let slot = Slot::get();
    if slot.is_record() {
        // SAFETY: the slot holds this thread's scopes, which are never freed.
        let scopes = unsafe { &*slot.as_ptr() };
        let top = scopes.top.load(Relaxed).cast_const();
        // SAFETY: the top is a node in an arena, which is never freed; a root has no site, and is no scope.
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

unsafe extern "C" fn picked(
    block: *const c_void,
    _size: usize,
    _frames: *mut *mut c_void,
    _length: c_uint,
    usable: usize,
) {
    let now_drawn_under = RATE.load(Relaxed);
    let rate = match DRAWN_UNDER.with(|rate| rate.replace(now_drawn_under)) {
        0 => now_drawn_under,
        rate => rate,
    } as f64;
    if Ours::is_here() {
        return spent(BEGAN.with(Cell::get));
    }
    let (owner, stack) = PLACE.with(Cell::get);
    let weight = 1.0 / (1.0 - (-(usable as f64) / rate).exp());
    let sampled = Sampled {
        owner,
        class: owners::class(usable),
        bytes: (usable as f64 * weight) as u64,
        parts: (weight * PARTS) as u64,
        born: BEGAN.with(Cell::get),
        stack,
    };
    if table::insert(block.addr(), sampled) {
        owners::allocated(sampled.owner, sampled.class, sampled.bytes, sampled.parts);
        stacks::allocated(sampled.stack, sampled.bytes, sampled.parts);
    }
    spent(BEGAN.with(Cell::get));
}

fn spent(began: u64) {
    // Who takes longer was off the CPU meanwhile.
    let most = clock::wall().ticks_of_ns(MOST_NS);
    SPENT.fetch_add(clock::wall().ticks().saturating_sub(began).min(most), Relaxed);
}

unsafe extern "C" fn freed(block: *const c_void, _usable: usize) {
    let began = clock::wall().ticks();
    if let Some(Sampled { owner, bytes, parts, born, .. }) = table::remove(block.addr()) {
        owners::freed(owner, bytes, parts, clock::wall().ns(began.saturating_sub(born)) / 1_000);
    }
    spent(began);
}
