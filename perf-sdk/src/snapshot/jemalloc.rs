//! jemalloc's figures of itself.
#![allow(unsafe_code)]

use tikv_jemalloc_ctl::{arenas, epoch, raw, stats};

use super::{Allocator, ArenaUse};
use crate::memory;

/// The figures now; `None` where the program's allocator is neither [`Alloc`](crate::Alloc) nor [`Counted`](crate::Counted) over jemalloc.
///
/// **Cost.** jemalloc sums over its arenas, each under its lock for a moment: some ten microseconds.
pub(super) fn allocator() -> Option<Allocator> {
    if !memory::is_jemalloc() {
        return None;
    }
    epoch::advance().ok()?;
    let bytes = |read: tikv_jemalloc_ctl::Result<usize>| read.map_or(0, |bytes| bytes as u64);
    let page_bytes = read("arenas.page\0")?;
    Some(Allocator {
        allocated_bytes: bytes(stats::allocated::read()),
        active_bytes: bytes(stats::active::read()),
        resident_bytes: bytes(stats::resident::read()),
        mapped_bytes: bytes(stats::mapped::read()),
        retained_bytes: bytes(stats::retained::read()),
        metadata_bytes: bytes(stats::metadata::read()),
        arenas: (0..arenas::narenas::read().unwrap_or(0)).filter_map(|index| arena(index, page_bytes)).collect(),
    })
}

/// What is allocated and not freed.
pub(super) fn allocated_bytes() -> Option<u64> {
    if !memory::is_jemalloc() {
        return None;
    }
    epoch::advance().ok()?;
    stats::allocated::read().ok().map(|bytes| bytes as u64)
}

/// `None` for one that was never used.
fn arena(index: u32, page_bytes: u64) -> Option<ArenaUse> {
    let read = |figure: &str| read(&format!("stats.arenas.{index}.{figure}\0"));
    let allocated_bytes = read("small.allocated")? + read("large.allocated")?;
    let active_bytes = read("pactive")? * page_bytes;
    (active_bytes > 0).then_some(ArenaUse { index, allocated_bytes, active_bytes })
}

/// `name` ends with a 0, and is that of a figure of type `size_t`.
fn read(name: &str) -> Option<u64> {
    // SAFETY: callers name such figures only, by jemalloc's manual.
    unsafe { raw::read::<usize>(name.as_bytes()) }.ok().map(|value| value as u64)
}
