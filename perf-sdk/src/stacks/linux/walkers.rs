//! The current unwinder, and the caches that walks use.
//!
//! A walk caches the rules of the addresses that it met, in some 32 KiB. There are as many of these
//! caches as walks may run at the same time, independent of the number of threads. A handler takes
//! one for the duration of its walk, and records the unwinder that it uses beside it. An unwinder
//! that is in use is not freed. The walk writes which unwinder it uses, then checks that this is
//! still the current one. The sampler first sets a new current one, then checks whether the old one
//! is in use. All four accesses are sequentially consistent.
#![allow(unsafe_code)]

use std::cell::UnsafeCell;
use std::ptr;
use std::sync::atomic::{
    AtomicBool, AtomicPtr, Ordering::Acquire, Ordering::Relaxed, Ordering::Release, Ordering::SeqCst,
};
use std::time::Duration;

use super::unwind::{Memory, Unwinder};
use crate::base::footprint::{self, Part};

/// The maximum number of walks at the same time.
const MOST: usize = 32;
/// The number of caches that a walk tries before it gives up.
const TRIES: usize = 4;

/// The current unwinder. Null: there is no sampling.
static UNWINDER: AtomicPtr<Unwinder> = AtomicPtr::new(ptr::null_mut());
/// They are never freed. Existing ones come first.
static WALKERS: [AtomicPtr<Walker>; MOST] = [const { AtomicPtr::new(ptr::null_mut()) }; MOST];

/// The cache of one walk at a time.
struct Walker {
    /// Whether a walk is in progress.
    busy: AtomicBool,
    /// The unwinder that the walk uses, which must not be freed meanwhile.
    in_use: AtomicPtr<Unwinder>,
    /// Accessed only by the walk that set `busy`.
    memory: UnsafeCell<Memory>,
}

// SAFETY: everything but `memory` is atomic, and `memory` is accessed only by the walk that holds
// `busy`.
unsafe impl Sync for Walker {}

/// Holds the walker until it drops.
struct Walk<'a>(&'a Walker);

impl Drop for Walk<'_> {
    fn drop(&mut self) {
        self.0.in_use.store(ptr::null_mut(), Release);
        self.0.busy.store(false, Release);
    }
}

fn walkers() -> impl Iterator<Item = &'static Walker> {
    // SAFETY: null, or a walker that was leaked in `prepare`.
    WALKERS.iter().map_while(|place| unsafe { place.load(Acquire).as_ref() })
}

/// Sampler only: makes caches for as many walks as there are processors, and for as many that are
/// interrupted. If memory runs out, there are fewer.
pub(super) fn prepare() {
    let processors = std::thread::available_parallelism().map_or(4, usize::from);
    let wanted = (2 * processors).clamp(4, MOST);
    for place in &WALKERS[walkers().count()..wanted] {
        let bytes = size_of::<Walker>() as u64;
        if !footprint::take(Part::Stacks, bytes) {
            return;
        }
        let memory = UnsafeCell::new(Memory::default());
        let walker = Walker { busy: AtomicBool::new(false), in_use: AtomicPtr::new(ptr::null_mut()), memory };
        place.store(Box::into_raw(Box::new(walker)), Release);
    }
}

/// Calls `walk` with the current unwinder and a cache. `None` if there is no sampling, or if all
/// caches are in use. `first` differs between callers, so that they begin with different caches.
///
/// It does not allocate, lock or make a system call.
pub(super) fn with_unwinder<T>(first: u32, walk: impl FnOnce(&Unwinder, &mut Memory) -> T) -> Option<T> {
    let count = walkers().count();
    let mut places = (0..count.min(TRIES)).map(|n| &WALKERS[(first as usize + n) % count]);
    let walker = places.find_map(|place| {
        // SAFETY: as in `walkers`.
        let walker = unsafe { place.load(Acquire).as_ref() }?;
        (!walker.busy.swap(true, Acquire)).then_some(walker)
    })?;
    let held = Walk(walker);
    let mut unwinder = UNWINDER.load(Acquire);
    loop {
        walker.in_use.store(unwinder, SeqCst);
        let now = UNWINDER.load(SeqCst);
        if ptr::eq(now, unwinder) {
            break;
        }
        unwinder = now;
    }
    // SAFETY: null, or an unwinder that was still current after it was marked as in use:
    // `replace_unwinder` frees none that is marked.
    let unwinder = unsafe { unwinder.as_ref() }?;
    // SAFETY: only the holder of `busy` accesses it.
    let memory = unsafe { &mut *walker.memory.get() };
    let result = walk(unwinder, memory);
    drop(held);
    Some(result)
}

/// Sampler only: sets the unwinder that is used from now on.
pub(super) fn replace_unwinder(new: Option<Box<Unwinder>>) {
    let new = new.map_or(ptr::null_mut(), Box::into_raw);
    let old = UNWINDER.swap(new, SeqCst);
    if old.is_null() {
        return;
    }
    // An unwinder that stays in use for longer is leaked.
    if wait_until(|| walkers().all(|walker| !ptr::eq(walker.in_use.load(SeqCst), old))) {
        // SAFETY: made by `Box::into_raw` above, no longer current, and no walk that took it before
        // still uses it.
        drop(unsafe { Box::from_raw(old) });
    }
}

/// Called in a forked child: walks of other threads do not exist there.
pub(super) fn after_fork() {
    // It may be in use by this thread, in a hook, so it is leaked.
    UNWINDER.store(ptr::null_mut(), SeqCst);
    for walker in walkers() {
        walker.in_use.store(ptr::null_mut(), Relaxed);
        walker.busy.store(false, Release);
    }
}

/// Waits until `is_so` holds, at most a second: a handler takes microseconds, but its thread may be
/// preempted. `false` if it never held.
pub(super) fn wait_until(is_so: impl Fn() -> bool) -> bool {
    (0..1_000).any(|_| {
        let is_so = is_so();
        if !is_so {
            std::thread::sleep(Duration::from_millis(1));
        }
        is_so
    })
}
