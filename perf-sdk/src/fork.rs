//! What a fork asks of the profiler: one table of hooks, locks that a forked child finds free, and descriptors that it does
//! not keep.
//!
//! In a forked child there is only the thread that forked. Whatever another thread was in the midst of stays as it was: a lock
//! that it held stays locked, a place that it took stays taken. So each file that has such state registers a [`Hook`] for it,
//! and whoever needs a static lock uses a [`Lock`].
#![allow(unsafe_code)]

use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

/// What is done around a fork, on the thread that forks.
#[derive(Debug)]
pub(crate) struct Hook {
    /// Before it. Takes no longer than moments.
    pub(crate) before: Option<fn()>,
    /// After it, in the parent.
    pub(crate) parent: Option<fn()>,
    /// After it, in the child. Neither allocates nor takes a lock that others may hold.
    pub(crate) child: fn(),
}

/// Hooks, at most; there are about ten.
const MAX_HOOKS: usize = 32;
/// Locks, at most; there are about twenty.
const MAX_LOCKS: usize = 64;
/// A fork waits so long at most for all that others are in the midst of.
const PATIENCE: Duration = Duration::from_millis(200);
const PAUSE: Duration = Duration::from_micros(50);

static HOOKS: [AtomicPtr<Hook>; MAX_HOOKS] = [const { AtomicPtr::new(std::ptr::null_mut()) }; MAX_HOOKS];
static LOCKS: [Registered; MAX_LOCKS] = [const { Registered::new() }; MAX_LOCKS];
/// Forks between this process and the one in which the program began.
static GENERATION: AtomicU32 = AtomicU32::new(0);
/// One fork at a time holds the locks.
static FORKING: AtomicBool = AtomicBool::new(false);

/// Tells a process from its forked children.
#[cfg_attr(not(feature = "push"), allow(dead_code))]
pub(crate) fn generation() -> u32 {
    GENERATION.load(Acquire)
}

/// From now on it is called at each fork, in the order in which hooks were registered. Again is the same as once.
pub(crate) fn register(hook: &'static Hook) {
    watch();
    let new = std::ptr::from_ref(hook).cast_mut();
    for place in &HOOKS {
        match place.compare_exchange(std::ptr::null_mut(), new, Release, Acquire) {
            Ok(_) => return,
            Err(there) if there == new => return,
            Err(_) => {}
        }
    }
}

fn hooks() -> impl Iterator<Item = &'static Hook> {
    // SAFETY: null, or a hook with static lifetime, stored in `register`.
    HOOKS.iter().map_while(|place| unsafe { place.load(Acquire).as_ref() })
}

#[cfg(unix)]
fn watch() {
    extern "C" fn before() {
        hooks().filter_map(|hook| hook.before).for_each(|before| before());
        hold_locks();
    }
    extern "C" fn parent() {
        release_locks();
        hooks().filter_map(|hook| hook.parent).for_each(|parent| parent());
    }
    extern "C" fn child() {
        GENERATION.fetch_add(1, Release);
        release_locks();
        hooks().for_each(|hook| (hook.child)());
    }
    static WATCHED: AtomicBool = AtomicBool::new(false);
    if !WATCHED.swap(true, Relaxed) {
        // SAFETY: handlers of the signature that is asked for, which live as long as the process.
        unsafe { libc::pthread_atfork(Some(before), Some(parent), Some(child)) };
    }
}

#[cfg(not(unix))]
fn watch() {}

/// A static lock that a forked child finds free, with its content whole: a fork takes it first, and lets it go on both sides.
///
/// **Blind spot.** A fork waits 0.2 s for all locks together. In the child of one that waited for longer, a lock that was held
/// stays locked; so it is held for moments only.
#[derive(Debug)]
pub(crate) struct Lock<T: 'static> {
    inner: Mutex<T>,
    /// Of the fork that is going on.
    held: UnsafeCell<Option<MutexGuard<'static, T>>>,
    is_registered: AtomicBool,
}

// SAFETY: `held` is touched by the thread that made `FORKING` true alone, otherwise it is a mutex.
unsafe impl<T: Send> Sync for Lock<T> {}

/// A fork that waits for a lock gets it before those that come later.
fn let_fork_go_first() {
    if FORKING.load(Relaxed) && FORKER.load(Relaxed) != me() {
        let until = Instant::now() + PATIENCE;
        while FORKING.load(Relaxed) && Instant::now() < until {
            std::thread::sleep(PAUSE);
        }
    }
}

