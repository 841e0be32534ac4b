//! All thread records, and how a thread gets one.
#![allow(unsafe_code)]

use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering::AcqRel, Ordering::Acquire, Ordering::Relaxed};

use super::account;
use super::own;
use crate::clock::{self, ThreadCpu};
use crate::memory;
use crate::record::calibration::overhead;
use crate::record::locks::{holding, wait};
use crate::record::slowest::table;
use crate::record::store::dropped::{self, Reason};
use crate::record::store::empty_call::EmptyCall;
use crate::record::store::resting;
use crate::record::store::shared;
use crate::record::store::thread::ThreadRecord;
use crate::record::store::trail;
use crate::scope::Slot;

static NEWEST: AtomicPtr<ThreadRecord> = AtomicPtr::new(ptr::null_mut());
/// The number of records without an owner: a hint that saves a search when there is none.
static FREE: AtomicU32 = AtomicU32::new(0);
/// Ticks when this process began to record; 0 before.
static BEGAN: AtomicU64 = AtomicU64::new(0);

/// All records of this process, the newest first.
pub(crate) fn records() -> impl Iterator<Item = &'static ThreadRecord> {
    // SAFETY: null or a record, which is never freed. `Acquire` pairs with the publication in
    // `publish`.
    let newest = unsafe { NEWEST.load(Acquire).as_ref() };
    std::iter::successors(newest, |record| record.older())
}

/// The calling thread's record, if it has one.
pub(crate) fn current() -> Option<&'static ThreadRecord> {
    ThreadRecord::of(Slot::get())
}

/// The calling thread's record. If it has none yet, it gets a new one, or one that another thread
/// has left.
pub(in crate::record) fn current_or_new(empty_call: EmptyCall) -> Option<&'static ThreadRecord> {
    let slot = Slot::get();
    if slot == Slot::NEW { arrive(slot, empty_call) } else { current() }
}

/// This thread's record if the slot does not hold one: a new one, a borrowed one, or none if the
/// recorder is active.
#[cold]
#[inline(never)]
pub(in crate::record) fn arrive(slot: Slot, empty_call: EmptyCall) -> Option<&'static ThreadRecord> {
    let record = match slot {
        Slot::NEW => {
            Slot::BUSY.set();
            let record = enrol(empty_call);
            if record.is_none() {
                Slot::FULL.set();
            }
            return record.inspect(|record| record.leave_busy());
        }
        Slot::FULL if is_any_free() => {
            Slot::BUSY.set();
            let record = enrol(empty_call);
            if record.is_none() {
                Slot::FULL.set();
            }
            return record.inspect(|record| record.leave_busy());
        }
        Slot::FULL => return None,
        Slot::DEAD => {
            Slot::BUSY.set();
            let record = borrow(empty_call);
            if record.is_none() {
                Slot::DEAD.set();
            }
            record
        }
        _ => {
            dropped::count(Reason::Reentered);
            return None;
        }
    };
    match record {
        Some(record) => record.leave_busy(),
        None => dropped::count(Reason::Memory),
    }
    record
}

/// When recording began, in ticks.
pub(crate) fn began() -> u64 {
    let now = clock::wall().ticks().max(1);
    match BEGAN.compare_exchange(0, now, Relaxed, Relaxed) {
        Ok(_) => now,
        Err(began) => began,
    }
}

/// A record for a thread that has none yet, which keeps it until it ends.
#[cold]
fn enrol(empty_call: EmptyCall) -> Option<&'static ThreadRecord> {
    let record = obtain(empty_call, clock::attach)?;
    exit::watch(record);
    memory::note_drawn();
    #[cfg(feature = "stacks")]
    crate::scope::announce();
    Some(record)
}

/// Whether a thread has returned its record and no other has taken it.
fn is_any_free() -> bool {
    FREE.load(Relaxed) > 0
}

/// A record for one outermost call on a thread that has already returned its own: in a late
/// destructor of a thread-local or a global.
#[cold]
fn borrow(empty_call: EmptyCall) -> Option<&'static ThreadRecord> {
    let record = obtain(empty_call, ThreadCpu::detached)?;
    record.borrowed.set(true);
    Some(record)
}

