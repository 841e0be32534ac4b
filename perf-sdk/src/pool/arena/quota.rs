//! The hard limit of an arena: jemalloc calls these hooks for each extent that it maps.
#![allow(unsafe_code)]

use std::cell::Cell;
use std::ffi::{c_uint, c_void};
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

use tikv_jemalloc_sys as sys;

use super::control::{self, Index};
use super::error::ArenaError;

/// jemalloc maps this much at first, so no limit may be lower.
pub(super) const LEAST_BYTES: usize = 2 << 20;
/// An extent is at most this fraction of the limit, so that little of the limit stays unused.
const GROWTH_PART: usize = 16;
const LEAST_GROWTH: usize = 64 << 10;

thread_local! {
    /// Set while ordinary code allocates in an arena: a failed allocation would abort the process.
    static LENIENT: Cell<bool> = const { Cell::new(false) };
}

/// Hooks that wrap those that the arena had. Lives as long as the arena.
#[repr(C)]
#[derive(Debug)]
pub(super) struct Quota {
    /// The first field, because jemalloc passes its address to the hooks.
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

// SAFETY: it consists of function pointers and atomics.
unsafe impl Send for Quota {}
// SAFETY: it consists of function pointers that jemalloc calls from all threads, and atomics.
unsafe impl Sync for Quota {}

impl Quota {
    /// Installs the limit on the arena. The memory of the hooks is never freed, because jemalloc
    /// may call them as long as the arena's index is in use.
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
        // If jemalloc was configured to retain nothing, there is nothing to limit, and this fails.
        let _ = control::limit_growth(arena, (limit_bytes / GROWTH_PART).max(LEAST_GROWTH));
        // SAFETY: the quota is never freed, and its first field is the table of hooks.
        unsafe { control::replace_hooks(arena, ptr::from_ref(quota).cast_mut().cast())? };
        Ok(quota)
    }

    pub(super) fn limit_bytes(&self) -> usize {
        self.limit_bytes
    }

    /// Bytes that are mapped and not returned to the system.
    pub(super) fn mapped_bytes(&self) -> usize {
        self.mapped_bytes.load(Relaxed)
    }

    /// The number of extents that were refused, and of those that were granted to ordinary code
    /// beyond the limit.
    pub(super) fn refused(&self) -> (u64, u64) {
        (self.refused.load(Relaxed), self.exceeded.load(Relaxed))
    }

    /// # Safety
    /// `hooks` is the pointer that jemalloc passes to the hooks of a quota.
    unsafe fn of<'a>(hooks: *mut sys::extent_hooks_t) -> &'a Self {
        // SAFETY: as the caller guarantees; the hooks are the first field of a `repr(C)` quota that
        // is never freed.
        unsafe { &*hooks.cast::<Self>() }
    }

    /// Reserves bytes of the limit, or returns `false`.
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

/// Runs `f`; meanwhile, extents of this thread are granted beyond a limit too.
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
    // SAFETY: jemalloc passes the table that was installed.
    let quota = unsafe { Quota::of(hooks) };
    let Some(inner) = quota.inner.0.alloc else { return ptr::null_mut() };
    if !quota.take(size) {
        return ptr::null_mut();
    }
    // SAFETY: the arguments are passed on unchanged.
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
    // SAFETY: jemalloc passes the table that was installed.
    let quota = unsafe { Quota::of(hooks) };
    let Some(inner) = quota.inner.0.dalloc else { return REFUSED };
    // SAFETY: the arguments are passed on unchanged.
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
    // SAFETY: jemalloc passes the table that was installed.
    let quota = unsafe { Quota::of(hooks) };
    if let Some(inner) = quota.inner.0.destroy {
        // SAFETY: the arguments are passed on unchanged.
        unsafe { inner(hooks, addr, size, committed, arena) };
    }
    quota.give_back(size);
}

/// What jemalloc's extent hooks return when they refuse a request: `true`, by its manual.
const REFUSED: bool = true;
