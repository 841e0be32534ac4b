//! Keeps the profiler's state consistent across `fork`: one table of hooks, moments for which a
//! fork waits, and locks that are free in a forked child.
//!
//! A forked child has only the thread that forked. The state that another thread was changing stays
//! as it was: a lock that it held stays locked, and an entry that it claimed stays claimed. So each
//! file with such state registers a [`Hook`] for it, every static lock is a [`Lock`], and other
//! work that must be complete in a child is done in a [`Moment`].
//!
//! A fork closes a gate for new moments and waits until the current ones have ended. It takes no
//! lock, and then no thread holds one.
#![allow(unsafe_code)]
#![cfg_attr(not(unix), allow(dead_code))]

use std::cell::{Cell, UnsafeCell};
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{
    AtomicBool, AtomicPtr, AtomicU32, Ordering::Acquire, Ordering::Relaxed, Ordering::Release, Ordering::SeqCst,
};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use super::unpoisoned::Unpoisoned as _;

/// Functions that run around a fork, on the thread that forks.
#[derive(Debug)]
pub(crate) struct Hook {
    /// Runs before the fork, when no [`Moment`] is in progress. It must not take longer than a
    /// moment.
    pub(crate) before: Option<fn()>,
    /// Runs in the child. It must not allocate, and must not take a lock that another thread may
    /// hold.
    pub(crate) child: fn(),
}

/// The maximum number of hooks.
const MAX_HOOKS: usize = 8;
/// The maximum number of locks.
const MAX_LOCKS: usize = 64;
/// The maximum time that a fork waits for all moments of other threads together.
const FORK_PATIENCE: Duration = Duration::from_millis(200);
/// The maximum time that a new moment waits for forks. It is bounded, because a fork handler of the
/// program may wait for this very thread.
const MOMENT_PATIENCE: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_micros(50);

static HOOKS: [AtomicPtr<Hook>; MAX_HOOKS] = [const { AtomicPtr::new(std::ptr::null_mut()) }; MAX_HOOKS];
static LOCKS: [Registered; MAX_LOCKS] = [const { Registered::new() }; MAX_LOCKS];
/// The number of forks between this process and the one in which the program began.
static GENERATION: AtomicU32 = AtomicU32::new(0);
/// The number of forks in progress. The gate is closed while it is not 0.
static FORKS: AtomicU32 = AtomicU32::new(0);
/// The number of threads in a moment.
static INSIDE: AtomicU32 = AtomicU32::new(0);
/// The number of threads that wait at the gate.
static WAITING: AtomicU32 = AtomicU32::new(0);

/// One thread's state. It is const and has no destructor, so it is accessible at any time.
struct Own {
    /// The number of nested moments of this thread.
    moments: Cell<u32>,
    /// The number of forks in progress on this thread.
    forks: Cell<u32>,
    /// The process that made the latest fork.
    process: Cell<u32>,
    /// When the latest fork last checked for threads at the gate, just before it closed it.
    closed: Cell<Option<Instant>>,
    /// Whether another thread may have been in a moment during the latest fork.
    is_torn: Cell<bool>,
}

thread_local! {
    static OWN: Own = const {
        Own {
            moments: Cell::new(0),
            forks: Cell::new(0),
            process: Cell::new(0),
            closed: Cell::new(None),
            is_torn: Cell::new(false),
        }
    };
}

/// A number that differs between a process and its forked children.
#[cfg_attr(not(feature = "push"), allow(dead_code))]
pub(crate) fn generation() -> u32 {
    GENERATION.load(Acquire)
}

/// Adds a hook, which is called at each fork from now on. Hooks run in the order of registration. A
/// second registration of the same hook has no effect.
pub(crate) fn register(hook: &'static Hook) {
    watch();
    let new = std::ptr::from_ref(hook).cast_mut();
    let is_placed = HOOKS.iter().any(|place| {
        let result = place.compare_exchange(std::ptr::null_mut(), new, Release, Acquire);
        result.is_ok() || result == Err(new)
    });
    debug_assert!(is_placed, "more than MAX_HOOKS hooks");
}

fn hooks() -> impl Iterator<Item = &'static Hook> {
    // SAFETY: null, or a hook with static lifetime, stored in `register`.
    HOOKS.iter().map_while(|place| unsafe { place.load(Acquire).as_ref() })
}

