//! Types with a few named values.

/// Defines an enum whose variants have names.
macro_rules! named {
    (
        $(#[$attribute:meta])*
        pub enum $type:ident {
            $( $(#[$variant_attribute:meta])* $variant:ident = $name:literal ),* $(,)?
        }
    ) => {
        $(#[$attribute])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $type {
            $( $(#[$variant_attribute])* $variant, )*
        }

        impl $type {
            /// The name in a setting.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $( Self::$variant => $name, )*
                }
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.name())
            }
        }

        impl $crate::settings::value::Value for $type {
            fn parse(text: &str) -> Option<Self> {
                match text {
                    $( $name => Some(Self::$variant), )*
                    _ => None,
                }
            }

            fn show(&self) -> String {
                self.name().to_owned()
            }
        }
    };
}

named! {
    /// Which reads need the token, wherever the endpoint listens.
    ///
    /// On addresses other than loopback, a configured token guards all of them anyway.
    pub enum Guard {
        /// No read.
        Off = "off",
        /// Reads that take time or affect how the process runs.
        Captures = "captures",
        /// All reads.
        All = "all",
    }
}

named! {
    /// What happens to a function if counting its calls takes more than the budget allows.
    pub enum HotFunctions {
        /// It rests: its calls are estimated from then on.
        Rest = "rest",
        /// Its calls are still counted.
        Count = "count",
    }
}

named! {
    /// What the annotations say about caches.
    pub enum LeakCaches {
        /// Every cache is annotated with its bound, so a call path that keeps all that it allocates
        /// leaks.
        Declared = "declared",
        /// A call path that keeps all that it allocates may be a cache.
        Undeclared = "undeclared",
    }
}

named! {
    /// How threads are signalled to sample their stacks.
    pub enum StackEngine {
        /// CPU timers for up to as many samples as the kernel has ticks, perf's clock for more, and
        /// the pprof crate, with the feature `pprof`, where neither works.
        Auto = "auto",
        /// perf's clock.
        PerfClock = "perf-clock",
        /// CPU timers.
        CpuTimer = "cpu-timer",
        /// The pprof crate; only with the feature `pprof`.
        Pprof = "pprof",
    }
}

named! {
    /// A signal that makes a bundle of evidence.
    pub enum EvidenceSignal {
        /// `SIGUSR1`.
        Usr1 = "USR1",
        /// `SIGUSR2`.
        Usr2 = "USR2",
        /// `SIGHUP`.
        Hup = "HUP",
    }
}

named! {
    /// How the CPU time of a thread is read.
    pub enum CpuClock {
        /// From the page of a perf event, without a system call.
        PerfTime = "perf-time",
        /// By the thread's restartable-sequence pointer, which the kernel clears.
        Rseq = "rseq",
        /// By the sequence word of a perf event's page.
        PerfSeq = "perf-seq",
        /// The kernel is asked, for a sample of the calls.
        Syscall = "syscall",
    }
}

named! {
    /// The protocol for a Pyroscope server.
    pub enum PushProtocol {
        /// `POST /ingest`: every Pyroscope, and compatible servers.
        Ingest = "ingest",
        /// `POST /push.v1.PusherService/Push`: Grafana Pyroscope from 1.0 on, and Alloy's
        /// `pyroscope.receive_http`.
        Push = "push",
    }
}

named! {
    /// What sums of OTLP count.
    pub enum OtlpTemporality {
        /// All since the start, as Prometheus and most servers expect it.
        Cumulative = "cumulative",
        /// What came since the request before.
        Delta = "delta",
    }
}
