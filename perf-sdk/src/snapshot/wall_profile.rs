//! Wall time by stack.

use super::{Code, Frame, SampledStack};
use crate::trace::TraceContext;

/// Off-CPU time of a profiled function.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OffCpu {
    /// The function.
    pub scope: Frame,
    /// Off-CPU time, excluding that of profiled callees, nanoseconds.
    pub own_ns: u64,
}

/// Stacks of threads by wall time, running or waiting.
///
/// At each tick, a chosen thread is sampled. The time since its previous tick belongs to the stack
/// that is found. A thread that has not run since is not signalled again.
///
/// **Cost.** While the profile is taken: half a microsecond for each thread and tick, and a signal
/// for each thread that ran. A signal interrupts the system call in which a thread waits, twice for
/// each time that it goes to sleep. System calls that the kernel does not restart return `EINTR`
/// (`epoll_wait`, `nanosleep`, `poll`). Rust's standard library and tokio try again; other code may
/// not. So the profile is taken on demand only.
///
/// **Blind spots.** Threads that block the signal `SIGURG`, and the other blind spots of
/// [`CpuProfile`](super::CpuProfile). Time in spans: only the newest 16,384 samples are included.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct WallProfile {
    /// The end of the profile, nanoseconds since the Unix epoch.
    pub taken_at_unix_ns: u64,
    /// The length of the profile, nanoseconds.
    pub window_ns: u64,
    /// Samples of each thread per second.
    pub hz: u32,
    /// The names of the chosen threads, with `*` for any text.
    pub threads_like: String,
    /// The number of sampled threads at the end.
    pub threads: u64,
    /// The number of samples.
    pub samples: u64,
    /// The wall time that the samples stand for, summed over all threads, nanoseconds.
    pub wall_ns: u64,
    /// The part of the wall time that was off the CPU, nanoseconds.
    pub off_cpu_ns: u64,
    /// Wall time of threads that were signalled and had not responded by the end, nanoseconds.
    /// Includes threads that block the signal, which are not signalled.
    pub unanswered_ns: u64,
    /// Wall time of chosen threads that ended before they responded, nanoseconds.
    pub lost_ns: u64,
    /// One entry for each combination of scope, thread, labels, addresses and span.
    pub stacks: Vec<SampledStack>,
    /// The code of the stacks.
    pub code: Code,
    /// Off-CPU time by the recorder, independent of the samples: of calls that ended in the window
    /// or are open. The longest time comes first. It covers all threads, and is empty if recording
    /// is off.
    pub recorded_off_cpu: Vec<OffCpu>,
}

impl WallProfile {
    /// As [`CpuProfile::without_trace_ids`](super::CpuProfile::without_trace_ids).
    #[must_use]
    pub fn without_trace_ids(mut self) -> Self {
        self.stacks.iter_mut().for_each(|stack| stack.trace = stack.trace.map(TraceContext::without_trace_id));
        self
    }
}
