//! The sampler of this process.
#![allow(unsafe_code)]

use std::ptr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicPtr, Ordering::Acquire, Ordering::Release};

use super::backend::Backend;
use super::unavailable::Unavailable;
use crate::base::process_identity::Process;
use crate::base::unpoisoned::Unpoisoned as _;

/// A forked child makes its own, because the parent's may be locked by a thread that does not exist
/// there.
static PROCESS_SAMPLER: AtomicPtr<ProcessSampler> = AtomicPtr::new(ptr::null_mut());

pub(super) struct ProcessSampler {
    process: Process,
    sampler: Mutex<Option<Backend>>,
    unavailable: Option<Unavailable>,
}

/// The sampler of this process, if it has one.
pub(super) fn process_sampler() -> Option<&'static ProcessSampler> {
    // SAFETY: null, or leaked in `start`.
    let running = unsafe { PROCESS_SAMPLER.load(Acquire).as_ref() }?;
    running.process.is_current().then_some(running)
}

/// Calls `work` with the sampler, if there is one. Other threads wait meanwhile.
pub(super) fn with_sampler<T>(work: impl FnOnce(&mut Backend) -> T) -> Option<T> {
    process_sampler()?.with(work)
}

/// In a forked child, when no slot is in use: frees the parts of the parent's sampler that this
/// process does not need. If a thread was using it at the fork, it is leaked.
pub(super) fn leave_parent() {
    // SAFETY: as above.
    let Some(running) = (unsafe { PROCESS_SAMPLER.load(Acquire).as_ref() }) else { return };
    if !running.process.is_current()
        && let Some(mut sampler) = running.sampler.try_lock().unpoisoned()
        && let Some(sampler) = sampler.take()
    {
        sampler.leave();
    }
}

/// Some hundred bytes are leaked each time that sampling starts.
pub(super) fn set_process_sampler(sampler: Result<Backend, Unavailable>) -> &'static ProcessSampler {
    let unavailable = sampler.as_ref().err().copied();
    let running = ProcessSampler { process: Process::current(), sampler: Mutex::new(sampler.ok()), unavailable };
    let running: &'static ProcessSampler = Box::leak(Box::new(running));
    PROCESS_SAMPLER.store(ptr::from_ref(running).cast_mut(), Release);
    running
}

impl ProcessSampler {
    /// Calls `work` with the sampler, until that has ended.
    pub(super) fn with<T>(&self, work: impl FnOnce(&mut Backend) -> T) -> Option<T> {
        self.sampler.lock().unpoisoned().as_mut().map(work)
    }

    /// Ends sampling.
    pub(super) fn end(&self) {
        // Dropped when the lock is not held any more.
        let _ended = self.sampler.lock().unpoisoned().take();
    }

    /// Why there is no sampler.
    pub(super) fn unavailable(&self) -> Option<Unavailable> {
        self.unavailable
    }
}
