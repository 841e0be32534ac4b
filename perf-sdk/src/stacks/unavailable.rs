//! Why there are no samples.

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
    /// Unsupported platform.
    #[allow(dead_code, reason = "of systems without a sampler")]
    Elsewhere,
}

impl Unavailable {
    pub(super) fn reason(self) -> &'static str {
        match self {
            Self::Taken => "the program handles the signal SIGURG itself",
            Self::Memory => "there is no memory for it",
            Self::Refused => "the kernel refuses CPU timers and perf events",
            #[cfg(feature = "pprof")]
            Self::ProfTaken => "the program handles the signal SIGPROF itself",
            #[cfg(feature = "pprof")]
            Self::Forked => "the pprof crate was in use before this process was forked",
            Self::Elsewhere => "not on this system",
        }
    }
}
