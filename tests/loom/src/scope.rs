//! Sites and paths, as far as what threads meet in asks for them.

use std::cell::Cell;
use std::ptr::{self, NonNull};

use crate::base::atomic::{AtomicPtr, AtomicU32, Ordering};

#[path = "../../../perf-sdk/src/scope/call_path.rs"]
mod call_path;
#[path = "../../../perf-sdk/src/scope/callers.rs"]
mod callers;
#[path = "../../../perf-sdk/src/scope/span.rs"]
mod span;

pub(crate) use call_path::{AtomicCallPath, CallPath, Path};
pub(crate) use callers::callers;
pub(crate) use span::SpanIds;

#[derive(Debug)]
pub(crate) struct Site {
    shared: Shared,
    /// How often the rules were applied to it.
    pub(crate) configured: AtomicU32,
}

#[derive(Debug)]
pub(crate) struct Shared(pub(crate) AtomicPtr<()>);

pub(crate) struct Options {
    pub(crate) alloc: bool,
}

impl Site {
    pub(crate) const fn new() -> Self {
        Self { shared: Shared(AtomicPtr::new(ptr::null_mut())), configured: AtomicU32::new(0) }
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }

    pub(crate) fn options(&self) -> Options {
        Options { alloc: false }
    }
}

impl Path {
    pub(crate) fn address(&'static self) -> CallPath {
        // SAFETY: it is never freed and never changes. Nothing here takes it for a part of a node.
        unsafe { CallPath::of(NonNull::from(self)) }
    }
}

#[derive(Debug)]
pub(crate) struct Scopes {
    top: AtomicPtr<Path>,
    pub(crate) walker: AtomicPtr<()>,
    pub(crate) span: SpanIds,
}

#[derive(Debug)]
pub(crate) struct LabelSet;

impl Scopes {
    pub(crate) fn new(top: CallPath) -> Self {
        Self { top: AtomicPtr::new(top.as_ptr().cast_mut()), walker: AtomicPtr::new(ptr::null_mut()), span: SpanIds::new() }
    }

    /// # Safety
    /// As in the library.
    pub(crate) unsafe fn top(&self) -> CallPath {
        // SAFETY: `new` stored it.
        unsafe { CallPath::of(NonNull::new_unchecked(self.top.load(Ordering::Relaxed))) }
    }

    pub(crate) fn labels(&self) -> Option<&'static LabelSet> {
        None
    }
}

impl LabelSet {
    pub(crate) fn all(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }
}

#[derive(Clone, Copy)]
pub(crate) struct Slot(*const Scopes);

loom::thread_local! {
    static CURRENT: Cell<Slot> = Cell::new(Slot(ptr::null()));
}

impl Slot {
    pub(crate) fn of(scopes: *const Scopes) -> Self {
        Self(scopes)
    }

    pub(crate) fn is_record(self) -> bool {
        !self.0.is_null()
    }

    pub(crate) fn as_ptr(self) -> *const Scopes {
        self.0
    }

    pub(crate) fn get() -> Self {
        CURRENT.with(Cell::get)
    }

    pub(crate) fn set(self) {
        CURRENT.with(|slot| slot.set(self));
    }
}
