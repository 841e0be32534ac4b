//! What somebody wants to know of wall time.

use crate::base::pattern;

/// Which threads, how often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wish {
    /// Looks per second, from 1 to [`MAX_WALL_HZ`](super::rates::MAX_WALL_HZ).
    pub(crate) hz: u32,
    /// Names of threads, with `*` for any text.
    pub(crate) threads: String,
}

impl Wish {
    /// Whether threads of that name are meant.
    pub(crate) fn means(&self, thread: &str) -> bool {
        pattern::matches(&self.threads, thread)
    }
}
