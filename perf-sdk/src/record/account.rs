//! The profiler's own CPU time, by purpose.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

macro_rules! parts {
    ($($variant:ident $name:literal $doc:literal),+ $(,)?) => {
        /// What the profiler's CPU time is spent on.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Part { $(#[doc = $doc] $variant),+ }

        impl Part {
            pub(in crate::record) const ALL: [Self; [$($name),+].len()] = [$(Self::$variant),+];

            /// The value of the label `part`.
            pub(crate) const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }
        }
    };
}

parts! {
    Counting "counting" "Counting calls, which no sampling rate can reduce.",
    Measuring "measuring" "Measuring some of the calls.",
    Operations "operations" "Operations of caches, pools, queues, statements and other instruments.",
    Signals "signals" "Signal handlers that sample stacks.",
    Heap "heap" "Samples of the live heap.",
    Stacks "stacks" "The thread that finds new threads and collects samples of stacks.",
    Server "server" "The endpoint, and profiles that it makes.",
    Requests "requests" "Requests to the profiler that threads of the program served.",
    Push "push" "Profiles that are pushed or written to files.",
    Otlp "otlp" "Metrics that are sent to a server of OTLP.",
    Budget "budget" "The job that keeps the budget.",
    Pressure "pressure" "The job that evaluates how short memory is.",
    Leaks "leaks" "The job that detects leaks.",
    Monitors "monitors" "The jobs that read the process, the host and the control group.",
    Instruments "instruments" "The job that reads caches, pools, queues and other instruments.",
    History "history" "The job that keeps the history of readings and functions.",
    Targets "targets" "The job that judges targets.",
    Alerts "alerts" "The job that judges alerts.",
    Scaling "scaling" "The job that says how many processes the load needs.",
    Flight "flight" "Bundles of evidence.",
    Callbacks "callbacks" "The program's callbacks, and relief when memory is short.",
    Scheduling "scheduling" "Waking up for the jobs.",
}

static SPENT_NS: [AtomicU64; Part::ALL.len()] = [const { AtomicU64::new(0) }; Part::ALL.len()];

pub(in crate::record) fn add(part: Part, ns: u64) {
    SPENT_NS[part as usize].fetch_add(ns, Relaxed);
}

/// Nanoseconds by part, up to the latest evaluation of the budget. All 0 without a budget.
pub(crate) fn account() -> impl Iterator<Item = (&'static str, u64)> {
    Part::ALL.into_iter().map(|part| (part.name(), SPENT_NS[part as usize].load(Relaxed)))
}

/// Called in a forked child.
pub(in crate::record) fn after_fork() {
    SPENT_NS.iter().for_each(|spent| spent.store(0, Relaxed));
}
