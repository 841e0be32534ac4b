//! The hooks that jemalloc calls when it samples an allocation, and when a sampled one is freed.
//!
//! The hooks do not allocate, lock or make a system call.
#![allow(unsafe_code)]

use std::ffi::{c_uint, c_void};

use super::sample;
use super::unavailable::Unavailable;
use crate::memory::mallctl;
use crate::scope::CallPath;

/// Read by jemalloc before `main`. It enables sampling, but leaves it inactive: jemalloc would not
/// report the free of a block that it sampled before these hooks were installed.
// A program's own configuration takes precedence: the linker uses one of the two, or reports an
// error if that one is a strong symbol too.
#[unsafe(export_name = "_rjem_malloc_conf")]
static CONFIGURATION: Option<&'static std::ffi::c_char> = {
    const TEXT: &[u8] = b"prof:true,prof_active:false,prof_accum:false\0";
    // SAFETY: the text is a static, and not empty.
    Some(unsafe { &*TEXT.as_ptr().cast() })
};

type Backtrace = unsafe extern "C" fn(*mut *mut c_void, *mut c_uint, c_uint);
type Picked = unsafe extern "C" fn(*const c_void, usize, *mut *mut c_void, c_uint, usize);
type Freed = unsafe extern "C" fn(*const c_void, usize);

/// Samples one in 2^`lg_rate` bytes from now on. Further calls change the rate.
///
/// A thread's distance to its next sample was drawn under the previous rate. That sample is
/// weighted by the previous rate.
///
/// **Blind spot.** The previous rate is unknown for a thread that was not sampled and made no
/// profiled call before: the weight of its first sample may be too large or too small. If the new
/// rate is finer, a thread may once allocate as much as under the previous rate without a sample.
pub(super) fn start(lg_rate: u32) -> Result<(), Unavailable> {
    std::hint::black_box(&CONFIGURATION);
    // SAFETY: a `bool`, by jemalloc's manual.
    let able: bool = unsafe { mallctl::read(c"opt.prof") }.map_err(|_| Unavailable::Off)?;
    if !able {
        return Err(Unavailable::Off);
    }
    let refused = |_| Unavailable::Refused;
    let (backtrace, picked_hook, freed_hook): (Backtrace, Picked, Freed) = (scope, picked, freed);
    // SAFETY: `prof_hook.h` of jemalloc 5.3 declares the hooks with these types. `size_t` and
    // `bool` are by its manual.
    unsafe {
        mallctl::write(c"prof.reset", lg_rate as usize).map_err(refused)?;
        mallctl::write(c"experimental.hooks.prof_backtrace", backtrace).map_err(refused)?;
        mallctl::write(c"experimental.hooks.prof_sample", picked_hook).map_err(refused)?;
        mallctl::write(c"experimental.hooks.prof_sample_free", freed_hook).map_err(refused)?;
        sample::set_rate(lg_rate);
        mallctl::write(c"prof.active", true).map_err(refused)
    }
}

/// Stops or resumes sampling, once it was started.
pub(super) fn set_active(active: bool) {
    // SAFETY: a `bool`, by jemalloc's manual.
    let _ = unsafe { mallctl::write(c"prof.active", active) };
}

/// Called instead of an unwinder: stores the current scope as the stack.
unsafe extern "C" fn scope(frames: *mut *mut c_void, length: *mut c_uint, _most: c_uint) {
    let path = sample::begin();
    // SAFETY: jemalloc passes room for at least one frame, and for the number of frames.
    unsafe {
        *frames = path.map_or(std::ptr::null(), CallPath::as_ptr).cast_mut().cast();
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
