//! What a fork asks of the profiler: one table of hooks, moments that it waits for, and locks that
//! a forked child finds free.
//!
//! In a forked child there is only the thread that forked. Whatever another thread was in the midst
//! of stays as it was: a lock that it held stays locked, a place that it took stays taken. So each
//! file that has such state registers a [`Hook`] for it, whoever needs a static lock uses a
//! [`Lock`], and what else must be whole in a child is done in a [`Moment`].
//!
//! A fork closes a gate for moments that would begin, and waits until those that had begun are
//! over. It takes no lock: then nobody holds one.
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

/// What is done around a fork, on the thread that forks.
#[derive(Debug)]
pub(crate) struct Hook {
    /// Before it, when no [`Moment`] goes on. Takes no longer than moments.
    pub(crate) before: Option<fn()>,
    /// In the child. Neither allocates nor takes a lock that others may hold.
    pub(crate) child: fn(),
}

/// Hooks, at most.
const MAX_HOOKS: usize = 8;
/// Locks, at most.
const MAX_LOCKS: usize = 32;
/// A fork waits so long at most for all that others are in the midst of.
const FORK_PATIENCE: Duration = Duration::from_millis(200);
/// A moment that would begin waits so long at most for forks: a handler of the program's may wait
/// for this very thread.
const MOMENT_PATIENCE: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_micros(50);

static HOOKS: [AtomicPtr<Hook>; MAX_HOOKS] = [const { AtomicPtr::new(std::ptr::null_mut()) }; MAX_HOOKS];
static LOCKS: [Registered; MAX_LOCKS] = [const { Registered::new() }; MAX_LOCKS];
/// Forks between this process and the one in which the program began.
static GENERATION: AtomicU32 = AtomicU32::new(0);
/// Forks that go on; while there are any, the gate is closed.
static FORKS: AtomicU32 = AtomicU32::new(0);
/// Threads in a moment.
static INSIDE: AtomicU32 = AtomicU32::new(0);
/// Threads at the gate.
static WAITING: AtomicU32 = AtomicU32::new(0);

/// What a thread has to do with forks. Const and without a destructor: there at any time.
struct Own {
    /// Moments that it is in.
    moments: Cell<u32>,
    /// Forks of its own that go on.
    forks: Cell<u32>,
    /// Of the latest: in which process, when nobody waited at the gate, and whether somebody may be
    /// in a moment all the same.
    process: Cell<u32>,
    closed: Cell<Option<Instant>>,
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

/// Tells a process from its forked children.
#[cfg_attr(not(feature = "push"), allow(dead_code))]
pub(crate) fn generation() -> u32 {
    GENERATION.load(Acquire)
}

/// From now on it is called at each fork, in the order in which hooks were registered. Again is the
/// same as once.
pub(crate) fn register(hook: &'static Hook) {
    watch();
    let new = std::ptr::from_ref(hook).cast_mut();
    let is_placed = HOOKS.iter().any(|place| {
        let result = place.compare_exchange(std::ptr::null_mut(), new, Release, Acquire);
        result.is_ok() || result == Err(new)
    });
    debug_assert!(is_placed, "more hooks than places");
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
        // SAFETY: handlers of the signature that is asked for, which live as long as the process.
        unsafe { libc::pthread_atfork(Some(before), Some(parent), Some(child)) };
    }
}

#[cfg(not(unix))]
fn watch() {}

/// Closes the gate, and waits for all moments but those of this thread.
fn begin_fork(own: &Own) {
    let start = Instant::now();
    let is_early = || start.elapsed() < FORK_PATIENCE;
    // Who waits for an earlier fork goes first: nobody waits for one fork after the other.
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

/// In the parent.
fn end_fork(own: &Own) {
    if let Some(others) = own.forks.get().checked_sub(1) {
        own.forks.set(others);
        FORKS.fetch_sub(1, SeqCst);
    }
}

/// In the child, once: when the profiler is first asked for something, which a handler of the
/// program's may do early.
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
    // Memory is not copied at one moment, so nothing in it tells whether somebody lost his patience
    // meanwhile; the time does.
    let is_late = own.closed.get().is_none_or(|closed| closed.elapsed() >= MOMENT_PATIENCE);
    if (own.is_torn.get() || is_late) && own.moments.get() == 0 {
        locks().for_each(Forkable::reset);
    }
    hooks().for_each(|hook| (hook.child)());
}

/// While it lives, no other thread's fork begins; moments may be within moments.
///
/// **Blind spot.** A fork waits 0.2 s for all moments together, and a moment one second for forks.
#[derive(Debug)]
pub(crate) struct Moment(PhantomData<*const ()>);

impl Moment {
    /// Waits for forks.
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

    /// `None` while another thread forks, and in a child in which nothing was done yet: recording
    /// goes on with what it has.
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

/// In a handler of the program's that runs in the child before ours.
fn is_early_child(own: &Own) -> bool {
    own.forks.get() > 0 && own.process.get() != std::process::id()
}

/// Into a moment, or further into one. A thread does not wait for its own fork, in whose handlers
/// it may be.
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
    // Not before it is seen to wait: see `begin_fork`.
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

/// A static lock that a forked child finds free. It is held in a [`Moment`], so that its content is
/// whole there.
///
/// In the child of a fork that lost its patience, or took so long that others lost theirs, its
/// content may be half written. There it is what `Default` makes; what it was is neither read nor
/// dropped.
#[derive(Debug)]
pub(crate) struct Lock<T: 'static> {
    inner: UnsafeCell<Mutex<T>>,
    is_registered: AtomicBool,
}

// SAFETY: a mutex, but for the moment in which a forked child's only thread replaces it.
unsafe impl<T: Send> Sync for Lock<T> {}

/// The lock is held until this drops.
#[derive(Debug)]
pub(crate) struct Held<T: 'static> {
    guard: MutexGuard<'static, T>,
    /// Ends when the guard has dropped.
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

    /// Waits for it. What a panic left behind is taken as it is.
    pub(crate) fn lock(&'static self) -> Held<T> {
        let moment = Moment::begin();
        self.register();
        Held { guard: self.mutex().lock().unpoisoned(), _moment: moment }
    }

    /// `None` if somebody has it, or forks.
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
        // SAFETY: replaced in `reset` only, by the only thread of its process while it is in no
        // moment.
        unsafe { &*self.inner.get() }
    }
}

/// A lock without its type.
trait Forkable: Sync {
    /// In a forked child, whose thread is in no moment.
    fn reset(&self);
}

impl<T: Send + Default> Forkable for Lock<T> {
    fn reset(&self) {
        // SAFETY: there is no other thread, and this one is in no moment, so nobody refers to what
        // is replaced.
        unsafe { self.inner.get().write(Mutex::new(T::default())) };
    }
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

fn register_lock(lock: &'static dyn Forkable) {
    for place in &LOCKS {
        if place.1.compare_exchange(EMPTY, TAKEN, Acquire, Relaxed).is_ok() {
            // SAFETY: whoever made it `TAKEN` has it alone.
            unsafe { *place.0.get() = Some(lock) };
            place.1.store(READY, Release);
            return;
        }
    }
    debug_assert!(false, "more locks than places");
}

fn locks() -> impl Iterator<Item = &'static dyn Forkable> {
    let ready = LOCKS.iter().filter(|place| place.1.load(Acquire) == READY);
    // SAFETY: written before it was `READY`, and never after.
    ready.filter_map(|place| unsafe { *place.0.get() })
}

#[cfg(all(test, unix, not(miri)))]
mod tests;
#[cfg(all(test, unix, not(miri)))]
pub(crate) use tests::in_child;
