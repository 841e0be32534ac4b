//! What walks stacks: the unwinder in force, and the rules that it remembers.
//!
//! A walk remembers the rules of the addresses that it met, in some 32 KiB. There are as many of
//! these memories as walks may go on at a time, whatever the number of threads: a handler takes one
//! for the length of its walk. Which unwinder it uses is written beside it, and one that is in use
//! is not freed: the walk writes what it uses, then looks whether that is still in force; who
//! replaces it first puts the new one in force, then looks who uses the old one; all four are
//! sequentially consistent.
#![allow(unsafe_code)]

use std::cell::UnsafeCell;
use std::ptr;
use std::sync::atomic::{
    AtomicBool, AtomicPtr, Ordering::Acquire, Ordering::Relaxed, Ordering::Release, Ordering::SeqCst,
};
use std::time::Duration;

use super::unwind::{Memory, Unwinder};
use crate::base::footprint::{self, Part};

/// Walks at a time, at most.
const MOST: usize = 32;
/// Places that a walk tries before it gives up.
const TRIES: usize = 4;

/// What is loaded now; null: nobody samples.
static UNWINDER: AtomicPtr<Unwinder> = AtomicPtr::new(ptr::null_mut());
/// They stay for good. Those that are there come first.
static WALKERS: [AtomicPtr<Walker>; MOST] = [const { AtomicPtr::new(ptr::null_mut()) }; MOST];

/// Room for one walk at a time.
struct Walker {
    /// Somebody is walking.
    busy: AtomicBool,
    /// What the walk uses, which may not be freed meanwhile.
    in_use: AtomicPtr<Unwinder>,
    /// Of who made `busy` true.
    memory: UnsafeCell<Memory>,
}

// SAFETY: all but `memory` is atomic, and that is for who holds `busy`.
unsafe impl Sync for Walker {}

/// While it lives, the walker is this one's.
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

/// Sampler only: room for as many walks as there are processors to walk on, and for as many that
/// are interrupted. What there is no memory for is not there.
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

/// What `walk` makes of the unwinder and of a memory for it. `None`: nobody samples, or all
/// memories are in use. `first` tells callers apart, so that they begin at different memories.
///
/// Neither allocates, nor locks, nor calls the system.
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
    // SAFETY: null, or one that is in force after it was marked as in use: `replace_unwinder` frees
    // none that is marked.
    let unwinder = unsafe { unwinder.as_ref() }?;
    // SAFETY: whoever holds `busy` has it alone.
    let memory = unsafe { &mut *walker.memory.get() };
    let result = walk(unwinder, memory);
    drop(held);
    Some(result)
}

/// Sampler only: stacks are unwound by this one from now on.
pub(super) fn replace_unwinder(new: Option<Box<Unwinder>>) {
    let new = new.map_or(ptr::null_mut(), Box::into_raw);
    let old = UNWINDER.swap(new, SeqCst);
    if old.is_null() {
        return;
    }
    // What is in use for longer is left where it is.
    if wait_until(|| walkers().all(|walker| !ptr::eq(walker.in_use.load(SeqCst), old))) {
        // SAFETY: made by `Box::into_raw` above, in force no more, and nobody who took it before is
        // still using it.
        drop(unsafe { Box::from_raw(old) });
    }
}

/// In a forked child: whoever walked is not in this process.
pub(super) fn after_fork() {
    // It may be in use by this very thread, in a hook: it stays.
    UNWINDER.store(ptr::null_mut(), SeqCst);
    for walker in walkers() {
        walker.in_use.store(ptr::null_mut(), Relaxed);
        walker.busy.store(false, Release);
    }
}

/// A handler takes microseconds, though its thread may be preempted in the midst of it: a second at
/// most. `false`: not until then.
pub(super) fn wait_until(is_so: impl Fn() -> bool) -> bool {
    (0..1_000).any(|_| {
        let is_so = is_so();
        if !is_so {
            std::thread::sleep(Duration::from_millis(1));
        }
        is_so
    })
}
