//! The thread's current scope.
#![allow(unsafe_code)]

use std::cell::Cell;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering::Relaxed, Ordering::Release};

use super::{CallPath, LabelSet, Path, SpanIds};

/// The part of a thread's record that hooks read. It is the record's first field.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Scopes {
    /// A [`CallPath`] as a pointer, never null. Written by the owner only.
    top: AtomicPtr<Path>,
    /// The state for walking the thread's stack; null if its stack cannot be walked.
    pub(crate) walker: AtomicPtr<()>,
    /// The labels in effect; null if there are none. Written by the owner only.
    labels: AtomicPtr<LabelSet>,
    /// The trace and the span that the thread is in.
    #[cfg_attr(not(all(feature = "stacks", feature = "tracing")), allow(dead_code))]
    pub(crate) span: SpanIds,
}

/// Walks the calling thread's stack. Writes the addresses of its frames, innermost first, and
/// returns their number. It does not allocate, lock or make a system call.
#[cfg(all(feature = "heap", feature = "stacks"))]
pub(crate) type Walk = fn(walker: *const (), frames: &mut [u64]) -> usize;

#[cfg(all(feature = "heap", feature = "stacks"))]
static WALK: std::sync::OnceLock<Walk> = std::sync::OnceLock::new();

/// Enables stack walks of threads that have a walker.
#[cfg(all(feature = "heap", feature = "stacks"))]
pub(crate) fn set_walk(walk: Walk) {
    let _ = WALK.set(walk);
}

impl Scopes {
    pub(crate) fn new(top: CallPath) -> Self {
        Self {
            top: AtomicPtr::new(top.as_ptr().cast_mut()),
            walker: AtomicPtr::new(ptr::null_mut()),
            labels: AtomicPtr::new(ptr::null_mut()),
            span: SpanIds::new(),
        }
    }

    /// The current scope.
    ///
    /// # Safety
    /// Only on the thread that owns the record, including its signal handlers. The path may not be
    /// visible to others yet.
    #[inline]
    pub(crate) unsafe fn top(&self) -> CallPath {
        // SAFETY: it was stored by `new` or `set_top`, and this thread sees what it wrote.
        unsafe { CallPath::of(ptr::NonNull::new_unchecked(self.top.load(Relaxed))) }
    }

    /// As [`top`](Self::top), for another thread: only as an address.
    #[inline]
    pub(crate) fn top_for_reader(&self) -> *const Path {
        self.top.load(Relaxed).cast_const()
    }

    /// Sets the current scope. Owner only.
    #[inline]
    pub(crate) fn set_top(&self, top: CallPath) {
        self.top.store(top.as_ptr().cast_mut(), Relaxed);
    }

    /// The labels in effect. Owner only.
    pub(crate) fn labels(&self) -> Option<&'static LabelSet> {
        // SAFETY: null, or a set, which is never freed.
        unsafe { self.labels.load(Relaxed).as_ref() }
    }

    /// Sets the labels. Owner only.
    pub(crate) fn set_labels(&self, labels: Option<&'static LabelSet>) {
        let labels = labels.map_or(ptr::null(), ptr::from_ref);
        // `Release`: a reader of a sample may read the set.
        self.labels.store(labels.cast_mut(), Release);
    }

    /// Walks the stack of the scopes' own thread, as far as `frames` has room. Returns the number
    /// of frames, 0 where the stack cannot be walked.
    #[cfg(all(feature = "heap", feature = "stacks"))]
    pub(crate) fn walk(&self, frames: &mut [u64]) -> usize {
        let walker = self.walker.load(std::sync::atomic::Ordering::Acquire);
        match WALK.get() {
            Some(walk) if !walker.is_null() => walk(walker, frames),
            _ => 0,
        }
    }

    /// Returns 0: stacks cannot be walked in this build.
    #[cfg(all(feature = "heap", not(feature = "stacks")))]
    #[expect(clippy::unused_self, reason = "used by the other variant of this function")]
    pub(crate) fn walk(&self, _: &mut [u64]) -> usize {
        0
    }
}

/// The content of the thread-local slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot(*const Scopes);

impl Slot {
    /// No profiled call has run on this thread yet.
    pub(crate) const NEW: Self = Self(ptr::null());
    /// The recorder is active on this thread. Code that sees this is a signal handler or an
    /// allocator hook that interrupted it.
    pub(crate) const BUSY: Self = Self(ptr::without_provenance(1));
    /// The thread has returned its record.
    pub(crate) const DEAD: Self = Self(ptr::without_provenance(2));
    /// There was no memory for a record.
    pub(crate) const FULL: Self = Self(ptr::without_provenance(3));

    /// The slot of a thread that has a record.
    ///
    /// # Safety
    /// `scopes` points to the first field of a whole record, which is never freed.
    #[inline]
    pub(crate) unsafe fn of(scopes: *const Scopes) -> Self {
        Self(scopes)
    }

    #[inline]
    pub(crate) fn is_record(self) -> bool {
        self.0.addr() > 3
    }

    /// Where it [is a record](Self::is_record): that record, as `of` was given it.
    #[inline]
    pub(crate) fn as_ptr(self) -> *const Scopes {
        self.0
    }
}

thread_local! {
    // Const and without a destructor, so it is readable at any time, in signal handlers and while
    // the thread is torn down.
    static CURRENT: Cell<Slot> = const { Cell::new(Slot::NEW) };
}

impl Slot {
    #[inline]
    pub(crate) fn get() -> Self {
        CURRENT.with(Cell::get)
    }

    /// Where the calling thread's slot is, until the thread ends.
    pub(crate) fn cell() -> ptr::NonNull<Cell<Self>> {
        CURRENT.with(|slot| ptr::NonNull::from(slot))
    }

    #[inline]
    pub(crate) fn set(self) {
        CURRENT.with(|slot| slot.set(self));
    }
}
