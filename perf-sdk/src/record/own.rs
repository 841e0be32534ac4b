//! The profiler's CPU time besides recording: its own threads, work that other threads do for it,
//! and signal handlers.

use std::cell::Cell;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering::Relaxed};

use super::account::{self, Part};
use crate::clock::{self, ThreadCpu};
use crate::memory;

const PARTS: usize = Part::ALL.len();

/// One of the profiler's threads.
#[derive(Debug)]
struct Place {
    /// The kernel's id. 0: a free place.
    thread: AtomicU32,
    /// The part that the thread works for now, as a number.
    part: AtomicU8,
    /// The thread's CPU time when it began to do so.
    since_ns: AtomicU64,
}

impl Place {
    const fn free() -> Self {
        Self { thread: AtomicU32::new(0), part: AtomicU8::new(0), since_ns: AtomicU64::new(0) }
    }
}

static OWN_THREADS: [Place; 8] = [const { Place::free() }; 8];
/// CPU time that was charged to each part: by threads of the profiler that ended or went on with
/// another part, by other threads that work for the profiler, and by signal handlers.
static CHARGED_NS: [AtomicU64; PARTS] = [const { AtomicU64::new(0) }; PARTS];

pub(super) fn charge(part: Part, ns: u64) {
    CHARGED_NS[part as usize].fetch_add(ns, Relaxed);
}

/// Runs work for the profiler on another thread, and adds its CPU time to the account. Makes two
/// system calls.
#[cfg(feature = "serve")]
pub(crate) fn own_work<T>(work: impl FnOnce() -> T) -> T {
    let id = clock::thread_id();
    if OWN_THREADS.iter().any(|place| place.thread.load(Relaxed) == id) {
        return work();
    }
    let start_ns = ThreadCpu::cpu_now_ns();
    let result = work();
    charge(Part::Requests, ThreadCpu::cpu_now_ns().saturating_sub(start_ns));
    result
}

/// Adds the CPU time of the profiler's signal handlers.
#[cfg(feature = "stacks")]
pub(crate) fn add_signals_ns(ns: u64) {
    charge(Part::Signals, ns);
}

/// The profiler's threads, by the kernel's id. 0: none. Does not allocate.
#[cfg(feature = "stacks")]
pub(crate) fn own_threads() -> [u32; OWN_THREADS.len()] {
    OWN_THREADS.each_ref().map(|place| place.thread.load(Relaxed))
}

/// While it exists, the calling thread's CPU time is the profiler's, and its allocations are not in
/// the live heap.
#[derive(Debug)]
pub(crate) struct OwnThread {
    place: Option<&'static Place>,
    part: Cell<Part>,
    /// The thread's CPU time when it began to work for the part.
    since_ns: Cell<u64>,
    #[expect(dead_code, reason = "for what its drop does")]
    memory: memory::Ours,
}

impl OwnThread {
    /// The thread's whole CPU time counts, from its begin: a thread that lives for milliseconds may
    /// never be read while it lives.
    pub(crate) fn enter(part: Part) -> Self {
        let id = clock::thread_id();
        let free = |place: &&Place| place.thread.compare_exchange(0, id, Relaxed, Relaxed).is_ok();
        let place = if id == 0 { None } else { OWN_THREADS.iter().find(free) };
        let own = Self { place, part: Cell::new(part), since_ns: Cell::new(0), memory: memory::Ours::enter() };
        own.show();
        own
    }

    /// From now on, the thread works for this part.
    pub(crate) fn turn_to(&self, part: Part) {
        let now_ns = ThreadCpu::cpu_now_ns();
        charge(self.part.replace(part), now_ns.saturating_sub(self.since_ns.replace(now_ns)));
        self.show();
    }

    fn show(&self) {
        if let Some(place) = self.place {
            place.part.store(self.part.get() as u8, Relaxed);
            place.since_ns.store(self.since_ns.get(), Relaxed);
        }
    }
}

impl Drop for OwnThread {
    fn drop(&mut self) {
        charge(self.part.get(), ThreadCpu::cpu_now_ns().saturating_sub(self.since_ns.get()));
        if let Some(place) = self.place {
            place.thread.store(0, Relaxed);
        }
    }
}

/// CPU time besides recording so far, in nanoseconds by part.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::record) struct Own([u64; PARTS]);

impl Own {
    pub(in crate::record) fn now() -> Self {
        let mut spent = CHARGED_NS.each_ref().map(|ns| ns.load(Relaxed));
        spent[Part::Heap as usize] = memory::sampling_ns();
        for place in &OWN_THREADS {
            let thread = place.thread.load(Relaxed);
            if thread != 0
                && let Some(cpu_ns) = clock::thread_cpu_ns_of(thread)
            {
                let part = usize::from(place.part.load(Relaxed));
                spent[part] += cpu_ns.saturating_sub(place.since_ns.load(Relaxed));
            }
        }
        Self(spent)
    }

    pub(in crate::record) fn since(self, before: Self) -> Self {
        let mut spent = self.0;
        spent.iter_mut().zip(before.0).for_each(|(now, before)| *now = now.saturating_sub(before));
        Self(spent)
    }

    pub(in crate::record) fn plus(self, other: Self) -> Self {
        let mut sum = self.0;
        sum.iter_mut().zip(other.0).for_each(|(sum, other)| *sum += other);
        Self(sum)
    }

    pub(in crate::record) fn sum(self) -> u64 {
        self.0.iter().sum()
    }

    pub(in crate::record) fn parts(self) -> impl Iterator<Item = (Part, u64)> {
        Part::ALL.into_iter().zip(self.0)
    }

    #[cfg(test)]
    pub(in crate::record) fn of(part: Part, ns: u64) -> Self {
        let mut spent = Self::default();
        spent.0[part as usize] = ns;
        spent
    }

    pub(in crate::record) fn note(self) {
        self.parts().for_each(|(part, ns)| account::add(part, ns));
    }
}

/// Called in a forked child: the threads are the parent's.
pub(in crate::record) fn after_fork() {
    OWN_THREADS.iter().for_each(|place| place.thread.store(0, Relaxed));
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
            let charged = |part: Part| CHARGED_NS[part as usize].load(Relaxed);
            let before = [Part::Requests, Part::Server].map(charged);
            let whole = std::thread::spawn(move || {
                own_work(spin);
                ThreadCpu::cpu_now_ns()
            });
            let whole = whole.join().unwrap();
            let spent = charged(Part::Requests) - before[0];
            assert!(spent >= 3_000_000, "{spent}");
            let ours = std::thread::spawn(move || {
                let ours = OwnThread::enter(Part::Server);
                own_work(spin);
                let least = ThreadCpu::cpu_now_ns();
                drop(ours);
                [least, ThreadCpu::cpu_now_ns()]
            });
            let [least, most] = ours.join().unwrap();
            let counted = charged(Part::Server) - before[1];
            assert!(counted >= least, "a thread of ours is counted as a whole: {counted} of {least}");
            spent <= whole && counted <= most
        };
        while !is_so() {
            assert!(std::time::Instant::now() < end, "more is in the account than threads took");
        }
    }
}
