//! Reads jemalloc's own statistics.
#![allow(unsafe_code)]

use std::ffi::{CStr, CString};

use crate::memory::{self, mallctl};
use crate::snapshot::{Allocator, ArenaUse};

/// The current statistics. `None` if the global allocator is neither [`Alloc`](crate::Alloc) nor
/// [`CountingAlloc`](crate::CountingAlloc) over jemalloc.
///
/// **Cost.** jemalloc sums over its arenas, and locks each briefly: some ten microseconds.
pub(super) fn allocator() -> Option<Allocator> {
    let figures = figures()?;
    let page_bytes = read(c"arenas.page")?;
    // SAFETY: an `unsigned`, by jemalloc's manual.
    let arenas: u32 = unsafe { mallctl::read(c"arenas.narenas") }.unwrap_or(0);
    let arenas = (0..arenas).filter_map(|index| arena(index, page_bytes)).collect();
    Some(Allocator { arenas, ..figures })
}

/// The same without the single arenas. Allocates nothing.
pub(super) fn figures() -> Option<Allocator> {
    if !memory::is_jemalloc() {
        return None;
    }
    mallctl::refresh().ok()?;
    let bytes = |name| read(name).unwrap_or(0);
    Some(Allocator {
        allocated_bytes: bytes(c"stats.allocated"),
        active_bytes: bytes(c"stats.active"),
        resident_bytes: bytes(c"stats.resident"),
        mapped_bytes: bytes(c"stats.mapped"),
        retained_bytes: bytes(c"stats.retained"),
        metadata_bytes: bytes(c"stats.metadata"),
        arenas: Vec::new(),
    })
}

/// Bytes allocated and not freed.
pub(super) fn allocated_bytes() -> Option<u64> {
    if !memory::is_jemalloc() {
        return None;
    }
    mallctl::refresh().ok()?;
    read(c"stats.allocated")
}

/// `None` for an arena that was never used.
fn arena(index: u32, page_bytes: u64) -> Option<ArenaUse> {
    let read = |figure: &str| read(&CString::new(format!("stats.arenas.{index}.{figure}")).ok()?);
    let allocated_bytes = read("small.allocated")? + read("large.allocated")?;
    let active_bytes = read("pactive")? * page_bytes;
    (active_bytes > 0).then_some(ArenaUse { index, allocated_bytes, active_bytes })
}

/// `name` must be a statistic of type `size_t`.
fn read(name: &CStr) -> Option<u64> {
    // SAFETY: callers use only such names, by jemalloc's manual.
    unsafe { mallctl::read::<usize>(name) }.ok().map(|value| value as u64)
}
