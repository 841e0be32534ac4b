//! Call paths, and the address of one as a value that safe code can only copy.
#![allow(unsafe_code)]

use std::ptr::{self, NonNull};

use super::Site;
use crate::base::atomic::{AtomicPtr, Ordering::AcqRel, Ordering::Acquire, Ordering::Release};

/// One function reached by one path of callers. It is the first field of a call-tree node. It is
/// immutable once published and never freed, so a hook or a signal handler may walk it from any
/// thread.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Path {
    /// `None` only in the root of a tree.
    pub(crate) site: Option<&'static Site>,
    /// The caller; `None` only in the root of a tree.
    pub(crate) parent: Option<CallPath>,
    /// The number of steps to the root.
    pub(crate) depth: u32,
    /// Whether one of its callers has the same site.
    pub(crate) is_within_itself: bool,
}

/// The address of the [`Path`] in a call-tree node. The node can be reached from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub(crate) struct CallPath(NonNull<Path>);

// SAFETY: it is used as a `&'static Path`, and a path is immutable once published.
unsafe impl Send for CallPath {}
// SAFETY: as above.
unsafe impl Sync for CallPath {}

impl CallPath {
    /// The address of a path.
    ///
    /// # Safety
    /// `path` is the first field of a whole call-tree node, which is never freed and whose path no
    /// longer changes. The pointer may be used for the whole node.
    #[inline]
    pub(crate) unsafe fn of(path: NonNull<Path>) -> Self {
        Self(path)
    }

    /// The address that [`as_ptr`](Self::as_ptr) returned. `None` for null.
    ///
    /// # Safety
    /// `path` is null, or was returned by `as_ptr`. What was written before that is visible here.
    #[inline]
    pub(crate) unsafe fn from_ptr(path: *const Path) -> Option<Self> {
        NonNull::new(path.cast_mut()).map(Self)
    }

    /// The address as a pointer, which may be used for the whole node.
    #[inline]
    pub(crate) fn as_ptr(self) -> *const Path {
        self.0.as_ptr()
    }

    #[inline]
    pub(crate) fn get(self) -> &'static Path {
        // SAFETY: as `of` requires.
        unsafe { self.0.as_ref() }
    }
}

/// A [`CallPath`] or nothing, which threads pass to each other.
#[derive(Debug)]
pub(crate) struct AtomicCallPath(AtomicPtr<Path>);

impl AtomicCallPath {
    pub(crate) const fn none() -> Self {
        Self(AtomicPtr::new(ptr::null_mut()))
    }

    #[inline]
    pub(crate) fn load(&self) -> Option<CallPath> {
        // SAFETY: only results of `as_ptr` are stored. `Acquire` pairs with the stores below.
        unsafe { CallPath::from_ptr(self.0.load(Acquire)) }
    }

    #[inline]
    pub(crate) fn store(&self, path: Option<CallPath>) {
        self.0.store(path.map_or(ptr::null(), CallPath::as_ptr).cast_mut(), Release);
    }

    /// Stores `path` if nothing is stored. Returns what is stored afterwards.
    #[cfg_attr(not(feature = "heap"), allow(dead_code))]
    pub(crate) fn load_or_store(&self, path: CallPath) -> CallPath {
        match self.0.compare_exchange(ptr::null_mut(), path.as_ptr().cast_mut(), AcqRel, Acquire) {
            Ok(_) => path,
            // SAFETY: as in `load`.
            Err(now) => unsafe { CallPath::from_ptr(now) }.unwrap_or(path),
        }
    }
}
