//! What an arena may take from the system: jemalloc asks these hooks for each extent.
#![allow(unsafe_code)]

use std::cell::Cell;
use std::ffi::{c_uint, c_void};
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

use tikv_jemalloc_sys as sys;

use super::control::{self, Index};
use super::error::ArenaError;

/// jemalloc takes so much from the system at first: no limit may be less.
pub(super) const LEAST_BYTES: usize = 2 << 20;
/// An extent is at most this part of the limit, so that the last one fits nearly.
const GROWTH_PART: usize = 16;
const LEAST_GROWTH: usize = 64 << 10;

thread_local! {
    /// Plain code allocates in an arena: it would end the process if it got nothing.
    static LENIENT: Cell<bool> = const { Cell::new(false) };
}

/// Hooks over those that the arena had. Lives as long as the arena.
#[repr(C)]
#[derive(Debug)]
pub(super) struct Quota {
    /// First: jemalloc hands its address back.
    hooks: Hooks,
    inner: Hooks,
    limit_bytes: usize,
    mapped_bytes: AtomicUsize,
    refused: AtomicU64,
    exceeded: AtomicU64,
}

#[repr(transparent)]
struct Hooks(sys::extent_hooks_t);

impl std::fmt::Debug for Hooks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hooks")
    }
}

// SAFETY: functions, and atomics.
unsafe impl Send for Quota {}
// SAFETY: functions that jemalloc calls from all threads, and atomics.
unsafe impl Sync for Quota {}

impl Quota {
    /// Over the arena from now on. The memory of the hooks is never given back: jemalloc may call
    /// them as long as the arena's number is in use.
    pub(super) fn install(arena: Index, limit_bytes: usize) -> Result<&'static Self, ArenaError> {
        let before = NonNull::new(control::hooks(arena)?);
        // SAFETY: jemalloc's own hooks, which are never freed.
        let inner = before.map_or_else(Default::default, |before| unsafe { *before.as_ptr() });
        let hooks = sys::extent_hooks_t {
            alloc: inner.alloc.is_some().then_some(allocate),
            dalloc: inner.dalloc.is_some().then_some(deallocate),
            destroy: inner.destroy.is_some().then_some(destroy),
            ..inner
        };
        let quota: &'static Self = Box::leak(Box::new(Self {
            hooks: Hooks(hooks),
            inner: Hooks(inner),
            limit_bytes,
            mapped_bytes: AtomicUsize::new(0),
            refused: AtomicU64::new(0),
            exceeded: AtomicU64::new(0),
        }));
        // Where jemalloc was configured to retain nothing there is nothing to limit, and it says
        // so.
        let _ = control::limit_growth(arena, (limit_bytes / GROWTH_PART).max(LEAST_GROWTH));
        // SAFETY: the quota lives for ever; its first field is the table of hooks.
        unsafe { control::replace_hooks(arena, ptr::from_ref(quota).cast_mut().cast())? };
        Ok(quota)
    }

    pub(super) fn limit_bytes(&self) -> usize {
        self.limit_bytes
    }

    /// Taken from the system and not given back.
    pub(super) fn mapped_bytes(&self) -> usize {
        self.mapped_bytes.load(Relaxed)
    }

    /// Extents that were not given, and those that were given to plain code beyond the limit.
    pub(super) fn refused(&self) -> (u64, u64) {
        (self.refused.load(Relaxed), self.exceeded.load(Relaxed))
    }

    /// # Safety
    /// `hooks` is what jemalloc hands to the hooks of a quota.
    unsafe fn of<'a>(hooks: *mut sys::extent_hooks_t) -> &'a Self {
        // SAFETY: the caller's promise; the hooks are the first field of a `repr(C)` quota that is
        // never freed.
        unsafe { &*hooks.cast::<Self>() }
    }

    /// Whether so much more may be taken.
    fn take(&self, bytes: usize) -> bool {
        let lenient = LENIENT.with(Cell::get);
        let taken = self.mapped_bytes.fetch_update(Relaxed, Relaxed, |mapped| {
            let more = mapped.saturating_add(bytes);
            (more <= self.limit_bytes || lenient).then_some(more)
        });
        match taken {
            Err(_) => _ = self.refused.fetch_add(1, Relaxed),
            Ok(before) if before.saturating_add(bytes) > self.limit_bytes => _ = self.exceeded.fetch_add(1, Relaxed),
            Ok(_) => {}
        }
        taken.is_ok()
    }

    fn give_back(&self, bytes: usize) {
        self.mapped_bytes.fetch_sub(bytes, Relaxed);
    }
}

/// Runs `f`, during which this thread's extents are given beyond a limit too.
pub(super) fn lenient<R>(f: impl FnOnce() -> R) -> R {
    struct Restore(bool);
    impl Drop for Restore {
        fn drop(&mut self) {
            LENIENT.with(|lenient| lenient.set(self.0));
        }
    }
    let _restore = Restore(LENIENT.with(|lenient| lenient.replace(true)));
    f()
}

unsafe extern "C" fn allocate(
    hooks: *mut sys::extent_hooks_t,
    new_addr: *mut c_void,
    size: usize,
    alignment: usize,
    zero: *mut bool,
    commit: *mut bool,
    arena: c_uint,
) -> *mut c_void {
    // SAFETY: jemalloc calls with the table that it was given.
    let quota = unsafe { Quota::of(hooks) };
    let Some(inner) = quota.inner.0.alloc else { return ptr::null_mut() };
    if !quota.take(size) {
        return ptr::null_mut();
    }
    // SAFETY: passed on as it came.
    let extent = unsafe { inner(hooks, new_addr, size, alignment, zero, commit, arena) };
    if extent.is_null() {
        quota.give_back(size);
    }
    extent
}

unsafe extern "C" fn deallocate(
    hooks: *mut sys::extent_hooks_t,
    addr: *mut c_void,
    size: usize,
    committed: bool,
    arena: c_uint,
) -> bool {
    // SAFETY: jemalloc calls with the table that it was given.
    let quota = unsafe { Quota::of(hooks) };
    let Some(inner) = quota.inner.0.dalloc else { return REFUSED };
    // SAFETY: passed on as it came.
    let is_kept = unsafe { inner(hooks, addr, size, committed, arena) };
    if is_kept != REFUSED {
        quota.give_back(size);
    }
    is_kept
}

unsafe extern "C" fn destroy(
    hooks: *mut sys::extent_hooks_t,
    addr: *mut c_void,
    size: usize,
    committed: bool,
    arena: c_uint,
) {
    // SAFETY: jemalloc calls with the table that it was given.
    let quota = unsafe { Quota::of(hooks) };
    if let Some(inner) = quota.inner.0.destroy {
        // SAFETY: passed on as it came.
        unsafe { inner(hooks, addr, size, committed, arena) };
    }
    quota.give_back(size);
}

/// What a hook returns that did not do it.
const REFUSED: bool = true;
