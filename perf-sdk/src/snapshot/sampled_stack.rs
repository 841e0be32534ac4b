//! A stack that was sampled.

use super::Frame;
use crate::trace::TraceContext;

/// A stack that was sampled on threads of one name, within one profiled scope, with the same labels
/// and in one span.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SampledStack {
    /// The profiled functions that were open, outermost first.
    pub scope: Vec<Frame>,
    /// The thread's name.
    pub thread: String,
    /// The labels that the program set by [`with_labels`](crate::with_labels), by name.
    pub labels: Vec<(String, String)>,
    /// The trace and the span, from the [trace hook](crate::set_trace_hook) and the layer of the
    /// feature `tracing`. Only the newest 16,384 samples within spans have them; older ones are
    /// counted with those outside of spans.
    pub trace: Option<TraceContext>,
    /// Indices into the addresses of the profile's code, innermost first.
    pub addresses: Vec<u32>,
    /// Frames are missing at the outer end.
    pub is_cut: bool,
    /// The number of samples.
    pub samples: u64,
    /// The time that the samples stand for, nanoseconds: CPU time in a
    /// [`CpuProfile`](super::CpuProfile), wall time in a [`WallProfile`](super::WallProfile).
    pub time_ns: u64,
    /// The part of the wall time that the threads spent off the CPU, nanoseconds; 0 in a CPU
    /// profile.
    pub off_cpu_ns: u64,
}
