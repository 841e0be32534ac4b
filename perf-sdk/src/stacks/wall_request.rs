//! A request for wall-time samples.

use crate::base::pattern;

/// Which threads to sample, and how often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wish {
    /// Samples per second of each thread, from 1 to [`MAX_WALL_HZ`](super::rates::MAX_WALL_HZ).
    pub(crate) hz: u32,
    /// Names of threads, in which `*` stands for any text.
    pub(crate) threads: String,
}

impl Wish {
    /// Whether it includes threads with this name.
    pub(crate) fn means(&self, thread: &str) -> bool {
        pattern::matches(&self.threads, thread)
    }
}
