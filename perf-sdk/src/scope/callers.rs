//! Paths: that of the calling thread, and one as a list.
#![allow(unsafe_code)]

use std::ptr;
use std::sync::atomic::Ordering::Relaxed;

use super::{Path, Site, Slot};

/// The scope that this thread is in; null where it has no record. It may be kept: it is never
/// freed.
#[inline]
pub(crate) fn current_path() -> *const Path {
    let slot = Slot::get();
    if !slot.is_record() {
        return ptr::null();
    }
    // SAFETY: the slot holds this thread's scopes, which are never freed.
    unsafe { &*slot.as_ptr() }.top.load(Relaxed)
}

/// The sites of a path, outermost first; none for null.
///
/// # Safety
/// `path` is null or a node's path, which is never freed.
pub(crate) unsafe fn callers(path: *const Path) -> Vec<&'static Site> {
    let mut sites = Vec::new();
    let mut at = path;
    // SAFETY: the caller's promise; a parent is one too.
    while let Some(path) = unsafe { at.as_ref() } {
        sites.extend(path.site);
        at = path.parent;
    }
    sites.reverse();
    sites
}