/// A lock without its type.
trait Forkable: Sync {
    /// Takes it, unless somebody else has it for long.
    fn hold(&'static self, until: Instant);
    fn release(&'static self);
}

struct Registered(UnsafeCell<Option<&'static dyn Forkable>>, AtomicU32);

/// Of a registered lock's place.
const EMPTY: u32 = 0;
const TAKEN: u32 = 1;
const READY: u32 = 2;

// SAFETY: written by who made the number `TAKEN`, read by others once it is `READY`.
unsafe impl Sync for Registered {}

impl Registered {
    const fn new() -> Self {
        Self(UnsafeCell::new(None), AtomicU32::new(EMPTY))
    }
}

/// The lock is held until this drops.
pub(crate) type Held<'a, T> = MutexGuard<'a, T>;

impl<T: Send> Lock<T> {
    pub(crate) const fn new(content: T) -> Self {
        Self { inner: Mutex::new(content), held: UnsafeCell::new(None), is_registered: AtomicBool::new(false) }
    }

    /// Waits for it. What a panic left behind is taken as it is.
    pub(crate) fn lock(&'static self) -> Held<'static, T> {
        self.register();
        let_fork_go_first();
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `None` if somebody has it.
    pub(crate) fn try_lock(&'static self) -> Option<Held<'static, T>> {
        self.register();
        match self.inner.try_lock() {
            Ok(held) => Some(held),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    fn register(&'static self) {
        if !self.is_registered.load(Relaxed) && !self.is_registered.swap(true, Relaxed) {
            watch();
            register_lock(self);
        }
    }
}

impl<T: Send> Forkable for Lock<T> {
    fn hold(&'static self, until: Instant) {
        loop {
            let guard = self.try_lock();
            if guard.is_some() {
                // SAFETY: of the thread that made `FORKING` true, which this is.
                unsafe { *self.held.get() = guard };
                return;
            }
            if Instant::now() >= until {
                return;
            }
            std::thread::sleep(PAUSE);
        }
    }

    fn release(&'static self) {
        // SAFETY: as in `hold`.
        drop(unsafe { (*self.held.get()).take() });
    }
}

fn register_lock(lock: &'static dyn Forkable) {
    for place in &LOCKS {
        if place.1.compare_exchange(EMPTY, TAKEN, Acquire, Relaxed).is_ok() {
            // SAFETY: whoever made it `TAKEN` has it alone.
            unsafe { *place.0.get() = Some(lock) };
            place.1.store(READY, Release);
            return;
        }
    }
}

#[cfg_attr(not(unix), allow(dead_code))]
fn locks() -> impl Iterator<Item = &'static dyn Forkable> {
    let ready = LOCKS.iter().filter(|place| place.1.load(Acquire) == READY);
    // SAFETY: written before it was `READY`, and never after.
    ready.filter_map(|place| unsafe { *place.0.get() })
}

#[cfg_attr(not(unix), allow(dead_code))]
fn hold_locks() {
    let until = Instant::now() + PATIENCE;
    while FORKING.swap(true, Acquire) {
        if Instant::now() >= until {
            // Another fork holds them.
            return;
        }
        std::thread::sleep(PAUSE);
    }
    FORKER.store(me(), Relaxed);
    // What the other fork took of the time is not missing here.
    let until = Instant::now() + PATIENCE;
    locks().for_each(|lock| lock.hold(until));
}

#[cfg_attr(not(unix), allow(dead_code))]
fn release_locks() {
    if FORKER.load(Relaxed) != me() {
        return;
    }
    locks().for_each(Forkable::release);
    FORKER.store(0, Relaxed);
    FORKING.store(false, Release);
}

/// The thread that made `FORKING` true.
static FORKER: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);

/// Tells threads apart: the address of a thread-local, the same in a forked child.
fn me() -> usize {
    thread_local! {
        static HERE: u64 = const { 0 };
    }
    HERE.try_with(|here| std::ptr::from_ref(here).addr()).unwrap_or(usize::MAX)
}

#[cfg(all(test, unix, not(miri)))]
mod tests {
    use super::*;

    /// Runs `what` in a forked child, and expects it to be true there.
    fn in_child(what: impl FnOnce() -> bool) -> bool {
        // SAFETY: the child calls what it is given, and ends at once.
        let child = unsafe { libc::fork() };
        if child == 0 {
            let code = i32::from(!what());
            // SAFETY: ends the child.
            unsafe { libc::_exit(code) };
        }
        let mut status = 0;
        // SAFETY: waits for the child made above.
        unsafe { libc::waitpid(child, &raw mut status, 0) };
        libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0
    }

    #[test]
    fn a_child_finds_a_lock_free_that_others_hold_all_the_time() {
        static LOCK: Lock<[u64; 2]> = Lock::new([0; 2]);
        static OVER: AtomicBool = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !OVER.load(Relaxed) {
                    let mut both = LOCK.lock();
                    both[0] += 1;
                    std::thread::sleep(Duration::from_micros(200));
                    both[1] += 1;
                }
            });
            while LOCK.lock()[0] == 0 {
                std::thread::yield_now();
            }
            let before = generation();
            let all = (0..20).all(|_| {
                in_child(|| {
                    let both = LOCK.lock();
                    both[0] == both[1] && generation() == before + 1
                })
            });
            OVER.store(true, Relaxed);
            assert!(all && generation() == before);
        });
        LOCK.lock()[0] = 7;
        assert_eq!(LOCK.lock()[0], 7);
    }

    #[test]
    fn hooks_run_on_both_sides() {
        static SEEN: AtomicU32 = AtomicU32::new(0);
        static HOOK: Hook = Hook {
            before: Some(|| _ = SEEN.fetch_add(1, Relaxed)),
            parent: Some(|| _ = SEEN.fetch_add(10, Relaxed)),
            child: || _ = SEEN.fetch_add(100, Relaxed),
        };
        register(&HOOK);
        register(&HOOK);
        assert!(in_child(|| SEEN.load(Relaxed) >= 100) && SEEN.load(Relaxed) < 100);
        let seen = SEEN.load(Relaxed);
        // Other tests fork too.
        assert!(seen >= 11 && seen / 10 % 10 >= 1, "{seen}");
    }
}
