//! Why there are no samples.

/// Why there are no samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unavailable {
    /// The program handles the signal itself.
    Taken,
    /// The kernel refuses timers and events.
    Refused,
    /// There is not enough memory.
    Memory,
    /// The program handles the signal of the pprof crate itself.
    #[cfg(feature = "pprof")]
    ProfTaken,
    /// The pprof crate was in use before this process was forked.
    #[cfg(feature = "pprof")]
    Forked,
    /// Unsupported platform.
    #[allow(dead_code, reason = "of systems without a sampler")]
    Elsewhere,
}

impl Unavailable {
    pub(super) fn reason(self) -> &'static str {
        match self {
            Self::Taken => "the program handles the signal SIGURG itself",
            Self::Memory => "there is not enough memory",
            Self::Refused => "the kernel refuses CPU timers and perf events",
            #[cfg(feature = "pprof")]
            Self::ProfTaken => "the program handles the signal SIGPROF itself",
            #[cfg(feature = "pprof")]
            Self::Forked => "the pprof crate was in use before this process was forked",
            Self::Elsewhere => "not supported on this system",
        }
    }
}
