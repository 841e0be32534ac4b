//! Which process this is.

use std::sync::atomic::{AtomicU64, Ordering};

use super::fork;

/// Tells a process from its children: from those that `fork` makes by the generation, which the
/// hooks of forks count, and from those that a bare `clone` makes, which runs no hooks, by the
/// system's number. A child of both kinds may have the number of its parent, in a namespace of its
/// own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Process(u64);

impl Process {
    /// One system call.
    pub(crate) fn current() -> Self {
        Self(u64::from(std::process::id()) << 32 | u64::from(fork::generation()))
    }

    pub(crate) fn is_current(self) -> bool {
        self == Self::current()
    }

    /// Another one than any that there is.
    #[cfg(test)]
    pub(crate) fn other(number: u32) -> Self {
        Self(u64::from(number))
    }
}

/// A process in a static, or none.
#[derive(Debug, Default)]
pub(crate) struct AtomicProcess(AtomicU64);

impl AtomicProcess {
    pub(crate) const fn none() -> Self {
        Self(AtomicU64::new(0))
    }

    pub(crate) fn store(&self, process: Option<Process>, order: Ordering) {
        self.0.store(process.map_or(0, |process| process.0), order);
    }

    /// Whether it was another one, or none; now it is this one.
    #[cfg(feature = "stacks")]
    pub(crate) fn take(&self, process: Process, order: Ordering) -> bool {
        let free = |now| (now != process.0).then_some(process.0);
        self.0.fetch_update(order, Ordering::Relaxed, free).is_ok()
    }

    pub(crate) fn load(&self, order: Ordering) -> Option<Process> {
        // No process has the number 0.
        Some(self.0.load(order)).filter(|number| *number != 0).map(Process)
    }
}
