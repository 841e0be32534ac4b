//! What lies between the sampler and those who have it.

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

/// Why there are no samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unavailable {
    /// The program handles the signal.
    Taken,
    /// The kernel does.
    Refused,
    /// There is no memory for it.
    Memory,
    /// The program handles the signal of the pprof crate.
    #[cfg(feature = "pprof")]
    ProfTaken,
    /// The pprof crate was in use before this process was forked.
    #[cfg(feature = "pprof")]
    Forked,
    /// Nobody knows how, on this system.
    #[allow(dead_code, reason = "of systems without a sampler")]
    Elsewhere,
}
