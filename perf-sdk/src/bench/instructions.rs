//! Where callgrind counts: one function that runs the operations, and that nothing is inlined into.

use crate::record;

/// A pattern of the symbol of `counted`, for callgrind's `--toggle-collect`.
pub const COUNTED: &str = "*perf_sdk*bench*instructions*counted*";

/// Runs the operation with recording off: what remains of a profiled call is a load and a branch,
/// the same in each process. What recording takes depends on when a thread is switched out.
pub(super) fn run(call: &mut dyn FnMut(), warm_up: u32, iterations: u32) {
    record::set_recording(false);
    (0..warm_up).for_each(|_| call());
    counted(call, iterations);
}

// A function without type parameters has one symbol, and callgrind finds it where it is not
// inlined.
#[inline(never)]
fn counted(call: &mut dyn FnMut(), iterations: u32) {
    // Without further functions in between.
    for _ in 0..iterations {
        call();
    }
}
