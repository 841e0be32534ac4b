//! Notifies a listener when a thread makes its first profiled call.

use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering::AcqRel, Ordering::Acquire};
use std::thread::Thread;

static LISTENER: AtomicPtr<Thread> = AtomicPtr::new(ptr::null_mut());

/// From now on, this thread is unparked at each thread's first profiled call. There is one listener
/// at a time.
pub(crate) fn listen(thread: &Thread) {
    // Another thread may still be using the previous listener, so it is leaked: some bytes each
    // time that the profiler starts.
    LISTENER.swap(Box::into_raw(Box::new(thread.clone())), AcqRel);
}

/// Called at a thread's first profiled call. Makes a system call if there is a listener.
#[allow(unsafe_code)]
pub(crate) fn announce() {
    // SAFETY: null, or a thread from `listen`, which is never freed.
    if let Some(thread) = unsafe { LISTENER.load(Acquire).as_ref() } {
        thread.unpark();
    }
}
