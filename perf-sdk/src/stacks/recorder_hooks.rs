//! Callbacks into the recorder.

use crate::scope::Scopes;

/// The functions of the recorder that the sampler uses.
#[derive(Clone, Copy)]
pub(crate) struct Host {
    /// The threads that made a profiled call, with their open calls.
    pub(crate) scopes: fn() -> Vec<(u32, *const Scopes)>,
    /// The profiler's threads, which are not sampled. 0: none.
    pub(crate) own: fn() -> [u32; 8],
    /// Adds the time that handlers took since the last call, in nanoseconds.
    pub(crate) spent: fn(u64),
}
