//! Callbacks into the recorder.

use crate::scope::Scopes;

/// What the sampler must know of the recorder.
#[derive(Clone, Copy)]
pub(crate) struct Host {
    /// Threads that made a profiled call, with their open calls.
    pub(crate) scopes: fn() -> Vec<(u32, *const Scopes)>,
    /// Threads of the profiler, which are not sampled; 0: none.
    pub(crate) own: fn() -> [u32; 8],
    /// Takes what handlers cost since it was last told, nanoseconds.
    pub(crate) spent: fn(u64),
}
