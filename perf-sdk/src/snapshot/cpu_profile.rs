//! Which stacks took CPU time.

use super::{Code, SampledStack};
use crate::trace::TraceContext;

/// Sampled stacks of threads that were on a CPU.
///
/// By the pprof crate (feature `pprof`) only what happened while profiles were taken, without
/// scopes, handler times and lost samples: they are missing in [`coverage`](Self::coverage).
///
/// **Blind spots.** Threads that block the signal `SIGURG`; threads that live for less than half a
/// second without making a profiled call; frames of code that was loaded within the last half
/// second; what runs on the stack of a coroutine, of which only the innermost frame is known. CPU
/// time of system calls belongs to whoever called.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct CpuProfile {
    /// When it ended, nanoseconds since the Unix epoch.
    pub taken_at_unix_ns: u64,
    /// What it covers, nanoseconds.
    pub window_ns: u64,
    /// What signals threads: `perf-clock`, `cpu-timer` or `pprof`.
    pub engine: String,
    /// Samples wanted per second of CPU time.
    pub hz: u32,
    /// Samples taken.
    pub samples: u64,
    /// The CPU time that they stand for, nanoseconds.
    pub sampled_ns: u64,
    /// CPU time of the process, nanoseconds.
    pub process_ns: u64,
    /// Samples that were lost as nobody read them in time.
    pub dropped: u64,
    /// The CPU time that these stood for, nanoseconds.
    pub dropped_ns: u64,
    /// Samples without their outermost frames.
    pub cut: u64,
    /// Samples of which only the innermost frame is known.
    pub leaf_only: u64,
    /// Samples that were kept without their stack, since there were too many different ones.
    pub folded: u64,
    /// What signals and their handlers took, nanoseconds.
    pub handler_ns: u64,
    /// What half of the handlers took less than, nanoseconds; by quarters of octaves.
    pub handler_median_ns: u64,
    /// How many samples came in each sixteenth of the kernel's tick: alike, unless the kernel looks
    /// at its ticks only.
    pub phases: [u64; 16],
    /// Threads that are sampled.
    pub threads: u64,
    /// Threads that could not be, for limits of the system or since they block the signal.
    pub refused: u64,
    /// By scope, thread, labels, addresses and span, each once.
    pub stacks: Vec<SampledStack>,
    /// The code of the stacks.
    pub code: Code,
}

impl CpuProfile {
    /// The CPU time that the samples stand for as a share of the process's.
    #[must_use]
    pub fn coverage(&self) -> f64 {
        if self.process_ns == 0 { 0.0 } else { self.sampled_ns as f64 / self.process_ns as f64 }
    }

    /// Without trace ids, and with span ids as they are: for collectors that make a series of each
    /// value of a label, as Pyroscope does of all but span ids.
    #[must_use]
    pub fn without_trace_ids(mut self) -> Self {
        self.stacks.iter_mut().for_each(|stack| stack.trace = stack.trace.map(TraceContext::without_trace_id));
        self
    }
}
