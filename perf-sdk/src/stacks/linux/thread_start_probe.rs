//! Finds the outermost frame of threads under musl, by a thread that walks its own stack.
#![allow(unsafe_code)]

use std::sync::mpsc;

use super::first_frames::{set_thread_start, thread_start};
use super::handler_stacks::WALK_BYTES;
use super::own_stack::own_stack;
use super::registers::here;
use super::walkers::with_unwinder;
use crate::base::os_thread::{self, OsThread};

/// Finds the address of the outermost frame of threads. An unwinder must be in use.
///
/// **Cost.** A thread that ends at once, some 50 µs, the first time.
pub(super) fn learn_thread_start() {
    if thread_start() != 0 {
        return;
    }
    let (say, hear) = mpsc::sync_channel(1);
    let thread = OsThread::with_stack("perf-sdk-probe", 2 * WALK_BYTES, move || {
        let _ = say.send(start_of_this());
    });
    if let Ok(Some(start)) = hear.recv() {
        set_thread_start(start);
    }
    thread.into_iter().for_each(OsThread::join);
}

/// On one of our threads: the frame that called its function.
#[inline(never)]
fn start_of_this() -> Option<u64> {
    let (stack, (registers, _)) = (own_stack()?, here());
    let stack = stack.contains(&registers.sp).then_some(registers.sp..stack.end)?;
    let read = |address: u64| {
        let is_stack = address >= stack.start && address < stack.end - 7 && address.is_multiple_of(8);
        // SAFETY: an aligned word within this thread's own stack, above the current stack pointer.
        is_stack.then(|| unsafe { (address as *const u64).read_volatile() })
    };
    let mut start = None;
    with_unwinder(0, |unwinder, memory| {
        let Some(first) = unwinder.function_at(os_thread::first_function()) else { return };
        let mut was_first = false;
        unwinder.walk(&registers, &stack, memory, read, |address| {
            start = was_first.then_some(address);
            was_first = first.contains(&address);
            start.is_none()
        });
    });
    start
}
