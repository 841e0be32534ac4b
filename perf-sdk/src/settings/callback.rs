//! The program's callbacks.

use std::fmt;
use std::sync::Arc;

/// Called with each value, on a thread of the profiler.
pub(crate) struct Callback<T>(pub(crate) Arc<dyn Fn(&T) + Send + Sync>);

impl<T> Clone for Callback<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> fmt::Debug for Callback<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Callback")
    }
}
