//! Where threads spent their time, running or not.

use super::{Code, Frame, SampledStack};
use crate::trace::TraceContext;

/// Off-CPU time of a profiled function.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OffCpu {
    /// The function.
    pub scope: Frame,
    /// Its own, without that of profiled callees, nanoseconds.
    pub own_ns: u64,
}

/// Stacks of threads by wall time, whether they ran or waited.
///
/// At each tick a chosen thread is looked at; what went by since the tick before belongs to the
/// stack at which it is found. One that has not run since is not asked again.
///
/// **Cost.** While it lasts: half a microsecond a thread and tick, and a signal for each that ran.
/// A signal interrupts the system call in which a thread waits, twice for each time that it goes to
/// sleep: those that the kernel does not restart return `EINTR` (`epoll_wait`, `nanosleep`,
/// `poll`). Rust's standard library and tokio try again; other code may not. So it is taken on
/// demand only.
///
/// **Blind spots.** Threads that block the signal `SIGURG`, and whatever else
/// [`CpuProfile`](super::CpuProfile) does not see. Time in spans: of the newest 16,384 looks.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct WallProfile {
    /// When it ended, nanoseconds since the Unix epoch.
    pub taken_at_unix_ns: u64,
    /// What it covers, nanoseconds.
    pub window_ns: u64,
    /// Looks per second at each thread.
    pub hz: u32,
    /// Which threads: names, with `*` for any text.
    pub threads_like: String,
    /// Threads looked at, at the end.
    pub threads: u64,
    /// Looks at threads.
    pub samples: u64,
    /// The wall time that they stand for, of all threads, nanoseconds.
    pub wall_ns: u64,
    /// What of that was off the CPU, nanoseconds.
    pub off_cpu_ns: u64,
    /// Of threads that were asked and did not answer by the end, nanoseconds; those that block the
    /// signal are not asked, and are here too.
    pub unanswered_ns: u64,
    /// Of chosen threads that ended before they answered, nanoseconds.
    pub lost_ns: u64,
    /// By scope, thread, labels, addresses and span, each once.
    pub stacks: Vec<SampledStack>,
    /// The code of the stacks.
    pub code: Code,
    /// Beside the samples: what the recorder says of calls that ended in the window or are open,
    /// most first. Of all threads, and empty where recording is off.
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
