//! The ways to signal a thread by its CPU time.

use std::fmt;

/// A way to signal a thread by its CPU time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Engine {
    /// POSIX CPU timers: at the kernel's next tick. Costs a thread nothing between two signals.
    Timer,
    /// perf's task clock: at the very moment, from kernel mode too. Makes each context switch of
    /// the thread dearer, by 3 µs on a virtual machine.
    Perf,
    /// The pprof crate, while a profile is taken.
    Pprof,
}

impl Engine {
    /// Of our own sampler.
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

/// How stacks are to be sampled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rules {
    /// `None`: timers for as many samples as the kernel has ticks, perf for more.
    pub(crate) engine: Option<Engine>,
    /// Samples per second of CPU time; 0: only while somebody wants them.
    pub(crate) hz: u32,
}
