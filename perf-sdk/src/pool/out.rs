//! A checkout: an object that is in use.

use crate::scope::{CallPath, Site, callers};

/// A checkout.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Out {
    /// Coarse ticks; `None` if no clock ran.
    pub(crate) taken: Option<u64>,
    /// The scope that took it. `None` outside of all scopes.
    pub(crate) by: Option<CallPath>,
}

impl Out {
    /// The scopes in which it was taken, outermost first.
    pub(crate) fn callers(&self) -> Vec<&'static Site> {
        callers(self.by)
    }
}
