//! jemalloc's functions for arenas and thread caches.
#![allow(unsafe_code)]

use std::alloc::Layout;
use std::ffi::{CStr, CString, c_int, c_uint};
use std::ptr::NonNull;

use tikv_jemalloc_sys as sys;

use super::error::ArenaError;
use crate::memory::mallctl::{self, Code};

/// jemalloc's number of an arena or a cache.
pub(super) type Index = c_uint;

/// Calls `act` with the name as a C string, and maps its error.
fn with<T>(what: &'static str, name: &str, act: impl FnOnce(&CStr) -> Result<T, Code>) -> Result<T, ArenaError> {
    let refused = |code| ArenaError::Refused { what, code };
    act(&CString::new(name).map_err(|_| refused(libc::EINVAL))?).map_err(refused)
}

fn tell(what: &'static str, name: &str) -> Result<(), ArenaError> {
    // SAFETY: the callers below use names from jemalloc's manual, and rely on what their own
    // callers guarantee.
    with(what, name, |name| unsafe { mallctl::tell(name) })
}

fn write<T: Copy>(what: &'static str, name: &str, value: T) -> Result<(), ArenaError> {
    // SAFETY: the callers below pass values of the types that jemalloc's manual gives for the
    // names.
    with(what, name, |name| unsafe { mallctl::write(name, value) })
}

fn exchange<T: Copy>(what: &'static str, name: &str, value: T) -> Result<T, ArenaError> {
    // SAFETY: as for `write`.
    with(what, name, |name| unsafe { mallctl::exchange(name, value) })
}

fn read<T: Copy>(what: &'static str, name: &str) -> Result<T, ArenaError> {
    // SAFETY: as for `write`.
    with(what, name, |name| unsafe { mallctl::read(name) })
}

/// Creates an arena. Takes some 40 µs, and 150 KB.
pub(super) fn create_arena() -> Result<Index, ArenaError> {
    read::<c_uint>("create an arena", "arenas.create")
}

/// Frees everything in the arena.
///
/// # Safety
/// Nobody uses the arena's allocations, and no cache contains any of them.
pub(super) unsafe fn reset_arena(arena: Index) -> Result<(), ArenaError> {
    tell("reset an arena", &format!("arena.{arena}.reset"))
}

/// Frees everything in the arena, and the arena itself. Its index may be reused.
///
/// # Safety
/// As for [`reset_arena`].
pub(super) unsafe fn destroy_arena(arena: Index) -> Result<(), ArenaError> {
    tell("destroy an arena", &format!("arena.{arena}.destroy"))
}

/// Returns unused pages to the system.
pub(super) fn purge_arena(arena: Index) -> Result<(), ArenaError> {
    tell("purge an arena", &format!("arena.{arena}.purge"))
}

/// Returns pages to the system that were unused for long.
pub(super) fn decay_arena(arena: Index) -> Result<(), ArenaError> {
    tell("decay an arena", &format!("arena.{arena}.decay"))
}

/// The number of jemalloc's arenas, including those that were never used.
pub(super) fn arenas() -> Index {
    read::<c_uint>("read the number of arenas", "arenas.narenas").unwrap_or(0)
}

/// Limits the growth of extents to this size.
pub(super) fn limit_growth(arena: Index, bytes: usize) -> Result<(), ArenaError> {
    write("limit the growth of an arena", &format!("arena.{arena}.retain_grow_limit"), bytes)
}

/// Replaces the arena's hooks and returns the previous ones.
///
/// # Safety
/// `hooks` live as long as the arena.
pub(super) unsafe fn replace_hooks(
    arena: Index,
    hooks: *mut sys::extent_hooks_t,
) -> Result<*mut sys::extent_hooks_t, ArenaError> {
    exchange("replace an arena's hooks", &format!("arena.{arena}.extent_hooks"), hooks)
}

/// The arena's hooks.
pub(super) fn hooks(arena: Index) -> Result<*mut sys::extent_hooks_t, ArenaError> {
    read("read an arena's hooks", &format!("arena.{arena}.extent_hooks"))
}

