//! CPU time by stack.

use super::{Code, SampledStack};
use crate::trace::TraceContext;

/// Sampled stacks of threads that were on a CPU.
///
/// With the pprof crate (feature `pprof`), samples are taken only while a profile is taken, and
/// have no scopes, handler times and counts of lost samples. The missing time shows in
/// [`coverage`](Self::coverage).
///
/// **Blind spots.** Threads that block the signal `SIGURG`; threads that live for less than half a
/// second without making a profiled call; frames of code that was loaded within the last half
/// second; code on the stack of a coroutine, of which only the innermost frame is known. CPU time
/// of system calls belongs to their caller.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct CpuProfile {
    /// The end of the profile, nanoseconds since the Unix epoch.
    pub taken_at_unix_ns: u64,
    /// The length of the profile, nanoseconds.
    pub window_ns: u64,
    /// The engine that signals threads: `perf-clock`, `cpu-timer` or `pprof`.
    pub engine: String,
    /// The requested number of samples per second of CPU time.
    pub hz: u32,
    /// The number of samples.
    pub samples: u64,
    /// The CPU time that the samples stand for, nanoseconds.
    pub sampled_ns: u64,
    /// CPU time of the process in the window, nanoseconds.
    pub process_ns: u64,
    /// The number of samples that were lost because they were not read in time.
    pub dropped: u64,
    /// The CPU time that the lost samples stood for, nanoseconds.
    pub dropped_ns: u64,
    /// The number of samples without their outermost frames.
    pub cut: u64,
    /// The number of samples of which only the innermost frame is known.
    pub leaf_only: u64,
    /// The number of samples that were kept without their stack, because there were too many
    /// different stacks.
    pub folded: u64,
    /// The time that signals and their handlers took, nanoseconds.
    pub handler_ns: u64,
    /// The median time of a handler, nanoseconds. Its resolution is a quarter of an octave.
    pub handler_median_ns: u64,
    /// The number of samples in each sixteenth of the kernel's tick. They are equal, unless the
    /// kernel checks its timers only at ticks.
    pub phases: [u64; 16],
    /// The number of threads that are sampled.
    pub threads: u64,
    /// The number of threads that cannot be sampled, because of limits of the system or because
    /// they block the signal.
    pub refused: u64,
    /// One entry for each combination of scope, thread, labels, addresses and span.
    pub stacks: Vec<SampledStack>,
    /// The code of the stacks.
    pub code: Code,
}

impl CpuProfile {
    /// The CPU time that the samples stand for, as a share of the process's.
    #[must_use]
    pub fn coverage(&self) -> f64 {
        if self.process_ns == 0 { 0.0 } else { self.sampled_ns as f64 / self.process_ns as f64 }
    }

    /// Removes trace ids and keeps span ids. It is for collectors that make one series for each
    /// value of a label, as Pyroscope does for all labels except span ids.
    #[must_use]
    pub fn without_trace_ids(mut self) -> Self {
        self.stacks.iter_mut().for_each(|stack| stack.trace = stack.trace.map(TraceContext::without_trace_id));
        self
    }
}
