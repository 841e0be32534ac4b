//! jemalloc's functions for arenas and caches.
#![allow(unsafe_code)]

use std::alloc::Layout;
use std::ffi::{CStr, CString, c_int, c_uint};
use std::ptr::NonNull;

use tikv_jemalloc_sys as sys;

use super::error::ArenaError;
use crate::memory::mallctl::{self, Code};

/// A number that jemalloc gave.
pub(super) type Index = c_uint;

/// Has `act` done with the name.
fn with<T>(what: &'static str, name: &str, act: impl FnOnce(&CStr) -> Result<T, Code>) -> Result<T, ArenaError> {
    let refused = |code| ArenaError::Refused { what, code };
    act(&CString::new(name).map_err(|_| refused(libc::EINVAL))?).map_err(refused)
}

fn tell(what: &'static str, name: &str) -> Result<(), ArenaError> {
    // SAFETY: the callers below name what jemalloc's manual has, and pass their own callers'
    // promises on.
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

/// A new arena: some 40 µs, and 150 KB.
pub(super) fn create_arena() -> Result<Index, ArenaError> {
    read::<c_uint>("a new arena", "arenas.create")
}

/// All that was allocated in the arena is gone: the caller knows that nobody uses it, and that no
/// cache holds of it.
pub(super) unsafe fn reset_arena(arena: Index) -> Result<(), ArenaError> {
    tell("to empty an arena", &format!("arena.{arena}.reset"))
}

/// And the arena too; its number may be given again.
pub(super) unsafe fn destroy_arena(arena: Index) -> Result<(), ArenaError> {
    tell("to give an arena up", &format!("arena.{arena}.destroy"))
}

/// Gives unused pages back.
pub(super) fn purge_arena(arena: Index) -> Result<(), ArenaError> {
    tell("to purge an arena", &format!("arena.{arena}.purge"))
}

/// Gives pages back that were unused for long.
pub(super) fn decay_arena(arena: Index) -> Result<(), ArenaError> {
    tell("to decay an arena", &format!("arena.{arena}.decay"))
}

/// All arenas that jemalloc has, those that were never used too.
pub(super) fn arenas() -> Index {
    read::<c_uint>("the number of arenas", "arenas.narenas").unwrap_or(0)
}

/// Extents grow to so many bytes at a time.
pub(super) fn limit_growth(arena: Index, bytes: usize) -> Result<(), ArenaError> {
    write("a limit to how an arena grows", &format!("arena.{arena}.retain_grow_limit"), bytes)
}

/// Puts `hooks` in the place of the arena's, which are returned. They must live as long as the
/// arena.
pub(super) unsafe fn replace_hooks(
    arena: Index,
    hooks: *mut sys::extent_hooks_t,
) -> Result<*mut sys::extent_hooks_t, ArenaError> {
    exchange("an arena's hooks", &format!("arena.{arena}.extent_hooks"), hooks)
}

/// The arena's hooks.
pub(super) fn hooks(arena: Index) -> Result<*mut sys::extent_hooks_t, ArenaError> {
    read("an arena's hooks", &format!("arena.{arena}.extent_hooks"))
}

pub(super) fn create_cache() -> Result<Index, ArenaError> {
    read::<c_uint>("a new cache", "tcache.create")
}

/// Gives what it holds back to its arena. Nobody else may use the cache meanwhile.
pub(super) unsafe fn flush_cache(cache: Index) -> Result<(), ArenaError> {
    write("to flush a cache", "tcache.flush", cache)
}

/// Likewise; it is gone then.
pub(super) unsafe fn destroy_cache(cache: Index) -> Result<(), ArenaError> {
    write("to give a cache up", "tcache.destroy", cache)
}

/// What plain code on this thread allocates comes from `arena` from now on, and not from what the
/// thread has at hand. The arena before.
pub(super) fn enter_arena(arena: Index) -> Result<Index, ArenaError> {
    let what = "another arena for this thread";
    tell(what, "thread.tcache.flush")?;
    exchange(what, "thread.arena", arena)
}

/// Pages of the arena that hold something allocated, bytes; of the last time that jemalloc's
/// figures were brought up to date.
pub(super) fn active_bytes(arena: Index) -> u64 {
    let pages = read::<usize>("an arena's figures", &format!("stats.arenas.{arena}.pactive"));
    let page = read::<usize>("the size of a page", "arenas.page");
    pages.ok().zip(page.ok()).map_or(0, |(pages, page)| (pages * page) as u64)
}

/// Brings jemalloc's figures up to date.
pub(super) fn refresh() {
    let _ = mallctl::refresh();
}

/// Where an allocation comes from, and how.
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
        // What jemalloc aligns anyway.
        if layout.align() <= 16 && layout.align() <= layout.size() {
            self.flags
        } else {
            self.flags | sys::MALLOCX_LG_ALIGN(layout.align().trailing_zeros() as usize)
        }
    }

    /// A block; `None` where there is no memory, and for no bytes at all.
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

    /// A block in place of `block`, which is gone if there is one.
    ///
    /// # Safety
    /// `block` is one of the same arena's; the new layout's size is not 0.
    #[inline]
    pub(super) unsafe fn reallocate(self, block: NonNull<u8>, new: Layout) -> Option<NonNull<u8>> {
        // SAFETY: the caller's promise.
        NonNull::new(unsafe { sys::rallocx(block.as_ptr().cast(), new.size(), self.with(new)) }.cast())
    }

    /// # Safety
    /// `block` is one of the same arena's, allocated with `layout`, whose size is not 0.
    #[inline]
    pub(super) unsafe fn free(self, block: NonNull<u8>, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { sys::sdallocx(block.as_ptr().cast(), layout.size(), self.with(layout)) }
    }
}
