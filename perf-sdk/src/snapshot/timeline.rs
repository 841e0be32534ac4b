//! CPU samples in their order.

/// The samples of a [`CpuProfile`](super::CpuProfile), each with its time, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Timeline {
    /// One entry for each sample.
    pub(crate) samples: Vec<TimelineSample>,
}

/// One sample of a thread that was on a CPU.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct TimelineSample {
    /// When it was taken, nanoseconds since the Unix epoch.
    pub(crate) at_unix_ns: u64,
    /// The number of the thread in the kernel. Threads have equal names.
    pub(crate) thread_id: u32,
    /// An index into the stacks of the profile.
    pub(crate) stack: u32,
    /// The CPU time for which it stands, nanoseconds.
    pub(crate) time_ns: u64,
}
