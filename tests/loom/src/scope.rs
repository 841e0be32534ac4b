//! Sites and paths, as far as what threads meet in asks for them.

use std::cell::Cell;
use std::ptr;

use crate::base::atomic::{AtomicPtr, AtomicU32};

#[path = "../../../perf-sdk/src/scope/callers.rs"]
mod callers;
#[path = "../../../perf-sdk/src/scope/span.rs"]
mod span;

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

#[derive(Debug)]
pub(crate) struct Path {
    pub(crate) site: Option<&'static Site>,
    pub(crate) parent: *const Path,
}

// SAFETY: never changed, and its parent is never freed.
unsafe impl Sync for Path {}

#[derive(Debug)]
pub(crate) struct Scopes {
    pub(crate) top: AtomicPtr<Path>,
    pub(crate) walker: AtomicPtr<()>,
    pub(crate) span: SpanIds,
}

#[derive(Debug)]
pub(crate) struct LabelSet;

impl Scopes {
    pub(crate) fn new(top: *const Path) -> Self {
        Self { top: AtomicPtr::new(top.cast_mut()), walker: AtomicPtr::new(ptr::null_mut()), span: SpanIds::new() }
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