fn obtain(empty_call: EmptyCall, cpu: impl FnOnce() -> ThreadCpu) -> Option<&'static ThreadRecord> {
    let own = overhead::own_part(empty_call);
    let owner = clock::thread_id();
    let cpu = memory::uncounted(cpu);
    if is_any_free()
        && let Some(record) = records().find(|record| record.take(owner))
    {
        FREE.fetch_sub(1, Relaxed);
        record.set_cpu(cpu);
        record.reset_stack();
        return Some(record);
    }
    began();
    let record = ThreadRecord::allocate(owner, clock::wall(), own, cpu, memory::is_counting())?;
    publish(record);
    Some(record)
}

fn publish(record: &'static ThreadRecord) {
    let new = ptr::from_ref(record).cast_mut();
    let mut newest = NEWEST.load(Acquire);
    loop {
        // SAFETY: null or a record, which is never freed. `Acquire` pairs with its publication.
        record.set_older(unsafe { newest.as_ref() });
        match NEWEST.compare_exchange_weak(newest, new, AcqRel, Acquire) {
            Ok(_) => return,
            Err(now) => newest = now,
        }
    }
}

/// Owner only: releases the record. The slot must no longer point to it.
pub(in crate::record) fn release(record: &'static ThreadRecord) {
    record.flush();
    record.reset_stack();
    record.borrowed.set(false);
    resting::note_end(record);
    record.cpu_detach();
    // Before the release, so that a thread which sees a free record also sees the count.
    FREE.fetch_add(1, Relaxed);
    record.give_back();
}

/// Called in a forked child, where only the forking thread exists. Its figures start from zero. The
/// parent's records stay allocated, but are unreachable, since guards and futures may still point
/// to them.
fn forget_all() {
    NEWEST.store(ptr::null_mut(), Relaxed);
    FREE.store(0, Relaxed);
    BEGAN.store(0, Relaxed);
    dropped::reset();
    overhead::after_fork();
    account::after_fork();
    own::after_fork();
    holding::after_fork();
    wait::after_fork();
    shared::forget_all();
    trail::after_fork();
    table::after_fork();
    if Slot::get().is_record() {
        Slot::NEW.set();
    }
}

#[cfg(unix)]
mod exit {
    //! Detects the end of a thread, and a fork of the process.
    //!
    //! It uses a POSIX key, not a thread-local with a destructor. The key's destructor runs after
    //! those of Rust's and C++'s thread-locals, which may still call profiled functions. And
    //! setting it does not allocate for the first 32 keys, so a first profiled call inside a signal
    //! handler cannot deadlock in the allocator.

    use std::ffi::c_void;
    use std::sync::OnceLock;

    use super::{ThreadRecord, forget_all, release};
    use crate::base::fork::{self, Hook};
    use crate::clock;
    use crate::scope::Slot;

    pub(in crate::record) fn watch(record: &'static ThreadRecord) {
        static KEY: OnceLock<Option<libc::pthread_key_t>> = OnceLock::new();
        let key = KEY.get_or_init(|| {
            let mut key = 0;
            // SAFETY: `key` is a valid pointer for the result, and the destructor has the required
            // signature.
            let made = unsafe { libc::pthread_key_create(&raw mut key, Some(ended)) } == 0;
            fork::register(&HOOK);
            made.then_some(key)
        });
        // SAFETY: the key exists, and its value is only passed to `ended`.
        let is_watched =
            key.is_some_and(|key| unsafe { libc::pthread_setspecific(key, std::ptr::from_ref(record).cast()) } == 0);
        if !is_watched {
            // It ends unseen.
            record.home.move_out();
        }
    }

    extern "C" fn ended(value: *mut c_void) {
        let slot = Slot::get();
        let record = ThreadRecord::of(slot).filter(|_| std::ptr::eq(slot.as_ptr().cast::<c_void>(), value));
        if let Some(record) = record {
            Slot::DEAD.set();
            release(record);
        }
    }

    static HOOK: Hook = Hook { before: None, child: forked };

    fn forked() {
        clock::after_fork();
        forget_all();
    }
}

#[cfg(not(unix))]
mod exit {
    //! Detects the end of a thread.

    use std::cell::Cell;

    use super::{ThreadRecord, release};
    use crate::scope::Slot;

    struct Watch(Cell<Option<&'static ThreadRecord>>);

    impl Drop for Watch {
        fn drop(&mut self) {
            if let Some(record) = self.0.get() {
                Slot::DEAD.set();
                release(record);
            }
        }
    }

    thread_local! {
        static WATCH: Watch = const { Watch(Cell::new(None)) };
    }

    pub(in crate::record) fn watch(record: &'static ThreadRecord) {
        let _ = WATCH.try_with(|watch| watch.0.set(Some(record)));
    }
}
