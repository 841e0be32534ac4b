//! The profiler's CPU time besides recording: its own threads, work that other threads do for it,
//! and signal handlers.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

use super::account::{self, Part};
use crate::clock::{self, ThreadCpu};
use crate::memory;

/// The profiler's threads, by kernel id. 0: a free place.
static OWN_THREADS: [AtomicU32; 8] = [const { AtomicU32::new(0) }; 8];
/// CPU time of the profiler's threads that have ended.
static ENDED_NS: AtomicU64 = AtomicU64::new(0);
/// CPU time of other threads that work for the profiler.
static REQUESTS_NS: AtomicU64 = AtomicU64::new(0);
/// CPU time of the profiler's signal handlers.
static SIGNALS_NS: AtomicU64 = AtomicU64::new(0);

/// Runs work for the profiler on another thread, and adds its CPU time to the account. Makes two
/// system calls.
#[cfg(feature = "serve")]
pub(crate) fn own_work<T>(work: impl FnOnce() -> T) -> T {
    let id = clock::thread_id();
    if OWN_THREADS.iter().any(|place| place.load(Relaxed) == id) {
        return work();
    }
    let start_ns = ThreadCpu::cpu_now_ns();
    let result = work();
    REQUESTS_NS.fetch_add(ThreadCpu::cpu_now_ns().saturating_sub(start_ns), Relaxed);
    result
}

/// Adds the CPU time of the profiler's signal handlers.
#[cfg(feature = "stacks")]
pub(crate) fn add_signals_ns(ns: u64) {
    SIGNALS_NS.fetch_add(ns, Relaxed);
}

/// The profiler's threads, by the kernel's id. 0: none. Does not allocate.
#[cfg(feature = "stacks")]
pub(crate) fn own_threads() -> [u32; 8] {
    OWN_THREADS.each_ref().map(|place| place.load(Relaxed))
}

/// While it exists, the calling thread's CPU time is the profiler's, and its allocations are not in
/// the live heap.
#[derive(Debug)]
pub(crate) struct OwnThread {
    place: Option<&'static AtomicU32>,
    #[expect(dead_code, reason = "for what its drop does")]
    memory: memory::Ours,
}

impl OwnThread {
    pub(crate) fn enter() -> Self {
        let id = clock::thread_id();
        let free = |place: &&AtomicU32| place.compare_exchange(0, id, Relaxed, Relaxed).is_ok();
        Self { place: if id == 0 { None } else { OWN_THREADS.iter().find(free) }, memory: memory::Ours::enter() }
    }
}

impl Drop for OwnThread {
    fn drop(&mut self) {
        // The whole CPU time of the thread, as it was counted while the thread lived. A thread that
        // lives for milliseconds may never have been read.
        ENDED_NS.fetch_add(ThreadCpu::cpu_now_ns(), Relaxed);
        if let Some(place) = self.place {
            place.store(0, Relaxed);
        }
    }
}

/// CPU time besides recording so far, in nanoseconds.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::record) struct Own {
    threads: u64,
    requests: u64,
    signals: u64,
    heap: u64,
}

impl Own {
    pub(in crate::record) fn now() -> Self {
        let ids = OWN_THREADS.iter().map(|place| place.load(Relaxed)).filter(|id| *id != 0);
        let running: u64 = ids.filter_map(clock::thread_cpu_ns_of).sum();
        Self {
            threads: running + ENDED_NS.load(Relaxed),
            requests: REQUESTS_NS.load(Relaxed),
            signals: SIGNALS_NS.load(Relaxed),
            heap: memory::sampling_ns(),
        }
    }

    pub(in crate::record) fn since(self, before: Self) -> Self {
        Self {
            threads: self.threads.saturating_sub(before.threads),
            requests: self.requests.saturating_sub(before.requests),
            signals: self.signals.saturating_sub(before.signals),
            heap: self.heap.saturating_sub(before.heap),
        }
    }

    pub(in crate::record) fn sum(self) -> u64 {
        self.threads + self.requests + self.signals + self.heap
    }

    pub(in crate::record) fn note(self) {
        account::add(Part::Threads, self.threads);
        account::add(Part::Requests, self.requests);
        account::add(Part::Signals, self.signals);
        account::add(Part::Heap, self.heap);
    }
}

/// Called in a forked child: the threads are the parent's.
pub(in crate::record) fn after_fork() {
    OWN_THREADS.iter().for_each(|place| place.store(0, Relaxed));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(feature = "serve")]
    #[cfg_attr(miri, ignore = "it tells no thread's CPU time")]
    fn work_for_the_profiler_is_in_the_account_once() {
        let spin = || {
            let start = ThreadCpu::cpu_now_ns();
            while ThreadCpu::cpu_now_ns() - start < 3_000_000 {}
        };
        // Other tests work for the profiler too, so it is repeated until a round is undisturbed.
        let end = std::time::Instant::now() + std::time::Duration::from_secs(60);
        let is_so = || {
            let before = [&REQUESTS_NS, &ENDED_NS].map(|ns| ns.load(Relaxed));
            let whole = std::thread::spawn(move || {
                own_work(spin);
                ThreadCpu::cpu_now_ns()
            });
            let whole = whole.join().unwrap();
            let spent = REQUESTS_NS.load(Relaxed) - before[0];
            assert!(spent >= 3_000_000, "{spent}");
            let ours = std::thread::spawn(move || {
                let ours = OwnThread::enter();
                own_work(spin);
                let least = ThreadCpu::cpu_now_ns();
                drop(ours);
                [least, ThreadCpu::cpu_now_ns()]
            });
            let [least, most] = ours.join().unwrap();
            let counted = ENDED_NS.load(Relaxed) - before[1];
            assert!(counted >= least, "a thread of ours is counted as a whole: {counted} of {least}");
            spent <= whole && counted <= most
        };
        while !is_so() {
            assert!(std::time::Instant::now() < end, "more is in the account than threads took");
        }
    }
}
