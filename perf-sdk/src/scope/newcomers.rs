//! Tells whoever wants to know that a thread made its first profiled call.

use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering::AcqRel, Ordering::Acquire};
use std::thread::Thread;

static LISTENER: AtomicPtr<Thread> = AtomicPtr::new(ptr::null_mut());

/// From now on this thread is unparked for each newcomer. One at a time.
pub(crate) fn listen(thread: &Thread) {
    // Whoever announces may still be at the one before: it stays, some bytes each time that the
    // profiler starts.
    LISTENER.swap(Box::into_raw(Box::new(thread.clone())), AcqRel);
}

/// On a thread's first profiled call. A system call where somebody listens.
#[allow(unsafe_code)]
pub(crate) fn announce() {
    // SAFETY: null or a thread from `listen`, which is never freed.
    if let Some(thread) = unsafe { LISTENER.load(Acquire).as_ref() } {
        thread.unpark();
    }
}
