//! A checkout: an object that is in use.
#![allow(unsafe_code)]

use crate::scope::{Path, Site, callers};

/// A checkout.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Out {
    /// Coarse ticks; `None` if no clock ran.
    pub(crate) taken: Option<u64>,
    pub(crate) by: *const Path,
}

impl Out {
    /// The scopes in which it was taken, outermost first.
    pub(crate) fn callers(&self) -> Vec<&'static Site> {
        // SAFETY: it was a thread's top scope, a node in an arena, which is never freed.
        unsafe { callers(self.by) }
    }
}
