//! A path as a list.
#![allow(unsafe_code)]

use super::{Path, Site};

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