#[cfg(unix)]
fn watch() {
    extern "C" fn before() {
        OWN.with(begin_fork);
        hooks().filter_map(|hook| hook.before).for_each(|before| before());
    }
    extern "C" fn parent() {
        OWN.with(end_fork);
    }
    extern "C" fn child() {
        OWN.with(begin_child);
    }
    static WATCHED: AtomicBool = AtomicBool::new(false);
    if !WATCHED.swap(true, Relaxed) {
        // SAFETY: the handlers have the required signature, and live as long as the process.
        unsafe { libc::pthread_atfork(Some(before), Some(parent), Some(child)) };
    }
}

#[cfg(not(unix))]
fn watch() {}

/// Closes the gate, and waits for the moments of other threads.
fn begin_fork(own: &Own) {
    let start = Instant::now();
    let is_early = || start.elapsed() < FORK_PATIENCE;
    // Threads that wait for an earlier fork go first, so that none waits for several forks in a
    // row.
    let (closed, is_overtaking) = loop {
        let (now, is_overtaking) = (Instant::now(), WAITING.load(SeqCst) > 0);
        if !is_overtaking || !is_early() {
            break (now, is_overtaking);
        }
        std::thread::sleep(PAUSE);
    };
    FORKS.fetch_add(1, SeqCst);
    own.forks.set(own.forks.get() + 1);
    own.process.set(std::process::id());
    own.closed.set(Some(closed));
    let is_other_inside = || INSIDE.load(SeqCst) > u32::from(own.moments.get() > 0);
    while is_other_inside() && is_early() {
        std::thread::sleep(PAUSE);
    }
    own.is_torn.set(is_overtaking || is_other_inside());
}

/// Opens the gate again, in the parent.
fn end_fork(own: &Own) {
    if let Some(others) = own.forks.get().checked_sub(1) {
        own.forks.set(others);
        FORKS.fetch_sub(1, SeqCst);
    }
}

/// Resets the state, once in each child: in our fork handler, or earlier, if a fork handler of the
/// program calls the profiler before.
fn begin_child(own: &Own) {
    let process = std::process::id();
    let is_done = own.forks.replace(0) == 0 && own.process.get() == process;
    own.process.set(process);
    if is_done {
        return;
    }
    GENERATION.fetch_add(1, Release);
    FORKS.store(0, SeqCst);
    WAITING.store(0, SeqCst);
    INSIDE.store(u32::from(own.moments.get() > 0), SeqCst);
    // A fork does not copy all memory at the same time, so no flag in memory shows whether another
    // thread ran out of patience meanwhile. The elapsed time does.
    let is_late = own.closed.get().is_none_or(|closed| closed.elapsed() >= MOMENT_PATIENCE);
    if (own.is_torn.get() || is_late) && own.moments.get() == 0 {
        locks().for_each(Forkable::reset);
    }
    hooks().for_each(|hook| (hook.child)());
}

/// While it exists, no other thread's fork begins. Moments may be nested.
///
/// **Blind spot.** A fork waits at most 0.2 s for all moments together, and a moment at most one
/// second for forks.
#[derive(Debug)]
pub(crate) struct Moment(PhantomData<*const ()>);

impl Moment {
    /// Begins a moment, after waiting for forks.
    pub(crate) fn begin() -> Self {
        OWN.with(|own| {
            if is_early_child(own) {
                begin_child(own);
            }
            if !may_pass(own) {
                wait_at_gate(own);
            }
            own.moments.set(own.moments.get() + 1);
        });
        Self(PhantomData)
    }

    /// `None` while another thread forks, and in a child whose state is not reset yet. It is for
    /// recording, which continues without the moment.
    fn try_begin() -> Option<Self> {
        OWN.with(|own| {
            let may_pass = !is_early_child(own) && may_pass(own);
            own.moments.set(own.moments.get() + u32::from(may_pass));
            may_pass.then(|| Self(PhantomData))
        })
    }
}

impl Drop for Moment {
    fn drop(&mut self) {
        OWN.with(|own| {
            own.moments.set(own.moments.get() - 1);
            if own.moments.get() == 0 {
                INSIDE.fetch_sub(1, SeqCst);
            }
        });
    }
}

/// Whether this is a fork handler of the program that runs in the child before ours.
fn is_early_child(own: &Own) -> bool {
    own.forks.get() > 0 && own.process.get() != std::process::id()
}

/// Enters a moment if the gate is open, or if the thread is in one already. A thread does not wait
/// for its own fork, because it may be in a fork handler.
fn may_pass(own: &Own) -> bool {
    if own.moments.get() > 0 {
        return true;
    }
    INSIDE.fetch_add(1, SeqCst);
    let is_open = FORKS.load(SeqCst) <= own.forks.get();
    if !is_open {
        INSIDE.fetch_sub(1, SeqCst);
    }
    is_open
}

