//! What jemalloc calls when it picks an allocation, and when a picked one is freed.
//!
//! The hooks allocate nothing, take no lock and make no system call.
#![allow(unsafe_code)]

use std::ffi::{c_uint, c_void};

use super::sample;
use crate::memory::mallctl;

/// Read by jemalloc before the program's first line: able to sample, and not doing so yet, since
/// what it picked before our hooks stand would be freed without our knowing of it.
// A program that has a configuration of its own wins: the linker takes one of the two, or refuses
// both where that is strong too.
#[unsafe(export_name = "_rjem_malloc_conf")]
static CONFIGURATION: Option<&'static std::ffi::c_char> = {
    const TEXT: &[u8] = b"prof:true,prof_active:false,prof_accum:false\0";
    // SAFETY: the text is a static, and not empty.
    Some(unsafe { &*TEXT.as_ptr().cast() })
};

type Backtrace = unsafe extern "C" fn(*mut *mut c_void, *mut c_uint, c_uint);
type Picked = unsafe extern "C" fn(*const c_void, usize, *mut *mut c_void, c_uint, usize);
type Freed = unsafe extern "C" fn(*const c_void, usize);

/// Why the heap is not sampled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unavailable {
    /// The program's own configuration of jemalloc says `prof:false`, or it was built without.
    Off,
    /// jemalloc refuses.
    Refused,
}

/// Samples from now on, one in 2^`lg_rate` bytes. Again with another rate: from then on with that.
///
/// How far a thread is from its next sample was drawn under the rate before: that sample weighs as
/// much as it stands for under that rate.
///
/// **Blind spot.** Of a thread that was neither sampled nor made a profiled call before that is not
/// known: its first sample may weigh too much or too little. Where the rate became finer, as much
/// as the rate before may go by unseen once.
pub(super) fn start(lg_rate: u32) -> Result<(), Unavailable> {
    std::hint::black_box(&CONFIGURATION);
    // SAFETY: by jemalloc's manual a `bool`.
    let able: bool = unsafe { mallctl::read(c"opt.prof") }.map_err(|_| Unavailable::Off)?;
    if !able {
        return Err(Unavailable::Off);
    }
    let refused = |_| Unavailable::Refused;
    let (backtrace, picked_hook, freed_hook): (Backtrace, Picked, Freed) = (scope, picked, freed);
    // SAFETY: the types are those that `prof_hook.h` of jemalloc 5.3 gives these hooks, `size_t`
    // and `bool` by its manual.
    unsafe {
        mallctl::write(c"prof.reset", lg_rate as usize).map_err(refused)?;
        mallctl::write(c"experimental.hooks.prof_backtrace", backtrace).map_err(refused)?;
        mallctl::write(c"experimental.hooks.prof_sample", picked_hook).map_err(refused)?;
        mallctl::write(c"experimental.hooks.prof_sample_free", freed_hook).map_err(refused)?;
        sample::set_rate(lg_rate);
        mallctl::write(c"prof.active", true).map_err(refused)
    }
}

/// Once started: samples no more, or again.
pub(super) fn set_active(active: bool) {
    // SAFETY: by jemalloc's manual a `bool`.
    let _ = unsafe { mallctl::write(c"prof.active", active) };
}

/// In the place of a stack: the current scope.
unsafe extern "C" fn scope(frames: *mut *mut c_void, length: *mut c_uint, _most: c_uint) {
    let path = sample::begin();
    // SAFETY: jemalloc hands over room for at least one frame, and for the number of frames.
    unsafe {
        *frames = path.cast_mut().cast();
        *length = 1;
    }
}

unsafe extern "C" fn picked(
    block: *const c_void,
    _size: usize,
    _frames: *mut *mut c_void,
    _length: c_uint,
    usable: usize,
) {
    sample::take(block.addr(), usable);
}

unsafe extern "C" fn freed(block: *const c_void, _usable: usize) {
    let _ = sample::end(block.addr());
}