pub(super) fn create_cache() -> Result<Index, ArenaError> {
    read::<c_uint>("create a thread cache", "tcache.create")
}

/// Returns the cache's blocks to its arena.
///
/// # Safety
/// Nobody else uses the cache meanwhile.
pub(super) unsafe fn flush_cache(cache: Index) -> Result<(), ArenaError> {
    write("flush a thread cache", "tcache.flush", cache)
}

/// Returns the cache's blocks to its arena, and destroys the cache.
///
/// # Safety
/// As for [`flush_cache`].
pub(super) unsafe fn destroy_cache(cache: Index) -> Result<(), ArenaError> {
    write("destroy a thread cache", "tcache.destroy", cache)
}

/// From now on, ordinary allocations of this thread come from `arena`, and not from the thread's
/// cache. Returns the previous arena.
pub(super) fn enter_arena(arena: Index) -> Result<Index, ArenaError> {
    let what = "switch this thread's arena";
    tell(what, "thread.tcache.flush")?;
    exchange(what, "thread.arena", arena)
}

/// The arena's active pages in bytes, as of the latest [`refresh`].
pub(super) fn active_bytes(arena: Index) -> u64 {
    let pages = read::<usize>("read an arena's statistics", &format!("stats.arenas.{arena}.pactive"));
    let page = read::<usize>("read the page size", "arenas.page");
    pages.ok().zip(page.ok()).map_or(0, |(pages, page)| (pages * page) as u64)
}

/// Updates jemalloc's statistics.
pub(super) fn refresh() {
    let _ = mallctl::refresh();
}

/// The source of allocations: an arena, and a cache or none.
#[derive(Clone, Copy, Debug)]
pub(super) struct From {
    flags: c_int,
}

impl From {
    pub(super) fn new(arena: Index, cache: Option<Index>) -> Self {
        let cache = cache.map_or(sys::MALLOCX_TCACHE_NONE, |cache| sys::MALLOCX_TCACHE(cache as usize));
        Self { flags: sys::MALLOCX_ARENA(arena as usize) | cache }
    }

    #[inline]
    fn with(self, layout: Layout) -> c_int {
        // jemalloc guarantees this alignment without a flag.
        if layout.align() <= 16 && layout.align() <= layout.size() {
            self.flags
        } else {
            self.flags | sys::MALLOCX_LG_ALIGN(layout.align().trailing_zeros() as usize)
        }
    }

    /// Allocates a block. `None` if there is no memory, and for a size of 0.
    #[inline]
    pub(super) fn allocate(self, layout: Layout) -> Option<NonNull<u8>> {
        if layout.size() == 0 {
            return None;
        }
        // SAFETY: the size is not 0.
        NonNull::new(unsafe { sys::mallocx(layout.size(), self.with(layout)) }.cast())
    }

    #[inline]
    pub(super) fn allocate_zeroed(self, layout: Layout) -> Option<NonNull<u8>> {
        if layout.size() == 0 {
            return None;
        }
        // SAFETY: the size is not 0.
        NonNull::new(unsafe { sys::mallocx(layout.size(), self.with(layout) | sys::MALLOCX_ZERO) }.cast())
    }

    /// Reallocates `block`, which is invalid afterwards unless the result is `None`.
    ///
    /// # Safety
    /// `block` belongs to the same arena, and the new layout's size is not 0.
    #[inline]
    pub(super) unsafe fn reallocate(self, block: NonNull<u8>, new: Layout) -> Option<NonNull<u8>> {
        // SAFETY: as the caller guarantees.
        NonNull::new(unsafe { sys::rallocx(block.as_ptr().cast(), new.size(), self.with(new)) }.cast())
    }

    /// # Safety
    /// `block` belongs to the same arena, and was allocated with `layout`, whose size is not 0.
    #[inline]
    pub(super) unsafe fn free(self, block: NonNull<u8>, layout: Layout) {
        // SAFETY: as the caller guarantees.
        unsafe { sys::sdallocx(block.as_ptr().cast(), layout.size(), self.with(layout)) }
    }
}
