//! Call paths: the calling thread's current one, and a path as a list of sites.
#![allow(unsafe_code)]

use std::ptr;
use std::sync::atomic::Ordering::Relaxed;

use super::{Path, Site, Slot};

/// The current scope of this thread, null if the thread has no record. The pointer stays valid,
/// because paths are never freed.
#[inline]
pub(crate) fn current_path() -> *const Path {
    let slot = Slot::get();
    if !slot.is_record() {
        return ptr::null();
    }
    // SAFETY: the slot points to this thread's scopes, which are never freed.
    unsafe { &*slot.as_ptr() }.top.load(Relaxed)
}

/// The sites of a path, outermost first. Empty for null.
///
/// # Safety
/// `path` is null or a node's path, which is never freed.
pub(crate) unsafe fn callers(path: *const Path) -> Vec<&'static Site> {
    let mut sites = Vec::new();
    let mut at = path;
    // SAFETY: as the caller guarantees; a parent is a node's path too.
    while let Some(path) = unsafe { at.as_ref() } {
        sites.extend(path.site);
        at = path.parent;
    }
    sites.reverse();
    sites
}
