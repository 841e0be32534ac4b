//! The program's callback for leak verdicts.

use std::fmt;
use std::sync::Arc;

use crate::snapshot::LeakFinding;

/// Callback invoked when a leak verdict worsens.
#[derive(Clone)]
pub(crate) struct OnLeak(pub(crate) Arc<dyn Fn(&LeakFinding) + Send + Sync>);

impl fmt::Debug for OnLeak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OnLeak")
    }
}
