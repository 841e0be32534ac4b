//! Call paths: the calling thread's current one, and a path as a list of sites.
#![allow(unsafe_code)]

use super::{CallPath, Site, Slot};

/// The current scope of this thread. `None` if the thread has no record.
#[inline]
pub(crate) fn current_path() -> Option<CallPath> {
    let slot = Slot::get();
    // SAFETY: the slot points to this thread's scopes, which are never freed.
    slot.is_record().then(|| unsafe { (*slot.as_ptr()).top() })
}

/// A thread's record, as an address that identifies it. At any time at most one thread owns it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Owner(pub(crate) usize);

/// The record of this thread and its current scope. `None` outside of all scopes.
#[inline]
pub(crate) fn current_scope() -> Option<(Owner, CallPath)> {
    let slot = Slot::get();
    // SAFETY: as above.
    let path = slot.is_record().then(|| unsafe { (*slot.as_ptr()).top() })?;
    path.get().site.is_some().then_some((Owner(slot.as_ptr().addr()), path))
}

/// The sites of a path, outermost first. Empty for `None`.
pub(crate) fn callers(path: Option<CallPath>) -> Vec<&'static Site> {
    let paths = std::iter::successors(path.map(CallPath::get), |path| path.parent.map(CallPath::get));
    let mut sites: Vec<&'static Site> = paths.filter_map(|path| path.site).collect();
    sites.reverse();
    sites
}