fn wait_at_gate(own: &Own) {
    WAITING.fetch_add(1, SeqCst);
    // The time starts after `WAITING` has been incremented: see `begin_fork`.
    let start = Instant::now();
    while !may_pass(own) {
        if start.elapsed() >= MOMENT_PATIENCE {
            INSIDE.fetch_add(1, SeqCst);
            break;
        }
        std::thread::sleep(PAUSE);
    }
    WAITING.fetch_sub(1, SeqCst);
}

/// A static lock that is free in a forked child. It is held within a [`Moment`], so its content is
/// complete in the child.
///
/// The content may be half written in the child of a fork that ran out of patience, or that took so
/// long that moments of other threads did. In that child it is replaced by the `Default` value, and
/// the old content is neither read nor dropped.
#[derive(Debug)]
pub(crate) struct Lock<T: 'static> {
    inner: UnsafeCell<Mutex<T>>,
    is_registered: AtomicBool,
}

// SAFETY: a mutex, except when it is replaced by the only thread of a forked child.
unsafe impl<T: Send> Sync for Lock<T> {}

/// A guard that holds the lock until it is dropped.
#[derive(Debug)]
pub(crate) struct Held<T: 'static> {
    guard: MutexGuard<'static, T>,
    /// Ends after the guard has been dropped.
    _moment: Moment,
}

impl<T> Deref for Held<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.guard
    }
}

impl<T> DerefMut for Held<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.guard
    }
}

impl<T: Send + Default> Lock<T> {
    pub(crate) const fn new(content: T) -> Self {
        Self { inner: UnsafeCell::new(Mutex::new(content)), is_registered: AtomicBool::new(false) }
    }

    /// Waits for the lock. After a panic of a holder, the content is used as it is.
    pub(crate) fn lock(&'static self) -> Held<T> {
        let moment = Moment::begin();
        self.register();
        Held { guard: self.mutex().lock().unpoisoned(), _moment: moment }
    }

    /// `None` if another thread holds it or forks.
    pub(crate) fn try_lock(&'static self) -> Option<Held<T>> {
        let moment = Moment::try_begin()?;
        self.register();
        Some(Held { guard: self.mutex().try_lock().unpoisoned()?, _moment: moment })
    }

    fn register(&'static self) {
        if !self.is_registered.load(Relaxed) && !self.is_registered.swap(true, Relaxed) {
            watch();
            register_lock(self);
        }
    }

    fn mutex(&'static self) -> &'static Mutex<T> {
        // SAFETY: it is replaced only in `reset`, by the only thread of its process, while that
        // thread is in no moment.
        unsafe { &*self.inner.get() }
    }
}

/// A lock, without the type of its content.
trait Forkable: Sync {
    /// Replaces the content, in a forked child whose thread is in no moment.
    fn reset(&self);
}

impl<T: Send + Default> Forkable for Lock<T> {
    fn reset(&self) {
        // SAFETY: there is no other thread, and this one is in no moment, so there is no reference
        // to the old content.
        unsafe { self.inner.get().write(Mutex::new(T::default())) };
    }
}

struct Registered(UnsafeCell<Option<&'static dyn Forkable>>, AtomicU32);

/// States of an entry of `LOCKS`.
const EMPTY: u32 = 0;
const TAKEN: u32 = 1;
const READY: u32 = 2;

// SAFETY: an entry is written by the thread that set its state to `TAKEN`, and read by others once
// it is `READY`.
unsafe impl Sync for Registered {}

impl Registered {
    const fn new() -> Self {
        Self(UnsafeCell::new(None), AtomicU32::new(EMPTY))
    }
}

fn register_lock(lock: &'static dyn Forkable) {
    for place in &LOCKS {
        if place.1.compare_exchange(EMPTY, TAKEN, Acquire, Relaxed).is_ok() {
            // SAFETY: the thread that set the state to `TAKEN` has exclusive access.
            unsafe { *place.0.get() = Some(lock) };
            place.1.store(READY, Release);
            return;
        }
    }
    debug_assert!(false, "more than MAX_LOCKS locks");
}

fn locks() -> impl Iterator<Item = &'static dyn Forkable> {
    let ready = LOCKS.iter().filter(|place| place.1.load(Acquire) == READY);
    // SAFETY: the entry was written before it was `READY`, and is not written after.
    ready.filter_map(|place| unsafe { *place.0.get() })
}

#[cfg(all(test, unix, not(miri)))]
mod tests;
#[cfg(all(test, unix, not(miri)))]
pub(crate) use tests::in_child;
