//! Values of which there are a few, each with a name.

/// An enum whose variants are written by name.
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
            /// As it is written.
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
    /// Which reads must bear the token, wherever the endpoint listens.
    ///
    /// On other than loopback addresses a token that was set guards all of them anyway.
    pub enum Guard {
        /// None.
        Off = "off",
        /// Those that take time or change how the process runs.
        Captures = "captures",
        /// All.
        All = "all",
    }
}

named! {
    /// What is done with a function whose calls take more to count than the budget allows.
    pub enum HotFunctions {
        /// It rests: its calls are estimated from then on.
        Rest = "rest",
        /// Its calls are counted, whatever that takes.
        Count = "count",
    }
}

named! {
    /// What is known of caches.
    pub enum LeakCaches {
        /// Every cache is annotated with its bound: what keeps all that it allocates leaks.
        Declared = "declared",
        /// What keeps all that it allocates may be a cache.
        Undeclared = "undeclared",
    }
}

named! {
    /// How threads are signalled for samples of their stacks.
    pub enum StackEngine {
        /// CPU timers for as many samples as the kernel has ticks, perf's clock for more, and where
        /// neither works the pprof crate, with the feature `pprof`.
        Auto = "auto",
        /// perf's clock.
        PerfClock = "perf-clock",
        /// CPU timers.
        CpuTimer = "cpu-timer",
        /// The pprof crate, with the feature `pprof` only.
        Pprof = "pprof",
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
        /// The kernel is asked, for some calls only.
        Syscall = "syscall",
    }
}

named! {
    /// How a Pyroscope server is spoken to.
    pub enum PushProtocol {
        /// `POST /ingest`: every Pyroscope, and what speaks like it.
        Ingest = "ingest",
        /// `POST /push.v1.PusherService/Push`: Grafana Pyroscope from 1.0 on, and Alloy's
        /// `pyroscope.receive_http`.
        Push = "push",
    }
}
