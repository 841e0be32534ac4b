//! Engines that signal a thread by its CPU time.

use std::fmt;
use std::time::Duration;

/// An engine that signals a thread by its CPU time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Engine {
    /// POSIX CPU timers. The signal comes at the kernel's next tick. They cost a thread nothing
    /// between two signals.
    Timer,
    /// perf's task clock. The signal comes at the exact time, in kernel mode too. It adds a cost to
    /// each context switch of the thread: 3 µs on a virtual machine.
    Perf,
    /// The pprof crate, while a profile is being taken.
    Pprof,
}

impl Engine {
    /// The engines of this crate's sampler.
    pub(crate) const ALL: [Self; 2] = [Self::Timer, Self::Perf];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Perf => "perf-clock",
            Self::Pprof => "pprof",
            Self::Timer => "cpu-timer",
        }
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The configuration of the sampler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rules {
    /// `None`: perf where threads are switched rarely, and for more samples than the kernel has
    /// ticks; otherwise timers.
    pub(crate) engine: Option<Engine>,
    /// Samples per second of CPU time. 0: only on request.
    pub(crate) hz: u32,
    /// For how long samples are kept one by one. Zero: they are only counted.
    pub(crate) keep: Duration,
}
