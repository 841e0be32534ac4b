//! The thread's current scope.
#![allow(unsafe_code)]

use std::cell::Cell;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering::Relaxed, Ordering::Release};

use super::{LabelSet, Site, SpanIds};

/// One function reached by one path of callers. The first field of a call-tree node; immutable once
/// published and never freed, so a hook or a handler may walk it from any thread.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Path {
    /// `None` only in a tree's root.
    pub(crate) site: Option<&'static Site>,
    /// The caller; null only in a tree's root. A pointer to the whole node, which a reference to
    /// its path would not be.
    pub(crate) parent: *const Path,
    /// Steps to the root.
    pub(crate) depth: u32,
    /// Whether its site is one of its callers', too.
    pub(crate) is_within_itself: bool,
}

/// What a hook may know of a thread: the first field of a thread's record.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Scopes {
    /// Written by the owner only.
    pub(crate) top: AtomicPtr<Path>,
    /// What walks the thread's stack; null: its stack cannot be walked.
    pub(crate) walker: AtomicPtr<()>,
    /// Those in force; null: none. Written by the owner only.
    labels: AtomicPtr<LabelSet>,
    /// The trace and span that the thread is in.
    #[cfg_attr(not(all(feature = "stacks", feature = "tracing")), allow(dead_code))]
    pub(crate) span: SpanIds,
}

/// Walks the calling thread's stack: the addresses of its frames, innermost first, and how many
/// they are. Neither allocates, nor locks, nor calls the system.
#[cfg(all(feature = "heap", feature = "stacks"))]
pub(crate) type Walk = fn(walker: *const (), frames: &mut [u64]) -> usize;

#[cfg(all(feature = "heap", feature = "stacks"))]
static WALK: std::sync::OnceLock<Walk> = std::sync::OnceLock::new();

/// From now on threads with a walker can be walked.
#[cfg(all(feature = "heap", feature = "stacks"))]
pub(crate) fn set_walk(walk: Walk) {
    let _ = WALK.set(walk);
}

impl Scopes {
    pub(crate) fn new(top: *const Path) -> Self {
        Self {
            top: AtomicPtr::new(top.cast_mut()),
            walker: AtomicPtr::new(ptr::null_mut()),
            labels: AtomicPtr::new(ptr::null_mut()),
            span: SpanIds::new(),
        }
    }

    /// Owner only: the labels in force.
    pub(crate) fn labels(&self) -> Option<&'static LabelSet> {
        // SAFETY: null or a set, which is never freed.
        unsafe { self.labels.load(Relaxed).as_ref() }
    }

    /// Owner only.
    pub(crate) fn set_labels(&self, labels: Option<&'static LabelSet>) {
        let labels = labels.map_or(ptr::null(), ptr::from_ref);
        // `Release`: whoever reads a sample may read the set.
        self.labels.store(labels.cast_mut(), Release);
    }

    /// On the scopes' own thread: the addresses of its frames, as many as there is room for. Their
    /// number; 0 where nobody can walk.
    #[cfg(all(feature = "heap", feature = "stacks"))]
    pub(crate) fn walk(&self, frames: &mut [u64]) -> usize {
        let walker = self.walker.load(std::sync::atomic::Ordering::Acquire);
        match WALK.get() {
            Some(walk) if !walker.is_null() => walk(walker, frames),
            _ => 0,
        }
    }

    /// Nobody can walk.
    #[cfg(all(feature = "heap", not(feature = "stacks")))]
    #[expect(clippy::unused_self, reason = "another feature needs it")]
    pub(crate) fn walk(&self, _: &mut [u64]) -> usize {
        0
    }
}

/// What the thread-local slot holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot(*const Scopes);

impl Slot {
    /// No profiled call ran on this thread yet.
    pub(crate) const NEW: Self = Self(ptr::null());
    /// The recorder is at work on this thread: whoever comes in between is a signal handler or an
    /// allocator hook.
    pub(crate) const BUSY: Self = Self(ptr::without_provenance(1));
    /// The thread gave its record back.
    pub(crate) const DEAD: Self = Self(ptr::without_provenance(2));
    /// There was no memory for a record.
    pub(crate) const FULL: Self = Self(ptr::without_provenance(3));

    #[inline]
    pub(crate) fn of(scopes: *const Scopes) -> Self {
        Self(scopes)
    }

    #[inline]
    pub(crate) fn is_record(self) -> bool {
        self.0.addr() > 3
    }

    #[inline]
    pub(crate) fn as_ptr(self) -> *const Scopes {
        self.0
    }
}

thread_local! {
    // Const and without a destructor: readable at any time, in handlers and while the thread is
    // torn down.
    static CURRENT: Cell<Slot> = const { Cell::new(Slot::NEW) };
}

impl Slot {
    #[inline]
    pub(crate) fn get() -> Self {
        CURRENT.with(Cell::get)
    }

    #[inline]
    pub(crate) fn set(self) {
        CURRENT.with(|slot| slot.set(self));
    }
}
